/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gang of native workers, on a clock that the test moves.  The program is the shell, and the test
 * itself writes to the board what ganger's library in the program would.
 *
 * The library must be found beside the test's program, so the test goes on as a copy of itself in a
 * folder of its own, with some other library under that name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "board/mapping.h"
#include "pool/gang.h"
#include "pool/native.h"

#define WATCHES 64

static char folder[64];

struct world {
    struct conf *conf;
    struct pool_context context;
    struct gang *gang;
    struct gang_watch watches[WATCHES];
    size_t watch_count;
    uint64_t skew; /* how far the test has moved the clock */
    char said[4096];
    char lines[8192];
};

/* Slower than the real one, so that a busy machine makes nobody late. */
static uint64_t now(const struct world *w)
{
    return CLOCK_SEC + clock_monotonic() / 4 + w->skew;
}

/* ---- hooks ---- */

static int watch(void *cookie, struct gang *g, const struct gang_watch *one)
{
    struct world *w = cookie;

    (void)g;
    for (size_t i = 0; i < w->watch_count; i++) {
        if (w->watches[i].fd == one->fd) {
            w->watches[i] = *one;
            return 0;
        }
    }
    assert_true(w->watch_count < WATCHES);
    w->watches[w->watch_count++] = *one;
    return 0;
}

static void unwatch(void *cookie, struct gang *g, const struct gang_watch *one)
{
    struct world *w = cookie;

    (void)g;
    for (size_t i = 0; i < w->watch_count; i++) {
        if (w->watches[i].fd == one->fd) {
            w->watches[i] = w->watches[--w->watch_count];
            return;
        }
    }
}

static void line(void *cookie, struct gang *g, pid_t pid, int level, const char *text,
                 size_t length)
{
    struct world *w = cookie;
    size_t used = strlen(w->lines);

    (void)g;
    (void)pid;
    (void)snprintf(w->lines + used, sizeof(w->lines) - used, "%d:%.*s|", level, (int)length, text);
}

static void say(void *cookie, struct gang *g, pid_t worker, enum log_level level, const char *text)
{
    struct world *w = cookie;
    size_t used = strlen(w->said);

    (void)g;
    (void)worker;
    assert_int_not_equal(level, LOG_LEVEL_ALERT); /* our own tables disagree */
    (void)snprintf(w->said + used, sizeof(w->said) - used, "%s\n", text);
}

/* ---- the world ---- */

static void begin(struct world *w, const char *more, const char *script)
{
    static char path[] = "PATH=/usr/bin:/bin", lang[] = "LANG=C.UTF-8";
    static char *environment[] = {path, lang, NULL};
    struct conf_complaints complaints = {0};
    struct error err = ERROR_NONE;
    char text[2048], name[128];

    memset(w, 0, sizeof(*w));
    (void)snprintf(name, sizeof(name), "%s/script", folder);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    (void)fputs(script, f);
    (void)fclose(f);
    (void)snprintf(text, sizeof(text),
                   "runtime_directory = \"/nonexistent\"\n"
                   "pool p {\n listen = \"%s/sock\"\n kind = fastcgi\n"
                   " command = {\"/bin/sh\", \"%s/script\", \"two words\"}\n"
                   " %s\n pm = static\n pm.max_children = 1\n %s\n}\n",
                   folder, folder, geteuid() == 0 ? "user = \"nobody\"" : "", more);
    if (conf_load_text(&w->conf, "t.conf", text, &complaints) != 0)
        fail_msg("%s", complaints.count > 0 ? complaints.items[0].text : "?");
    conf_complaints_clear(&complaints);
    w->context = (struct pool_context){.root = geteuid() == 0,
                                       .uid = geteuid(),
                                       .gid = getegid(),
                                       .worker_fd = -1,
                                       .environment = environment,
                                       .process_control_timeout = 5 * CLOCK_SEC,
                                       .files = {1024, 4096},
                                       .oom_score_adjust = INT_MIN};
    const struct gang_hooks hooks = {
        .cookie = w, .watch = watch, .unwatch = unwatch, .line = line, .say = say};
    assert_int_equal(
        gang_new(&w->gang, &w->conf->pools[0], &w->context, &hooks, now(w), clock_wall(), &err), 0);
    if (gang_open(w->gang, &err) < 0)
        fail_msg("%s", err.text);
}

