/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of native workers.  They have no channel: that one is ready, or between two requests, is
 * seen on the board, which their library writes (gossip, as all of the board: a lie costs the
 * liar's own requests, and the ladder of deadlines goes on whatever it says).
 *
 * A worker that is to leave is signalled only while it holds no connection.  The signal can be lost
 * (it may come a moment before accept()), so it is sent again and again; it does nothing but make the
 * library look at the drain flag, which stands before the first of them is sent.
 */
#include "pool/gang_struct.h"

#include <signal.h>
#include "base/clock.h"

#define NUDGE_EVERY (100 * CLOCK_MSEC)
/* A library that has not spoken so long after the exec is not there: LD_PRELOAD went unheard. */
#define SHIM_SILENCE (5 * CLOCK_SEC)
/* An opaque program that has lived so long counts as ready: nothing tells more. */
#define OPAQUE_READY (200 * CLOCK_MSEC)
/* How often to look whether a worker is ready, should its ring be lost: a quarter of the time that it
 * has taken so far, within these. */
#define READY_EVERY_MIN (2 * CLOCK_MSEC)
#define READY_EVERY_MAX (50 * CLOCK_MSEC)
#define BUSY_EVERY_MAX CLOCK_SEC

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void turn_opaque(struct gang *g, struct worker *w, const char *why)
{
    unsigned suppressed = 0;

    w->native.opaque = true;
    board_slot_set_opaque(g->board, w->slot);
    if (log_limit_pass(&g->opaques, w->native.warm, 1, &suppressed))
        gang_say_of(
            g, w->pid, LOG_LEVEL_WARNING,
            "worker %d is opaque: %s; it is asked to leave by stop_signal at whatever moment, "
            "and nobody knows whether it is busy",
            (int)w->pid, why);
}

static uint64_t await_ready(struct gang *g, struct worker *w, uint64_t now)
{
    if (w->native.warm == 0)
        w->native.warm = now;
    uint64_t age = now - w->native.warm;

    if (!w->native.opaque) {
        enum board_shim shim = board_snapshot_slot(g->board, w->slot).shim;

        if (shim == BOARD_SHIM_ACCEPTING) {
            (void)gang_event(g, w, LIFECYCLE_READY, now);
            return CLOCK_NEVER;
        }
        if (shim != BOARD_SHIM_FORKED && (shim == BOARD_SHIM_ALIVE || age < SHIM_SILENCE))
            return now + (age / 4 < READY_EVERY_MIN   ? READY_EVERY_MIN
                          : age / 4 > READY_EVERY_MAX ? READY_EVERY_MAX
                                                      : age / 4);
        turn_opaque(g, w,
                    shim == BOARD_SHIM_FORKED
                        ? "children that it forks take the connections; leave the forking to "
                          "pm.max_children (php-cgi: unset PHP_FCGI_CHILDREN)"
                        : "ganger's library did not start in it");
    }
    if (age < OPAQUE_READY)
        return w->native.warm + OPAQUE_READY;
    (void)gang_event(g, w, LIFECYCLE_READY, now);
    return CLOCK_NEVER;
}

static uint64_t nudge(struct gang *g, struct worker *w, uint64_t now)
{
    if (w->native.opaque) /* has its stop_signal */
        return CLOCK_NEVER;
    if (w->native.nudge > now)
        return w->native.nudge;
    w->native.nudge = now + NUDGE_EVERY;

    struct board_glance glance = board_snapshot_slot(g->board, w->slot);
    if (glance.shim != BOARD_SHIM_ACCEPTING) {
        /* It has not come to its first accept(), before which it will see the drain flag: it holds
         * no connection. */
        if (!w->native.stop_sent)
            (void)spawn_signal(w->pidfd, w->native.stop);
        w->native.stop_sent = true;
    } else if (glance.active == 0 &&
               (glance.state == BOARD_WORKER_IDLE || glance.state == BOARD_WORKER_LEAVING))
        (void)spawn_signal(w->pidfd, native_drain_signal());
    return w->native.nudge;
}

/* request_terminate_timeout: ended when its time has come.  When to look again at the latest. */
static uint64_t limit_time(struct gang *g, struct worker *w, uint64_t now)
{
    uint64_t timeout = g->pool->request_terminate_timeout;

    if (timeout == 0)
        return CLOCK_NEVER;
    if (now - w->native.since < timeout)
        return w->native.since + timeout;
    gang_say_of(
        g, w->pid, LOG_LEVEL_WARNING,
        "worker %d has had a connection for more than request_terminate_timeout (%llu.%03llu "
        "seconds); sent SIGTERM",
        (int)w->pid, (unsigned long long)(timeout / CLOCK_SEC),
        (unsigned long long)(timeout % CLOCK_SEC / CLOCK_MSEC));
    g->card.terminated++;
    w->native.stop =
        SIGTERM; /* as PHP-FPM: what the program does at stop_signal it has no time for */
    (void)gang_event(g, w, LIFECYCLE_TERM, now);
    return w->deadline;
}

/* request_slowlog_timeout, likewise. */
static uint64_t note_time(struct gang *g, struct worker *w, uint64_t now)
{
    uint64_t timeout = g->pool->request_slowlog_timeout;

    if (timeout == 0 || w->native.slow)
        return CLOCK_NEVER;
    if (now - w->native.since < timeout)
        return w->native.since + timeout;
    gang_slow_note(g, w);
    return CLOCK_NEVER;
}

/* The time limits of requests, by our own clock: since it was first seen with what it has now. */
static uint64_t watch_time(struct gang *g, struct worker *w, uint64_t now)
{
    uint64_t shortest = sooner(g->pool->request_terminate_timeout - 1,
                               g->pool->request_slowlog_timeout - 1); /* 0 is none: the largest */
    uint64_t period = shortest / 8 > BUSY_EVERY_MAX ? BUSY_EVERY_MAX : shortest / 8 + CLOCK_MSEC;

    if (shortest == UINT64_MAX || w->native.opaque)
        return CLOCK_NEVER;
    struct board_glance glance = board_snapshot_slot(g->board, w->slot);
    bool same = w->native.busy && w->native.accepted == glance.accepted;
    if (w->native.slow && (glance.active == 0 || !same))
        gang_slow_over(g, w);
    if (glance.active == 0) {
        w->native.busy = false;
        return now + period;
    }
    if (!same) {
        w->native.busy = true;
        w->native.accepted = glance.accepted;
        w->native.since = now;
    }
    uint64_t slow = note_time(g, w, now); /* first: the evidence goes with the worker */
    return sooner(now + period, sooner(slow, limit_time(g, w, now)));
}

void gang_native_started(struct gang *g, struct worker *w)
{
    if (w->native.opaque)
        board_slot_set_opaque(g->board, w->slot);
}

uint64_t gang_native_settle(struct gang *g, uint64_t now)
{
    uint64_t next = CLOCK_NEVER;

    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        if (!w->native.is)
            continue;
        if (w->state == LIFECYCLE_WARMING)
            next = sooner(next, await_ready(g, w, now));
        if (w->state == LIFECYCLE_DRAINING)
            next = sooner(next, nudge(g, w, now));
        if (w->state == LIFECYCLE_SERVING || w->state == LIFECYCLE_DRAINING)
            next = sooner(next, watch_time(g, w, now));
    }
    return next;
}
