/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_POOL_WORLD_H
#define GANGER_TESTS_POOL_WORLD_H

/*
 * A whole gang with real processes, without an event loop, on a clock that the test moves.
 *
 * The worker program is the shell: `ganger-worker POOL SLOT GENERATION` makes it run the script named
 * POOL in the pool's chdir, so each test writes its worker in a line or two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
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
#include "pool/gang.h"

/* Says CHANNEL_READY: 72 bytes, one write, which on a SEQPACKET socket is one message. */
#define READY                                                                                      \
    "printf '\\005%071d' 0 | tr 0 '\\000' | dd bs=72 count=1 iflag=fullblock >&6 2>/dev/null\n"
#define WATCHES 64

static char folder[] = "/tmp/ganger-gang-XXXXXX";

struct world {
    struct conf *conf;
    struct pool_context context;
    struct gang *gang;
    struct gang_watch watches[WATCHES];
    size_t watch_count;
    uint64_t skew; /* how far the test has moved the clock */
    char said[4096];
    char lines[4096];
    int files; /* open descriptors at the beginning */
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

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d != NULL && readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

/* `options`: of the pool, pm and its numbers among them. */
static void begin_with(struct world *w, const char *options, const char *script)
{
    static char path[] = "PATH=/usr/bin:/bin";
    static char *environment[] = {path, NULL};
    struct conf_complaints complaints = {0};
    struct error err = ERROR_NONE;
    char text[1024], name[128];

    memset(w, 0, sizeof(*w));
    w->files = open_files();
    (void)snprintf(name, sizeof(name), "%s/p", folder);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    (void)fputs(script, f);
    (void)fclose(f);
    (void)snprintf(text, sizeof(text),
                   "runtime_directory = \"/nonexistent\"\nprocess_control_timeout = 5s\n"
                   "pool p {\n listen = \"%s/sock\"\n kind = cgi\n script_root = {\"%s\"}\n"
                   " chdir = \"%s\"\n %s\n %s\n}\n",
                   folder, folder, folder, geteuid() == 0 ? "user = \"nobody\"" : "", options);
    if (conf_load_text(&w->conf, "t.conf", text, &complaints) != 0)
        fail_msg("%s", complaints.count > 0 ? complaints.items[0].text : "?");
    conf_complaints_clear(&complaints);
    w->context = (struct pool_context){.root = geteuid() == 0,
                                       .uid = geteuid(),
                                       .gid = getegid(),
                                       .worker_path = "/bin/sh",
                                       .environment = environment,
                                       .process_control_timeout = 5 * CLOCK_SEC,
                                       .files = {1024, 4096},
                                       .oom_score_adjust = INT_MIN};
    w->context.worker_fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
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
    for (size_t i = 0; i < count; i++) { /* stale ones on purpose: they must find nobody */
        if (fds[i].revents != 0)
            gang_ready(w->gang, &before[i], now(w));
    }
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        assert_true(gang_reaped(w->gang, info.si_pid, info.si_code, info.si_status, 0, now(w)));
        assert_false(gang_reaped(w->gang, info.si_pid, info.si_code, info.si_status, 0, now(w)));
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

static struct board_card card(const struct world *w)
{
    struct board_snapshot s;

    assert_int_equal(board_snapshot(gang_board(w->gang), &s), 0);
    assert_true(s.card_valid);
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
    close(w->context.worker_fd);
    w->conf = conf_free(w->conf);
    assert_int_equal(open_files(), w->files);
}

static int make_folder(void **unused)
{
    (void)unused;
    if (mkdtemp(folder) == NULL)
        return -1;
    return chmod(folder, 0755);
}

static int remove_folder(void **unused)
{
    char name[128];

    (void)unused;
    (void)snprintf(name, sizeof(name), "%s/p", folder);
    (void)unlink(name);
    return rmdir(folder);
}

#endif
