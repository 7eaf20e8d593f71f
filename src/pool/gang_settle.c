/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settling: count what there is, ask the policy what should be, do the difference.  It runs after
 * every event; running it again changes nothing.
 */
#include "pool/gang_struct.h"

#include <string.h>
#include "base/clock.h"

/* A worker that was asked to leave: how often it may be found to have accepted more. */
#define DRAIN_CHANGES_MAX 8

void gang_count_process(struct gang *g, int difference)
{
    if (g->context->processes != NULL && g->pool->kind != CONF_KIND_STATUS)
        *g->context->processes += (uint32_t)difference;
}

static int start_one(struct gang *g, struct worker *w, uint64_t now)
{
    struct error err = ERROR_NONE;
    uint32_t serial = ++g->last_serial == 0 ? ++g->last_serial : g->last_serial;

    /* The last occupant may have written over the whole board: all of ours is written anew. */
    memset(&g->published, 0, sizeof(g->published));
    board_slot_assign(g->board, w->slot, serial, 0);
    int r = worker_start(w, &g->plan, &g->ports, board_fd(g->board), g->bell[1], serial, now, &err);
    if (r < 0) {
        board_slot_release(g->board, w->slot);
        g->card.spawn_failures++;
        gang_set_reason(g, "a worker cannot be started: %s", err.text);
        gang_start_failed(g, now);
        return r;
    }
    board_slot_set_pid(g->board, w->slot, w->pid);
    gang_native_started(g, w);
    if (g->level_changed && w->channel >= 0)
        w->level_unsent = (int)g->context->log_level;
    w->recycle_at = recycle_limit(g->pool->pm_max_requests, serial);
    board_slot_set_ring_at(g->board, w->slot, w->recycle_at);
    w->hold_at = w->hold_from = 0;
    gang_say_debug(g, w, "is started: %u live, %u are wanted", gang_alive(g), g->wanted);
    gang_count_process(g, 1);
    g->card.spawned++;
    r = gang_hear_watch(g, w, GANG_WATCH_REPORT, w->report, false);
    if (r == 0 && w->channel >= 0)
        r = gang_hear_watch(g, w, GANG_WATCH_CHANNEL, w->channel, false);
    if (r == 0)
        r = gang_hear_watch(g, w, GANG_WATCH_OUTPUT, w->output.fd, false);
    if (r < 0) { /* deaf to it, we could never tell that it is ready */
        gang_set_reason(g, "a worker cannot be watched: %s", strerror(-r));
        (void)gang_event(g, w, LIFECYCLE_KILL, now);
        gang_start_failed(g, now);
    }
    return r;
}

/* In the order in which they are asked to leave: those without a request in hand first. */
enum rank { RANK_IDLE, RANK_PENDING, RANK_BUSY, RANKS };

static enum rank rank_of(const struct gang *g, const struct worker *w)
{
    if (worker_pending(w))
        return RANK_PENDING;
    return board_snapshot_slot(g->board, w->slot).state == BOARD_WORKER_BUSY ? RANK_BUSY
                                                                             : RANK_IDLE;
}

/* Ask `count` workers to leave that are due: the oldest first, whether busy or not, or else a worker
 * in a high slot would be replaced over and over and one in a low slot, always busy, never. */
static void replace(struct gang *g, uint32_t count, uint64_t now)
{
    for (; count > 0; count--) {
        struct worker *oldest = NULL;

        for (uint32_t i = 0; i < g->posts; i++) {
            struct worker *w = &g->workers[i];

            if (w->state == LIFECYCLE_SERVING && w->due != RECYCLE_NO &&
                (oldest == NULL || (int32_t)(w->serial - oldest->serial) < 0))
                oldest = w;
        }
        if (oldest == NULL)
            return;
        (void)gang_event(g, oldest, LIFECYCLE_DRAIN, now);
    }
}

/* Ask `count` workers to leave that are not due (in a stop all are asked alike, whatever they say
 * they have answered).  The last slots first, so that the gang stays together at the front. */
static void retire(struct gang *g, uint32_t count, uint64_t now)
{
    for (unsigned rank = 0; rank < RANKS && count > 0; rank++) {
        for (uint32_t i = g->posts; i > 0 && count > 0; i--) {
            struct worker *w = &g->workers[i - 1];

            if ((!worker_pending(w) && w->state != LIFECYCLE_SERVING) ||
                (w->due != RECYCLE_NO && !g->stopping) || (unsigned)rank_of(g, w) != rank)
                continue;
            (void)gang_event(g, w, LIFECYCLE_DRAIN, now);
            count--;
        }
    }
}

static void obey(struct gang *g, const struct policy_input *in, const struct policy_answer *answer,
                 uint64_t now)
{
    uint32_t start = answer->start;

    g->wanted = answer->wanted;
    g->settled = true;
    g->starved = in->allowed == 0 && !in->held && in->pending + in->serving < answer->wanted;
    if (answer->reached && g->cap == UINT32_MAX &&
        now >= g->next_reached) { /* PHP-FPM counts once a second, too */
        g->card.max_children_reached++;
        g->next_reached = now + CLOCK_SEC;
    }
    for (uint32_t i = 0; i < g->posts && start > 0; i++) {
        if (g->workers[i].state != LIFECYCLE_EMPTY)
            continue;
        if (start_one(g, &g->workers[i], now) < 0)
            break; /* the throttle says when to try again */
        start--;
    }
    replace(g, answer->retire_due, now);
    retire(g, answer->retire, now);
}

