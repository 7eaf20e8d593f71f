/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_slowlog_timeout of native workers.  The master sees that one has been busy with one connection
 * for so long, counts it, and starts a process that examines it (`ganger-worker … slow`, as the
 * pool's user): one at a time for each pool, and one a second on average.  Who is slow meanwhile waits
 * for its turn; who is no more when its turn comes is only counted, in the next entry.
 *
 * The examiner is no worker: it has no slot, it does not count towards process.max, and an upgrade
 * forgets it (it ends by itself within a minute, and is reaped as a stranger).
 */
#include "pool/gang_struct.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include "base/clock.h"
#include "base/descriptor.h"

#define EVERY CLOCK_SEC
#define SAVED_MOST 5u
/* Longer than an examination can take by its own rules, but for slowlog.timeout. */
#define PATIENCE (70 * CLOCK_SEC)
#define LEAVE (1 * CLOCK_SEC) /* from SIGTERM to SIGKILL */

static void forget(struct gang_slow *s)
{
    descriptor_close(&s->pidfd);
    descriptor_close(&s->report);
    s->pid = 0;
}

static void complain(struct gang *g, uint64_t now, const char *what, const char *why)
{
    if (log_limit_pass(&g->slow.complaints, now, 1, NULL))
        gang_say(g, LOG_LEVEL_WARNING, "%s: %s", what, why);
}

void gang_slow_init(struct gang *g)
{
    g->slow = (struct gang_slow){.pidfd = -1, .report = -1};
}

/* ---- who is slow ---- */

void gang_slow_note(struct gang *g, struct worker *w)
{
    static const struct board_totals none;
    static const struct board_totals one = {.slow = 1};

    w->native.slow = true;
    w->native.queued = true;
    /* Its slot is the program's to write; what is counted here counts as of somebody gone. */
    board_slot_add_totals(g->board, &one, &none);
}

void gang_slow_over(struct gang *g, struct worker *w)
{
    if (w->native.queued)
        g->slow.omitted++;
    w->native.slow = w->native.queued = false;
}

/* ---- the examiner ---- */

static bool afford(struct gang_slow *s, uint64_t now)
{
    if (s->free_from + SAVED_MOST * EVERY < now)
        s->free_from = now - SAVED_MOST * EVERY;
    if (s->free_from + EVERY > now)
        return false;
    s->free_from += EVERY;
    return true;
}

/* The one that has been slow longest. */
static struct worker *next_in_turn(struct gang *g)
{
    struct worker *first = NULL;

    for (uint32_t i = 0; i < g->posts; i++) {
        struct worker *w = &g->workers[i];

        if (w->native.queued && w->state != LIFECYCLE_EMPTY &&
            (first == NULL || w->native.since < first->native.since))
            first = w;
    }
    return first;
}

static void start(struct gang *g, struct worker *w, uint64_t now)
{
    struct gang_slow *s = &g->slow;
    const struct plan_case c = {.pid = w->pid,
                                .pidfd = w->pidfd,
                                .log = logs_fd(&g->logs, HANDOVER_LOG_SLOW),
                                .age = now - w->native.since,
                                .timeout = g->pool->request_slowlog_timeout,
                                .omitted = s->omitted};
    struct spawned child;
    struct error err = ERROR_NONE;

    w->native.queued = false;
    if (c.log < 0) {
        s->omitted++;
        return;
    }
    if (plan_examine(&g->plan, &c, &child, &err) < 0) {
        s->omitted++;
        complain(g, now, "a slow request cannot be examined", err.text);
        return;
    }
    s->pid = child.pid;
    s->pidfd = child.pidfd;
    s->report = child.report_fd;
    s->program = w->pid;
    s->told = s->omitted;
    s->omitted = 0;
    s->deadline = now + PATIENCE + g->pool->slowlog_timeout;
}

static void hurry(struct gang *g, uint64_t now)
{
    struct gang_slow *s = &g->slow;

    /* Nobody is left whom it could look at. */
    if (g->stopping && gang_alive(g) == 0 && s->deadline > now + LEAVE) {
        (void)spawn_signal(s->pidfd, SIGTERM);
        s->deadline = now + LEAVE;
    }
    if (s->deadline > now)
        return;
    (void)spawn_signal(s->pidfd, SIGKILL);
    s->deadline = CLOCK_NEVER;
}

uint64_t gang_slow_settle(struct gang *g, uint64_t now)
{
    struct gang_slow *s = &g->slow;

    if (s->pid != 0) {
        hurry(g, now);
        return s->deadline;
    }
    struct worker *w = next_in_turn(g);
    if (w == NULL)
        return CLOCK_NEVER;
    if (!afford(s, now))
        return s->free_from + EVERY;
    start(g, w, now);
    return s->pid != 0 ? s->deadline : now + EVERY;
}

bool gang_slow_reaped(struct gang *g, pid_t pid, int code, int status, uint64_t now)
{
    struct gang_slow *s = &g->slow;
    struct spawn_report report;
    struct error err = ERROR_NONE;

    if (s->pid == 0 || s->pid != pid)
        return false;
    bool started = s->report < 0 || spawn_result(s->report, &report, &err) != SPAWN_FAILED;
    if (!started || code != CLD_EXITED || status != 0)
        s->omitted += s->told + 1; /* the next entry says it */
    if (!started)
        complain(g, now, "a slow request cannot be examined", err.text);
    else if (code == CLD_EXITED && status != 0)
        complain(g, now, "the slow log cannot be written", strerror(status));
    else if (code != CLD_EXITED)
        complain(g, now, "the examination of a slow worker did not come to an end",
                 status == SIGALRM ? "it took too long" : "it was killed");
    /* A tracer that dies with its examiner may leave the program stopped. */
    for (uint32_t i = 0; code != CLD_EXITED && i < g->slots; i++)
        if (g->workers[i].state != LIFECYCLE_EMPTY && g->workers[i].pid == s->program)
            (void)spawn_signal(g->workers[i].pidfd, SIGCONT);
    forget(s);
    return true;
}

bool gang_slow_running(const struct gang *g)
{
    return g->slow.pid != 0;
}

void gang_slow_close(struct gang *g)
{
    if (g->slow.pid != 0)
        (void)spawn_signal(g->slow.pidfd, SIGTERM);
    forget(&g->slow);
}