/* One turn: what is readable, who is dead, settle.  The next deadline. */
static uint64_t turn(struct world *w, int timeout)
{
    struct pollfd fds[WATCHES];
    struct gang_watch before[WATCHES];
    size_t count = w->watch_count;
    siginfo_t info = {0};

    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = w->watches[i].fd, .events = POLLIN};
    memcpy(before, w->watches, sizeof(before));
    (void)poll(fds, count, timeout);
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents != 0)
            gang_ready(w->gang, &before[i], now(w));
    }
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        assert_true(gang_reaped(w->gang, info.si_pid, info.si_code, info.si_status, 0, now(w)));
        info.si_pid = 0;
    }
    return gang_settle(w->gang, now(w));
}

#define UNTIL(w, condition)                                                                        \
    for (uint64_t end_ = clock_monotonic() + 20 * CLOCK_SEC; !(condition);) {                      \
        if (clock_monotonic() > end_)                                                              \
            fail_msg("never: %s; said:\n%s\n%s", #condition, (w)->said, (w)->lines);               \
        (void)turn(w, 10);                                                                         \
    }

/* The slot of the one worker there is, as its library sees it. */
static struct board_slot *slot(const struct world *w)
{
    return mapping_slot(gang_board(w->gang), 0);
}

static void is(struct world *w, enum board_shim shim, enum board_worker_state state,
               uint32_t active)
{
    atomic_store(&slot(w)->active, active);
    atomic_store(&slot(w)->state, (uint32_t)state);
    atomic_store(&slot(w)->shim, (uint32_t)shim);
}

static struct board_card card(const struct world *w)
{
    struct board_snapshot s;

    assert_int_equal(board_snapshot(gang_board(w->gang), &s), 0);
    struct board_card c = s.card;
    board_snapshot_clear(&s);
    return c;
}

static void end(struct world *w)
{
    gang_stop(w->gang, GANG_STOP_KILL, now(w));
    UNTIL(w, gang_alive(w->gang) == 0);
    w->gang = gang_free(w->gang);
    assert_int_equal(w->watch_count, 0);
    w->conf = conf_free(w->conf);
}

#define CATCH "catch_workers_output = yes\n"
/* A program that says so when it is signalled; `how` is what it does then. */
#define PROGRAM(how)                                                                               \
    "trap 'echo nudged; " how "' " NUDGE "\n"                                                      \
    "trap 'echo terminated; " how "' TERM\ntrap 'echo quit; " how "' QUIT\n"                       \
    "echo up\nwhile :; do sleep 0.01; done\n"
#define NUDGE "41"

/* ---- the tests ---- */

static void test_what_it_is_born_with(void **unused)
{
    struct world w;
    char want[256];

    (void)unused;
    begin(&w,
          CATCH "env = {\"LD_PRELOAD=/lib/other.so\", \"PATH=/bin\", \"A=b c\"}\n"
                "listen.allowed_clients = {\"10.0.0.1\", \"fe80::1/128\"}\n",
          "tr '\\0' '\\n' </proc/$$/environ\necho \"1=$1\"\nfor n in 0 1 2 3 4 5 6 7 8; do\n"
          "test -e /proc/$$/fd/$n && echo \"fd $n $(readlink /proc/$$/fd/$n)\"\ndone\n"
          "echo over >&2\nexec sleep 60\n");
    UNTIL(&w, strstr(w.lines, "over") != NULL);
    assert_non_null(strstr(w.lines, "-1:PATH=/bin|"));
    assert_non_null(strstr(w.lines, "-1:LANG=C.UTF-8|"));
    assert_non_null(strstr(w.lines, "-1:A=b c|"));
    assert_non_null(strstr(w.lines, "-1:1=two words|"));
    assert_non_null(strstr(w.lines, "-1:FCGI_WEB_SERVER_ADDRS=10.0.0.1,fe80::1|"));
    (void)snprintf(want, sizeof(want), "-1:LD_PRELOAD=%s/libganger-shim.so:/lib/other.so|", folder);
    assert_non_null(strstr(w.lines, want));
    (void)snprintf(want, sizeof(want),
                   "-1:GANGER_SHIM=board=3,slot=0,slots=2,gen=1,bell=4,stop=15,drain=%d,master=%d|",
                   native_drain_signal(), (int)getpid());
    assert_non_null(strstr(w.lines, want));
    assert_non_null(strstr(w.lines, "-1:fd 0 socket:"));
    assert_non_null(strstr(w.lines, "-1:fd 1 pipe:"));
    assert_non_null(strstr(w.lines, "-1:fd 2 pipe:"));
    assert_non_null(strstr(w.lines, "-1:fd 3 /memfd:ganger-board-p"));
    assert_non_null(strstr(w.lines, "-1:fd 4 pipe:"));
    assert_null(strstr(w.lines, "-1:fd 5 /memfd"));
    assert_null(strstr(w.lines, "-1:fd 6"));
    assert_null(strstr(w.lines, "HOME="));
    end(&w);
}

static void test_the_masters_environment(void **unused)
{
    struct world w;

    (void)unused;
    assert_int_equal(setenv("NOTIFY_SOCKET", "/x", 1), 0);
    assert_int_equal(setenv("GANGER_TEST", "kept", 1), 0);
    begin(&w, CATCH "clear_env = no\n",
          "tr '\\0' '\\n' </proc/$$/environ\necho over\nexec sleep 60\n");
    UNTIL(&w, strstr(w.lines, "over") != NULL);
    assert_non_null(strstr(w.lines, "-1:GANGER_TEST=kept|"));
    assert_null(strstr(w.lines, "NOTIFY_SOCKET"));
    end(&w);
}

static void test_output_is_logged_when_asked_for(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, "", "echo secret >&2; exit 3\n");
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_FAILING);
    assert_string_equal(w.lines, "");
    assert_non_null(strstr(gang_reason(w.gang), "its last words: secret"));
    end(&w);
    begin(&w, CATCH "decorate_workers_output = no\n", "echo plain; exec sleep 60\n");
    UNTIL(&w, strcmp(w.lines, "-2:plain|") == 0);
    end(&w);
}