/*
 * process_control_timeout is how long a stop may take.  A worker that is to leave because the pool
 * shrinks or replaces it has all the time that its request may take; only when it has none in hand
 * and stays all the same does the ladder begin.  What it has in hand is its own word: one that goes on
 * accepting, or whose slot says something else each time, is not believed for ever.
 */
static bool may_finish(const struct gang *g, struct worker *w)
{
    if ((g->stopping && !g->retiring) || w->state != LIFECYCLE_DRAINING)
        return false;
    struct board_glance glance = board_snapshot_slot(g->board, w->slot);
    if (glance.active == 0)
        return false;
    if (glance.accepted != w->drain_accepted) {
        w->drain_accepted = glance.accepted;
        w->drain_changes++;
    }
    return w->drain_changes <= DRAIN_CHANGES_MAX;
}

static void pass_deadlines(struct gang *g, uint64_t now)
{
    uint64_t patience = g->context->process_control_timeout;

    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        if (w->state == LIFECYCLE_EMPTY || w->deadline > now)
            continue;
        if (may_finish(g, w))
            w->deadline = now + (patience > CLOCK_SEC ? patience : CLOCK_SEC);
        else
            (void)gang_event(g, w, LIFECYCLE_DEADLINE, now);
    }
}

/* A failing pool is well again when a worker has served, or simply lives. */
static void look_for_proof(struct gang *g, uint64_t now)
{
    if (!throttle_failing(&g->throttle) || now < g->next_look)
        return;
    g->next_look = now + GANG_LOOK_EVERY;
    for (uint32_t i = 0; i < g->posts; i++) {
        struct worker *w = &g->workers[i];

        if (w->state != LIFECYCLE_SERVING || w->started <= g->failed_at)
            continue;
        if (now - w->started >= THROTTLE_PROOF || board_slot_requests(g->board, w->slot) > 0) {
            gang_proved(g, w->started);
            return;
        }
    }
}

/* Nothing waits any more, nobody is left to serve it, or there is no time: they may leave. */
static void look_at_queue(struct gang *g, uint64_t now)
{
    if (!g->emptying || now < g->empty_look)
        return;
    g->empty_look = now + GANG_EMPTY_EVERY;
    /* Who retires has no hurry, where nobody new can come in. */
    bool patient = now < g->stop_by || (g->retiring && ports_sealed(&g->ports));
    g->emptying = patient && gang_alive(g) > 0 && ports_waiting(&g->ports) &&
                  board_snapshot_accepted(g->board) < g->empty_after;
}

/* Nobody takes anything out of them any more: whoever comes is to hear so at once. */
static void close_ports(struct gang *g)
{
    if (!g->stopping || g->emptying || g->ports_closed)
        return;
    for (size_t i = 0; i < g->ports.count; i++) {
        struct gang_watch watch = {
            .kind = GANG_WATCH_LISTEN, .slot = (uint32_t)i, .fd = g->ports.items[i].fd};

        if (watch.fd >= 0)
            g->hooks.unwatch(g->hooks.cookie, g, &watch);
    }
    g->watching = false;
    ports_close_own(&g->ports);
    g->ports_closed = true;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t gang_settle(struct gang *g, uint64_t now)
{
    uint64_t next = CLOCK_NEVER;

    if (g->opened) {
        pass_deadlines(g, now);
        look_for_proof(g, now);
        look_at_queue(g, now);
        close_ports(g);
        (void)gang_native_settle(g, now);
        struct policy_input in = gang_stock_take(g, now);
        struct policy_answer answer = policy_decide(&in);
        obey(g, &in, &answer, now);
        next = sooner(gang_stock_watch(g, &in, &answer, now), gang_stock_next(g, &answer, now));
        next = sooner(next, gang_stock_hold(g, &in, &answer, now));
        next = sooner(next, gang_native_settle(g, now));
        next = sooner(next, gang_slow_settle(g, now));
        next = sooner(next, gang_queue_settle(g, &in, now));
        uint32_t spare = gang_queue_spare(g);
        board_set_spare_wanted(g->board, answer.spare_wanted > spare ? answer.spare_wanted : spare);
        for (uint32_t i = 0; i < g->slots; i++) {
            struct worker *w = &g->workers[i];

            if (w->state == LIFECYCLE_EMPTY)
                continue;
            if (gang_hear_unsent(g, w))
                gang_hear_send(g, w, now);
            if (g->feed_again > now && gang_hear_unsent(g, w))
                next = sooner(next, g->feed_again);
            next = sooner(next, w->deadline);
        }
        /* Asked anew: what was obeyed just now may have failed. */
        if (!throttle_allows(&g->throttle, now) && !g->stopping)
            next = sooner(next, g->throttle.until);
        if (g->emptying)
            next = sooner(next, g->empty_look);
        if (throttle_failing(&g->throttle) && gang_serving(g) > 0)
            next = sooner(next, g->next_look);
    }
    next = sooner(next, gang_lines_settle(g, now));
    gang_publish(g, now);
    return next;
}
