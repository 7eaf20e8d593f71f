/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says is read at once: it is of the moment at which the request was found slow.  Hooks stop
 * programs and cost time, so those of a pool run one after the other: whoever holds the lock on the
 * pool's byte of the slow log may run one.  (Another pool with the same log does not wait for it: nobody
 * else's programs are to keep a pool from its entries.)  The lock is the process's (fcntl), not the
 * open file's, which all of them share; and it goes with the process.
 */
#include "serve/slow_case.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"

#define ENTRY_MAX ((size_t)1 << 20)
#define TURN_MAX (30 * CLOCK_SEC) /* so long it waits for its turn to run the hook */
/* How often it looks for that: as the wait grows, more seldom.  There may be a thousand of them. */
#define TURN_LOOK_MIN (50 * CLOCK_MSEC)
#define TURN_LOOK_MAX (1 * CLOCK_SEC)

enum slow_news slow_watch(const struct slow_watch *w, int msec)
{
    struct pollfd wait[] = {
        {.fd = w->program, .events = POLLIN},
        {.fd = w->orders, .events = POLLIN},
    };

    if (poll(wait, sizeof wait / sizeof wait[0], msec) <= 0)
        return SLOW_NOTHING;
    if (wait[0].revents != 0)
        return SLOW_PROGRAM_ENDED;
    return wait[1].revents != 0 ? SLOW_TOLD_TO_STOP : SLOW_NOTHING;
}

static void add_head(struct bytes *to, const struct slow_case *c)
{
    char stamp[CLOCK_TEXT_MAX];

    (void)bytes_printf(to, "\n[%s]  [pool %s] pid %ld\n", clock_format_log(stamp, clock_wall()),
                       c->pool, (long)c->worker);
    if (c->omitted > 0)
        (void)bytes_printf(
            to, "omitted = %u requests of this worker were slow before and have no entry\n",
            c->omitted);
    if (c->method != NULL) {
        slow_text_line(to, "script_filename", c->script);
        slow_text_line(to, "method", c->method);
        slow_text_line(to, "uri", c->uri);
        if (c->user != NULL && c->user[0] != '\0')
            slow_text_line(to, "user", c->user);
    } else {
        slow_text_line(to, "uri", "not known: ganger does not read what a native program is sent");
    }
    (void)bytes_printf(to,
                       "age = %" PRIu64 ".%03" PRIu64 " s (request_slowlog_timeout is %" PRIu64
                       ".%03" PRIu64 " s)\n",
                       c->age / CLOCK_SEC, c->age % CLOCK_SEC / CLOCK_MSEC, c->timeout / CLOCK_SEC,
                       c->timeout % CLOCK_SEC / CLOCK_MSEC);
}

/* FNV-1a of its name: two pools that have the same byte only wait for one another. */
static off_t byte_of(const char *pool)
{
    uint32_t hash = 2166136261u;

    for (; *pool != '\0'; pool++)
        hash = (hash ^ (unsigned char)*pool) * 16777619u;
    return (off_t)(hash >> 1); /* fits where file offsets have 32 bits */
}

/* Is it our turn?  The text says why it never was. */
static const char *wait_for_turn(const struct slow_case *c, const struct slow_watch *w)
{
    struct flock own = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte_of(c->pool), .l_len = 1};
    uint64_t began = clock_monotonic();

    for (;;) {
        uint64_t waited = clock_monotonic() - began;
        uint64_t pause = waited / 8 < TURN_LOOK_MIN   ? TURN_LOOK_MIN
                         : waited / 8 > TURN_LOOK_MAX ? TURN_LOOK_MAX
                                                      : waited / 8;

        if (fcntl(c->log, F_SETLK, &own) == 0 || (errno != EAGAIN && errno != EACCES))
            return NULL; /* what cannot be locked is not waited for */
        if (waited >= TURN_MAX)
            return "not run: others of this pool were examined for 30 seconds";
        switch (slow_watch(w, (int)(pause / CLOCK_MSEC))) {
        case SLOW_PROGRAM_ENDED:
            return "not run: the program ended before its turn";
        case SLOW_TOLD_TO_STOP:
            return "not run: the worker left before its turn";
        case SLOW_NOTHING:
            break;
        }
    }
}

static void add_hook(struct bytes *to, const struct slow_case *c, const struct slow_watch *w)
{
    (void)alarm(SLOW_WATCHDOG + (unsigned)(TURN_MAX / CLOCK_SEC));
    const char *why = wait_for_turn(c, w);
    (void)alarm(SLOW_WATCHDOG + (unsigned)(c->hook_timeout / CLOCK_SEC));
    if (why == NULL && slow_watch(w, 0) == SLOW_PROGRAM_ENDED)
        why = "not run: the program had ended";
    if (why != NULL)
        slow_text_line(to, "slowlog.command", why);
    else
        slow_hook(to, c, w);
}

int slow_examine(const struct slow_case *c)
{
    struct bytes text;
    struct slow_watch w = {.program = c->pidfd, .orders = -1};
    sigset_t term;

    (void)alarm(SLOW_WATCHDOG);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    w.orders = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    bytes_init(&text, ENTRY_MAX);
    add_head(&text, c);
    slow_text(&text, c);
    if (c->hook != NULL)
        add_hook(&text, c, &w);
    /* One write: entries of several processes do not mix. */
    (void)alarm(SLOW_WATCHDOG);
    int r = descriptor_write_all(c->log, bytes_front(&text), bytes_held(&text));
    bytes_clear(&text);
    return -r;
}