static void test_ready_by_the_board(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH, PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_ALIVE, BOARD_WORKER_STARTING, 0);
    w.skew += 10 * CLOCK_SEC; /* it takes its time; the library lives */
    assert_true(turn(&w, 0) <= now(&w) + CLOCK_SEC);
    assert_int_equal(gang_serving(w.gang), 0);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_IDLE, 0);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_serving(w.gang), 1);
    assert_int_equal(turn(&w, 0), CLOCK_NEVER);
    end(&w);
}

static void test_left_in_peace_while_it_serves(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH, PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_BUSY, 1);
    UNTIL(&w, gang_serving(w.gang) == 1);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    static const struct {
        enum board_worker_state state;
        uint32_t active;
    } busy[] = {
        {BOARD_WORKER_BUSY, 1},
        {BOARD_WORKER_BUSY, 0}, /* nothing in hand, something to finish */
        {BOARD_WORKER_IDLE, 1}, /* between two words of its library */
    };
    for (int i = 0; i < 24; i++) {
        is(&w, BOARD_SHIM_ACCEPTING, busy[i / 8].state, busy[i / 8].active);
        w.skew += 100 * CLOCK_MSEC;
        (void)turn(&w, 10);
    }
    assert_int_equal(atomic_load(&slot(&w)->drain), 1);
    assert_int_equal(gang_alive(w.gang), 1);
    assert_null(strstr(w.lines, "nudged"));
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_IDLE, 0);
    w.skew += 200 * CLOCK_MSEC;
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_non_null(strstr(w.lines, "nudged|"));
    assert_null(strstr(w.lines, "terminated"));
    assert_int_equal(card(&w).exits_ok, 1);
    end(&w);
}

