/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line that was taken in part (a disk that became full in the middle of it) is torn: the newline that
 * it lacks is tried again and again, and goes before the next line of this worker.  Of the others one may
 * be quicker once there is room, and stand behind what there is of the torn one.
 */
#include "serve/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"

#define TELL_EVERY (10 * CLOCK_SEC)
#define MEND_EVERY (100 * CLOCK_MSEC)

static const char *const names[HANDOVER_LOGS] = {"access.log", "slowlog"};

static void take(struct worker *w, size_t which, int fd)
{
    struct ledger *l = &w->ledgers[which];
    struct stat st;
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

    w->logs[which] = fd;
    l->torn = false;
    l->regular = l->socket = l->blocking = false;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    l->regular = S_ISREG(st.st_mode);
    l->socket = S_ISSOCK(st.st_mode);
    l->blocking = !l->regular && flags >= 0 && (flags & O_NONBLOCK) == 0;
}

int ledger_open(struct worker *w, int first, struct error *err)
{
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        if (!w->options.has_log[i])
            continue;
        int r = descriptor_cloexec(first, true);
        if (r < 0)
            return error_errno(err, -r, "the log files were not handed over");
        take(w, i, first++);
    }
    return 0;
}

void ledger_replace(struct worker *w, uint32_t which, int descriptor)
{
    int copy = -1;

    if (which >= HANDOVER_LOGS) /* a newer master's */
        return;
    if (descriptor >= 0 && (copy = descriptor_copy(descriptor)) < 0) {
        log_write(LOG_LEVEL_WARNING, w->options.pool, "a log file is not taken over: %s",
                  strerror(-copy));
        return;
    }
    descriptor_close(&w->logs[which]);
    take(w, which, copy);
}

size_t ledger_room(const struct worker *w, enum handover_log which)
{
    if (w->logs[which] < 0)
        return 0;
    return w->ledgers[which].regular ? LEDGER_LINE_MAX : PIPE_BUF;
}

static void tell(struct worker *w, size_t which, uint64_t now)
{
    struct ledger *l = &w->ledgers[which];

    if (l->dropped == 0)
        return;
    log_write(LOG_LEVEL_WARNING, w->options.pool, "%s: %" PRIu64 " lines dropped: %s", names[which],
              l->dropped, strerror(l->why));
    l->dropped = 0;
    l->tell_at = now + TELL_EVERY;
}

void ledger_drop(struct worker *w, enum handover_log which, int number)
{
    struct ledger *l = &w->ledgers[which];
    uint64_t now = clock_monotonic();

    l->dropped++;
    l->why = number;
    if (now >= l->tell_at)
        tell(w, which, now);
    else
        worker_alarm(w, l->tell_at);
}

/* The bytes that were taken, or -errno. */
static ssize_t put(const struct ledger *l, int fd, const void *line, size_t length)
{
    ssize_t n;

    if (l->blocking && !l->socket) /* somebody else's description */
        return descriptor_write_now(fd, line, length);
    do
        n = l->socket ? send(fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                      : write(fd, line, length);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* 0 when nothing torn is in the way, or -errno. */
static int mend(struct worker *w, size_t which)
{
    struct ledger *l = &w->ledgers[which];
    ssize_t n = l->torn ? put(l, w->logs[which], "\n", 1) : 1;

    l->torn = n != 1;
    return n == 1 ? 0 : n < 0 ? (int)n : -EAGAIN;
}

void ledger_write(struct worker *w, enum handover_log which, const void *line, size_t length)
{
    struct ledger *l = &w->ledgers[which];

    if (w->logs[which] < 0)
        return;
    ssize_t n = mend(w, which);
    if (n == 0)
        n = put(l, w->logs[which], line, length);
    if (n == (ssize_t)length)
        return;
    if (n >= 0) {
        l->torn = n > 0;
        n = mend(w, which);
        worker_alarm(w, clock_monotonic() + MEND_EVERY);
    }
    ledger_drop(w, which, n < 0 ? (int)-n : l->regular ? ENOSPC : EAGAIN);
}

uint64_t ledger_deadline(const struct worker *w)
{
    uint64_t when = CLOCK_NEVER;

    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        const struct ledger *l = &w->ledgers[i];
        uint64_t t = l->torn ? clock_monotonic() + MEND_EVERY : l->dropped > 0 ? l->tell_at : when;
        when = t < when ? t : when;
    }
    return when;
}

void ledger_expire(struct worker *w, uint64_t now)
{
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        if (w->logs[i] >= 0)
            (void)mend(w, i);
        if (now >= w->ledgers[i].tell_at)
            tell(w, i, now);
    }
}

void ledger_close(struct worker *w)
{
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        if (w->logs[i] >= 0)
            (void)mend(w, i);
        tell(w, i, 0);
        descriptor_close(&w->logs[i]);
    }
}
