/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in front of a gang, with a real socket and real processes on a clock that the test
 * moves.  The workers are shells that do nothing; the test writes on the board what they would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "host/queue.h"
#include "host/socket.h"
#include "pool/gang.h"

#define READY                                                                                      \
    "printf '\\005%071d' 0 | tr 0 '\\000' | dd bs=72 count=1 iflag=fullblock >&6 2>/dev/null\n"
#define WATCHES 64
#define WORKERS 2
#define SHEDDER (board_slots(gang_board(w.gang)) - 1) /* the last slot */

static char folder[] = "/tmp/ganger-queue-XXXXXX";

static struct world {
    struct conf *conf;
    struct pool_context context;
    struct gang *gang;
    struct gang_watch watches[WATCHES];
    size_t watch_count;
    uint64_t now;
    char said[4096];
    struct board *slots[WORKERS];
    struct address address;
    int listening; /* the gang's own */
} w;

/* ---- hooks ---- */

static int watch(void *cookie, struct gang *g, const struct gang_watch *one)
{
    (void)cookie;
    (void)g;
    for (size_t i = 0; i < w.watch_count; i++) {
        if (w.watches[i].fd == one->fd) {
            w.watches[i] = *one;
            return 0;
        }
    }
    assert_true(w.watch_count < WATCHES);
    w.watches[w.watch_count++] = *one;
    return 0;
}

static void unwatch(void *cookie, struct gang *g, const struct gang_watch *one)
{
    (void)cookie;
    (void)g;
    for (size_t i = 0; i < w.watch_count; i++) {
        if (w.watches[i].fd == one->fd) {
            w.watches[i] = w.watches[--w.watch_count];
            return;
        }
    }
}

static void line(void *cookie, struct gang *g, pid_t pid, int level, const char *text, size_t n)
{
    (void)cookie, (void)g, (void)pid, (void)level, (void)text, (void)n;
}

static void say(void *cookie, struct gang *g, pid_t worker, enum log_level level, const char *text)
{
    size_t used = strlen(w.said);

    (void)cookie;
    (void)g;
    (void)worker;
    assert_int_not_equal(level, LOG_LEVEL_ALERT);
    (void)snprintf(w.said + used, sizeof(w.said) - used, "%s\n", text);
}

/* ---- the world ---- */

static uint64_t turn(int timeout)
{
    struct pollfd fds[WATCHES];
    struct gang_watch before[WATCHES];
    size_t count = w.watch_count;
    siginfo_t info = {0};

    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = w.watches[i].fd, .events = POLLIN};
    memcpy(before, w.watches, sizeof(before));
    (void)poll(fds, count, timeout);
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents != 0)
            gang_ready(w.gang, &before[i], w.now);
    }
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        assert_true(gang_reaped(w.gang, info.si_pid, info.si_code, info.si_status, 0, w.now));
        info.si_pid = 0;
    }
    return gang_settle(w.gang, w.now);
}

