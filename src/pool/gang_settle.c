/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settling: count what there is, ask the policy what should be, do the difference.  It runs after
 * every event and keeps no memory of its own, so running it again changes nothing.
 */
#include "pool/gang_struct.h"

#include <string.h>
#include "base/clock.h"
#include "pool/policy.h"

static struct policy_input take_stock(const struct gang *g, uint64_t now)
{
    struct policy_input in = {.pm = g->pool->pm,
                              .max_children = g->slots,
                              .stopping = g->stopping && !g->emptying,
                              .proven = g->proven,
                              .failing = throttle_failing(&g->throttle),
                              .held = !throttle_allows(&g->throttle, now)};

    for (uint32_t i = 0; i < g->slots; i++) {
        const struct worker *w = &g->workers[i];

        in.pending += worker_pending(w);
        in.serving += w->state == LIFECYCLE_SERVING;
        in.leaving += worker_leaving(w);
    }
    uint32_t idle = board_count_idle(g->board);
    in.idle = idle < in.serving ? idle : in.serving;
    in.busy = in.serving - in.idle;
    return in;
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
    g->card.spawned++;
    r = gang_hear_watch(g, w, GANG_WATCH_REPORT, w->report, false);
    if (r == 0)
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

static void obey(struct gang *g, const struct policy_answer *answer, uint64_t now)
{
    uint32_t start = answer->start;
    uint32_t retire = answer->retire;

    g->wanted = answer->wanted;
    board_set_spare_wanted(g->board, answer->spare_wanted);
    for (uint32_t i = 0; i < g->slots && start > 0; i++) {
        if (g->workers[i].state != LIFECYCLE_EMPTY)
            continue;
        if (start_one(g, &g->workers[i], now) < 0)
            break; /* the throttle says when to try again */
        start--;
    }
    for (uint32_t i = g->slots; i > 0 && retire > 0; i--) {
        struct worker *w = &g->workers[i - 1];

        if (worker_pending(w) || w->state == LIFECYCLE_SERVING) {
            (void)gang_event(g, w, LIFECYCLE_DRAIN, now);
            retire--;
        }
    }
}

static void pass_deadlines(struct gang *g, uint64_t now)
{
    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        if (w->state != LIFECYCLE_EMPTY && w->deadline <= now)
            (void)gang_event(g, w, LIFECYCLE_DEADLINE, now);
    }
}

/* A failing pool is well again when a worker has served, or simply lives. */
static void look_for_proof(struct gang *g, uint64_t now)
{
    if (!throttle_failing(&g->throttle) || now < g->next_look)
        return;
    g->next_look = now + GANG_LOOK_EVERY;
    for (uint32_t i = 0; i < g->slots; i++) {
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
    g->emptying = now < g->stop_by && gang_alive(g) > 0 && ports_paths_waiting(&g->ports);
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
        struct policy_input in = take_stock(g, now);
        struct policy_answer answer = policy_decide(&in);
        obey(g, &answer, now);
        for (uint32_t i = 0; i < g->slots; i++) {
            struct worker *w = &g->workers[i];

            if (w->state == LIFECYCLE_EMPTY)
                continue;
            if (w->channel >= 0 && (w->drain_unsent || w->boards < g->fed_count))
                gang_hear_send(g, w, now);
            if (w->boards < g->fed_count && w->channel >= 0 && g->feed_again > now)
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
    next = sooner(next, gang_hear_expire(g, now));
    gang_publish(g, now);
    return next;
}