static void test_asked_again_then_made_to(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH "stop_signal = QUIT\n", PROGRAM(":"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_IDLE, 0);
    UNTIL(&w, gang_serving(w.gang) == 1);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    UNTIL(&w, strstr(w.lines, "nudged|") != NULL);
    w.lines[0] = '\0';
    w.skew += 100 * CLOCK_MSEC;
    UNTIL(&w, strstr(w.lines, "nudged|") != NULL);
    w.skew += 5 * CLOCK_SEC;
    UNTIL(&w, strstr(w.lines, "quit|") != NULL);
    assert_null(strstr(w.lines, "terminated"));
    assert_non_null(strstr(w.said, "has not left in time; sent SIGQUIT"));
    w.skew += CLOCK_SEC;
    UNTIL(&w, strstr(w.lines, "terminated|") != NULL);
    assert_non_null(strstr(w.said, "sent SIGTERM"));
    w.skew += CLOCK_SEC;
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_non_null(strstr(w.said, "sent SIGKILL"));
    end(&w);
}

static void test_a_worker_that_never_accepted_has_nothing_to_lose(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH "stop_signal = QUIT\n", PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_ALIVE, BOARD_WORKER_STARTING, 0);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_non_null(strstr(w.lines, "quit|"));
    assert_null(strstr(w.lines, "nudged|"));
    assert_null(strstr(w.said, "has not left in time"));
    end(&w);
}

static void test_a_library_that_stays_silent(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH, PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    (void)turn(&w, 0);
    assert_int_equal(gang_serving(w.gang), 0);
    w.skew += 5 * CLOCK_SEC;
    UNTIL(&w, gang_serving(w.gang) == 1);
    assert_non_null(strstr(w.said, "is opaque: ganger's library did not start in it"));
    assert_int_equal(atomic_load(&slot(&w)->opaque), 1);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_non_null(strstr(w.lines, "terminated|"));
    end(&w);
}

static void test_children_that_accept(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH, PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_FORKED, BOARD_WORKER_STARTING, 0);
    UNTIL(&w, gang_serving(w.gang) == 1);
    assert_non_null(strstr(w.said, "unset PHP_FCGI_CHILDREN"));
    assert_int_equal(atomic_load(&slot(&w)->opaque), 1);
    end(&w);
}

/* A worker that is to be replaced, whose successor never gets ready. */
static void begin_due(struct world *w)
{
    begin(w, CATCH "pm.max_requests = 1\n", PROGRAM("exit 0"));
    UNTIL(w, strstr(w->lines, "up|") != NULL);
    is(w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_IDLE, 0);
    UNTIL(w, gang_serving(w->gang) == 1);
    atomic_store(&slot(w)->requests, 5);
    w->skew += CLOCK_SEC;
    UNTIL(w, gang_alive(w->gang) == 2);
}

static void test_a_stop_asks_those_that_are_due(void **unused)
{
    struct world w;

    (void)unused;
    begin_due(&w);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    for (int i = 0; i < 20; i++) {
        w.skew += CLOCK_SEC;
        (void)turn(&w, 1);
    }
    UNTIL(&w, gang_alive(w.gang) == 0);
    end(&w);
}

static void test_what_a_leaving_worker_says_is_not_believed_for_ever(void **unused)
{
    struct world w;

    (void)unused;
    for (int liar = 0; liar < 2; liar++) {
        begin_due(&w);
        is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_BUSY, 1);
        atomic_store(&(slot(&w) + 1)->shim, BOARD_SHIM_ACCEPTING);
        UNTIL(&w, atomic_load(&slot(&w)->drain) == 1);
        for (int i = 0; i < 20; i++) {
            atomic_fetch_add(&slot(&w)->accepted, (uint64_t)liar);
            w.skew += 10 * CLOCK_SEC;
            (void)turn(&w, 1);
        }
        assert_int_equal(strstr(w.said, "has not left in time") != NULL, liar);
        end(&w);
    }
}

static void test_a_time_limit(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, CATCH "request_terminate_timeout = 10s\nstop_signal = QUIT\n", PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_IDLE, 0);
    UNTIL(&w, gang_serving(w.gang) == 1);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_BUSY, 1);
    for (int i = 0; i < 6; i++) { /* long, but not one connection */
        atomic_fetch_add(&slot(&w)->accepted, 1);
        (void)gang_settle(w.gang, now(&w));
        w.skew += 5 * CLOCK_SEC;
        assert_true(gang_settle(w.gang, now(&w)) <= now(&w) + 2 * CLOCK_SEC);
    }
    assert_int_equal(gang_serving(w.gang), 1);
    assert_int_equal(card(&w).terminated, 0);
    w.skew += 5 * CLOCK_SEC;
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_serving(w.gang), 0);
    assert_int_equal(card(&w).terminated, 1);
    UNTIL(&w, strstr(w.lines, "terminated|") != NULL);
    assert_null(strstr(w.lines, "quit|"));
    assert_non_null(strstr(w.said, "request_terminate_timeout (10.000 seconds); sent SIGTERM"));
    UNTIL(&w, card(&w).spawned == 2);
    end(&w);
}