#define UNTIL(condition)                                                                           \
    for (uint64_t end_ = clock_monotonic() + 20 * CLOCK_SEC; !(condition);) {                      \
        if (clock_monotonic() > end_)                                                              \
            fail_msg("never: %s; said:\n%s", #condition, w.said);                                  \
        (void)turn(10);                                                                            \
    }

static uint64_t after(uint64_t usec)
{
    w.now += usec;
    return turn(0);
}

static struct board_card card(void)
{
    struct board_snapshot s;

    assert_int_equal(board_snapshot(gang_board(w.gang), &s), 0);
    struct board_card c = s.card;
    board_snapshot_clear(&s);
    return c;
}

static void connect_some(int count)
{
    for (int i = 0; i < count; i++) {
        int fd = socket_connect(&w.address, CLOCK_SEC, NULL);
        assert_true(fd >= 0);
        close(fd); /* it waits all the same */
    }
}

/* What worker 0 would do. */
static void accept_some(int count)
{
    for (int i = 0; i < count; i++) {
        int fd = accept4(w.listening, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        close(fd);
        atomic_fetch_add(&board_own_slot(w.slots[0])->accepted, 1);
    }
}

static void all_are(enum board_worker_state state)
{
    for (size_t i = 0; i < WORKERS; i++)
        board_worker_state(w.slots[i], state, state == BOARD_WORKER_BUSY);
}

static void begin(const char *option)
{
    static char path[] = "PATH=/usr/bin:/bin";
    static char *environment[] = {path, NULL};
    struct conf_complaints complaints = {0};
    struct error err = ERROR_NONE;
    char text[1024], name[128];
    const struct gang_hooks hooks = {
        .cookie = NULL, .watch = watch, .unwatch = unwatch, .line = line, .say = say};

    memset(&w, 0, sizeof(w));
    w.now = 1000 * CLOCK_SEC;
    (void)snprintf(name, sizeof(name), "%s/p", folder);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    (void)fputs(READY "exec sleep 60\n", f);
    (void)fclose(f);
    (void)snprintf(
        text, sizeof(text),
        "runtime_directory = \"/nonexistent\"\n"
        "pool p {\n listen = \"%s/sock\"\n script_root = {\"%s\"}\n chdir = \"%s\"\n %s\n"
        " pm.max_children = %d\n %s\n}\n",
        folder, folder, folder, geteuid() == 0 ? "user = \"nobody\"" : "", WORKERS, option);
    if (conf_load_text(&w.conf, "t.conf", text, &complaints) != 0)
        fail_msg("%s", complaints.count > 0 ? complaints.items[0].text : "?");
    conf_complaints_clear(&complaints);
    w.context = (struct pool_context){.root = geteuid() == 0,
                                      .uid = geteuid(),
                                      .gid = getegid(),
                                      .worker_path = "/bin/sh",
                                      .environment = environment,
                                      .process_control_timeout = 5 * CLOCK_SEC,
                                      .files = {1024, 4096},
                                      .oom_score_adjust = INT_MIN};
    w.context.worker_fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    assert_int_equal(queue_open(&w.context.queue, &err), 0);
    assert_int_equal(
        gang_new(&w.gang, &w.conf->pools[0], &w.context, &hooks, w.now, clock_wall(), &err), 0);
    if (gang_open(w.gang, &err) < 0)
        fail_msg("%s", err.text);
    (void)snprintf(name, sizeof(name), "%s/sock", folder);
    assert_int_equal(address_parse(&w.address, name, NULL), 0);
    for (int fd = 3; fd < 64; fd++) {
        int on = 0;
        socklen_t length = sizeof(on);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length) == 0 && on)
            w.listening = fd;
    }
    assert_true(w.listening > 0);
    UNTIL(gang_serving(w.gang) == WORKERS);
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(board_attach(&w.slots[i], board_fd(gang_board(w.gang)), i, &err), 0);
    all_are(BOARD_WORKER_IDLE);
    (void)after(CLOCK_SEC);
    (void)after(CLOCK_SEC);
}

static void end(void)
{
    gang_stop(w.gang, GANG_STOP_KILL, w.now);
    UNTIL(gang_alive(w.gang) == 0);
    w.gang = gang_free(w.gang);
    assert_int_equal(w.watch_count, 0);
    for (size_t i = 0; i < WORKERS; i++)
        board_free(w.slots[i]);
    close(w.context.worker_fd);
    w.context.queue = queue_free(w.context.queue);
    w.conf = conf_free(w.conf);
}

/* ---- the tests ---- */

static void test_idle_costs_nothing(void **unused)
{
    (void)unused;
    begin("");
    assert_int_equal(turn(0), CLOCK_NEVER);
    assert_int_equal(card().listen_queue_len, socket_backlog_limit());
    assert_int_equal(card().listen_queue, 0);
    end();
}

static void test_the_bell_begins_it(void **unused)
{
    (void)unused;
    begin("");
    int bell = -1;
    for (size_t i = 0; i < w.watch_count; i++)
        bell = w.watches[i].kind == GANG_WATCH_BELL ? w.watches[i].fd : bell;
    char name[64];
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", bell);
    int ring = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* as a worker holds it */
    assert_true(ring >= 0);

    board_worker_state(w.slots[0], BOARD_WORKER_BUSY, 1);
    board_ring(w.slots[0], ring); /* a new peak, perhaps; one is idle still */
    (void)after(CLOCK_SEC);
    assert_int_equal(after(CLOCK_SEC), CLOCK_NEVER);
    board_worker_state(w.slots[1], BOARD_WORKER_BUSY, 1);
    board_ring(w.slots[1], ring);
    connect_some(3);
    assert_true(after(10 * CLOCK_MSEC) <= w.now + 100 * CLOCK_MSEC);
    assert_int_equal(card().listen_queue, 3);
    accept_some(2);
    (void)after(100 * CLOCK_MSEC);
    assert_int_equal(card().listen_queue, 1);
    accept_some(1);
    all_are(BOARD_WORKER_IDLE);
    assert_int_equal(after(100 * CLOCK_MSEC), CLOCK_NEVER);
    assert_int_equal(card().listen_queue, 0);
    assert_int_equal(card().max_listen_queue, 3);
    /* The option is not set: no shedder came. */
    assert_int_equal(gang_alive(w.gang), WORKERS);
    assert_int_equal(card().shedding, 0);
    close(ring);
    end();
}

static void test_a_full_pool_is_said_once(void **unused)
{
    (void)unused;
    begin("");
    board_request_begin(w.slots[1], w.now - 1500 * CLOCK_MSEC, "GET", "/slow\n", "/srv/slow.cgi",
                        NULL, 0, 0);
    for (int i = 0; i < 20; i++) {
        all_are(BOARD_WORKER_BUSY);
        connect_some(1);
        (void)after(100 * CLOCK_MSEC);
        (void)after(100 * CLOCK_MSEC);
        (void)after(100 * CLOCK_MSEC);
        accept_some(1);
        all_are(BOARD_WORKER_IDLE);
        (void)after(100 * CLOCK_MSEC);
    }
    char *first =
        strstr(w.said, "server reached pm.max_children setting (2) and 1 connections wait");
    assert_non_null(first);
    assert_null(strstr(first + 1, "server reached"));
    if (strstr(first, "GET /slow\\x0a (/srv/slow.cgi)") == NULL)
        fail_msg("%s", first);
    assert_int_equal(card().max_children_reached, 20);
    end();
}

static void test_a_shedder_comes_and_goes(void **unused)
{
    (void)unused;
    begin("queue_timeout = 200ms");
    all_are(BOARD_WORKER_BUSY);
    connect_some(5);
    (void)after(25 * CLOCK_MSEC);
    (void)after(25 * CLOCK_MSEC);
    assert_int_equal(gang_alive(w.gang), WORKERS); /* they do not wait for so long yet */
    for (int i = 0; i < 4; i++)
        (void)after(13 * CLOCK_MSEC);
    assert_int_equal(gang_alive(w.gang), WORKERS + 1);
    UNTIL(gang_serving(w.gang) == WORKERS && card().shedding == 1);
    assert_int_equal(card().total, WORKERS); /* it is none of them */
    assert_non_null(strstr(w.said, "overloaded: 5 connections wait for one of 2 workers"));
    for (int i = 0; i < 20; i++)
        (void)after(13 * CLOCK_MSEC);
    assert_int_equal(gang_alive(w.gang), WORKERS + 1);
    accept_some(5);
    all_are(BOARD_WORKER_IDLE);
    (void)after(13 * CLOCK_MSEC);
    (void)after(13 * CLOCK_MSEC);
    assert_int_equal(card().shedding, 1);
    UNTIL((after(130 * CLOCK_MSEC), gang_alive(w.gang) == WORKERS));
    assert_int_equal(card().shedding, 0);
    assert_int_equal(card().spawned, WORKERS);
    assert_non_null(strstr(w.said, "no longer overloaded"));
    end();
}

/* A shedder that dies says nothing about the pool, and is tried again, but not at once. */
static void test_a_shedder_that_dies(void **unused)
{
    struct board_snapshot s;
    pid_t pid = 0;

    (void)unused;
    begin("queue_limit = 2");
    all_are(BOARD_WORKER_BUSY);
    connect_some(3);
    (void)after(10 * CLOCK_MSEC);
    UNTIL(card().shedding == 1 && gang_alive(w.gang) == WORKERS + 1);
    assert_int_equal(board_snapshot(gang_board(w.gang), &s), 0);
    for (uint32_t i = 0; i < s.slots; i++)
        pid = s.views[i].index == SHEDDER ? s.views[i].pid : pid;
    board_snapshot_clear(&s);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    UNTIL(gang_alive(w.gang) == WORKERS);
    assert_non_null(strstr(w.said, "was killed by signal 9"));
    assert_null(strstr(w.said, "no longer"));
    assert_int_equal(gang_state(w.gang), BOARD_POOL_RUNNING);
    assert_int_equal(card().exits_signal, 0);
    (void)after(20 * CLOCK_MSEC);
    assert_int_equal(gang_alive(w.gang), WORKERS);
    (void)after(CLOCK_SEC);
    assert_int_equal(gang_alive(w.gang), WORKERS + 1);
    end();
}

static int make_folder(void **unused)
{
    (void)unused;
    return mkdtemp(folder) == NULL || chmod(folder, 0755) < 0 ? -1 : 0;
}

static int remove_folder(void **unused)
{
    char name[128];

    (void)unused;
    (void)snprintf(name, sizeof(name), "%s/p", folder);
    (void)unlink(name);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_costs_nothing),
        cmocka_unit_test(test_the_bell_begins_it),
        cmocka_unit_test(test_a_full_pool_is_said_once),
        cmocka_unit_test(test_a_shedder_comes_and_goes),
        cmocka_unit_test(test_a_shedder_that_dies),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