/* Counted once for each connection, examined one at a time, and nobody is replaced for it. */
static void test_slow(void **unused)
{
    struct board_totals totals;
    struct world w;

    (void)unused;
    begin(&w, CATCH "slowlog = \"/dev/null\"\nrequest_slowlog_timeout = 10s\n", PROGRAM("exit 0"));
    UNTIL(&w, strstr(w.lines, "up|") != NULL);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_IDLE, 0);
    UNTIL(&w, gang_serving(w.gang) == 1);
    is(&w, BOARD_SHIM_ACCEPTING, BOARD_WORKER_BUSY, 1);
    for (uint64_t round = 1; round <= 3; round++) {
        atomic_fetch_add(&slot(&w)->accepted, 1);
        (void)gang_settle(w.gang, now(&w));
        w.skew += 9 * CLOCK_SEC;
        (void)gang_settle(w.gang, now(&w));
        board_snapshot_totals(gang_board(w.gang), &totals);
        assert_int_equal(totals.slow, round - 1);
        for (int i = 0; i < 5; i++) {
            w.skew += 2 * CLOCK_SEC;
            (void)gang_settle(w.gang, now(&w));
            board_snapshot_totals(gang_board(w.gang), &totals);
            assert_int_equal(totals.slow, round);
        }
    }
    assert_int_equal(gang_serving(w.gang), 1);
    assert_int_equal(card(&w).spawned, 1);
    /* There is no ganger-worker here. */
    UNTIL(&w, strstr(w.said, "a slow request cannot be examined") != NULL);
    end(&w);
}

/* ---- being somewhere else ---- */

static void copy(const char *from, const char *to)
{
    char buffer[65536];
    size_t n;

    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    if (in == NULL || out == NULL) {
        perror(to);
        exit(1);
    }
    while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
        (void)fwrite(buffer, 1, n, out);
    (void)fclose(in);
    (void)fclose(out);
    (void)chmod(to, 0755);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_is_born_with),
        cmocka_unit_test(test_the_masters_environment),
        cmocka_unit_test(test_output_is_logged_when_asked_for),
        cmocka_unit_test(test_ready_by_the_board),
        cmocka_unit_test(test_left_in_peace_while_it_serves),
        cmocka_unit_test(test_asked_again_then_made_to),
        cmocka_unit_test(test_a_worker_that_never_accepted_has_nothing_to_lose),
        cmocka_unit_test(test_a_library_that_stays_silent),
        cmocka_unit_test(test_children_that_accept),
        cmocka_unit_test(test_a_stop_asks_those_that_are_due),
        cmocka_unit_test(test_what_a_leaving_worker_says_is_not_believed_for_ever),
        cmocka_unit_test(test_a_time_limit),
        cmocka_unit_test(test_slow),
    };
    char name[128];

    if (argc == 1) {
        (void)snprintf(folder, sizeof(folder), "/tmp/ganger-native-XXXXXX");
        if (mkdtemp(folder) == NULL || chmod(folder, 0755) < 0)
            return 1;
        (void)snprintf(name, sizeof(name), "%s/libganger-shim.so", folder);
        Dl_info library; /* any that needs nothing but libc */
        if (dladdr((void *)(uintptr_t)&_cmocka_run_group_tests, &library) == 0)
            return 1;
        copy(library.dli_fname, name);
        (void)snprintf(name, sizeof(name), "%s/test", folder);
        copy("/proc/self/exe", name);
        (void)execl(name, argv[0], folder, (char *)NULL);
        return 1;
    }
    (void)snprintf(folder, sizeof(folder), "%s", argv[1]);
    if (atoi(NUDGE) != native_drain_signal())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const made[] = {"script", "sock", "test", "libganger-shim.so"};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", folder, made[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
    return failed;
}
