/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may change about a gang while it serves: its pool's numbers and limits, how many processes
 * it may have beside the other generations of its pool, and whose place it takes.
 *
 * A gang is made with room for more workers than it is allowed: pm.max_children may grow up to about
 * twice its first value before the board is too small.
 */
#include "pool/gang_struct.h"

#include <errno.h>

#define HEADROOM 16u

uint32_t gang_change_capacity(uint32_t posts)
{
    uint64_t wanted = 2 * (uint64_t)posts + HEADROOM;

    return wanted < BOARD_SLOTS_MAX - 1 ? (uint32_t)wanted : BOARD_SLOTS_MAX - 1;
}

/* ---- numbers and limits ---- */

static void tell_workers(struct gang *g)
{
    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        w->settings_unsent = w->state != LIFECYCLE_EMPTY && !w->native.is &&
                             (!gang_queue_is_shedder(g, w) || g->queue.planned);
    }
}

/* The number of requests after which each that lives is replaced. */
static void renew_limits(struct gang *g)
{
    for (uint32_t i = 0; i < g->posts; i++) {
        struct worker *w = &g->workers[i];

        if (w->state == LIFECYCLE_EMPTY)
            continue;
        uint64_t answered = board_slot_requests(g->board, i);
        w->recycle_at = recycle_limit(g->pool->pm_max_requests, w->serial);
        /* Else all that are far beyond it would be held at once, and nobody would serve. */
        w->hold_from = answered > w->recycle_at ? answered - w->recycle_at : 0;
        board_slot_set_ring_at(g->board, i, w->due == RECYCLE_NO ? w->recycle_at : 0);
    }
}

/* What may fail: nothing is changed then that anybody would notice. */
static int prepare(struct gang *g, const struct conf_pool *pool, uint32_t posts, struct logs *logs,
                   struct error *err)
{
    int r = board_set_used(g->board, posts > g->posts ? posts : g->posts, err);

    if (r < 0 || !g->opened)
        return r;
    r = logs_open(logs, pool, &g->logs, err);
    if (r == 0)
        r = ports_dress(&g->ports, g->pool, pool, err);
    if (r == 0)
        r = gang_queue_renew(g, pool, err);
    if (r < 0)
        return r;
    r = plan_renew(&g->plan, pool, &g->ports, err);
    if (r < 0)
        (void)gang_queue_renew(g, g->pool, NULL);
    return r;
}

static int change(struct gang *g, const struct conf_pool *given, uint32_t scaled, uint64_t now,
                  struct error *err)
{
    struct conf_pool altered = *given; /* borrows what `given` owns */
    const struct conf_pool before = *g->pool;
    uint32_t children = scaled > 0 ? scaled : given->pm_max_children;

    children = children > 0 ? children : 1;
    uint32_t posts = children + policy_surplus(children);
    if (posts > g->slots - 1) {
        (void)error_set(err, ENOSPC, "%u workers: there is room for %u", children, g->slots - 1);
        return GANG_TUNE_BEYOND;
    }
    altered.pm_max_children = children;
    struct logs logs = {0};
    int r = prepare(g, &altered, posts, &logs, err);
    if (r < 0) {
        logs_close(&logs);
        return r;
    }
    if (g->opened)
        gang_logs_replace(g, &logs);
    g->altered = altered;
    g->given = given;
    g->pool = scaled > 0 ? &g->altered : given;
    g->scaled = scaled;
    g->plan.pool = g->pool;
    if (g->plan.native != NULL)
        native_renew(g->plan.native, g->pool);
    g->max_children = children;
    g->surplus = posts - children;
    g->posts = posts > g->posts ? posts : g->posts;
    g->plan.slots = g->posts;
    if (before.pm_process_idle_timeout != g->pool->pm_process_idle_timeout) {
        uint32_t peak = window_peak(&g->window, now);

        window_init(&g->window, g->pool->pm_process_idle_timeout, now);
        window_add(&g->window, peak, now);
    }
    if (before.pm_max_requests != g->pool->pm_max_requests)
        renew_limits(g);
    if (r > 0 || before.queue_limit != given->queue_limit ||
        before.queue_timeout != given->queue_timeout)
        tell_workers(g);
    return 0;
}

int gang_tune(struct gang *g, const struct conf_pool *pool, uint64_t now, struct error *err)
{
    bool equal = conf_pool_compare(g->given, pool) == CONF_KEEP;

    return change(g, pool, equal ? g->scaled : 0, now, err);
}

int gang_scale(struct gang *g, uint32_t max_children, uint64_t now, struct error *err)
{
    return change(g, g->given, max_children, now, err);
}

void gang_tell_level(struct gang *g, enum log_level level)
{
    g->level_changed = true;
    for (uint32_t i = 0; i < g->slots; i++) {
        if (g->workers[i].state != LIFECYCLE_EMPTY && g->workers[i].channel >= 0)
            g->workers[i].level_unsent = (int)level;
    }
}

/* ---- beside other gangs ---- */

void gang_set_generation(struct gang *g, uint32_t generation)
{
    g->generation = generation;
}

uint32_t gang_generation(const struct gang *g)
{
    return g->generation;
}

bool gang_set_floor(struct gang *g, uint32_t floor)
{
    bool new = g->floor != floor;

    g->floor = floor;
    return new;
}

bool gang_set_cap(struct gang *g, uint32_t cap)
{
    bool new = g->cap != cap;

    g->cap = cap;
    return new;
}

uint32_t gang_most(const struct gang *g)
{
    return g->max_children + g->surplus;
}

bool gang_set_room(struct gang *g, uint32_t room)
{
    bool new = g->room != room;

    g->room = room;
    return new;
}

bool gang_starved(const struct gang *g)
{
    return g->starved;
}

bool gang_ended(const struct gang *g)
{
    return g->stopping && gang_alive(g) == 0 && !gang_slow_running(g);
}

bool gang_silent(const struct gang *g)
{
    return g->leftover_count == 0;
}

bool gang_is_open(const struct gang *g)
{
    return g->opened && !g->stopping;
}

bool gang_shares(const struct gang *g, const struct gang *other)
{
    return ports_share(&g->ports, &other->ports);
}

const struct conf_pool *gang_pool(const struct gang *g)
{
    return g->given;
}

bool gang_runs_as(const struct gang *g, uid_t uid)
{
    return g->opened && uid == (g->plan.has_identity ? g->plan.identity.uid : g->context->uid);
}

/* ---- in the place of another one ---- */

void gang_take_paths(struct gang *g, struct gang *from)
{
    ports_take_paths(&g->ports, &from->ports);
}

void gang_inherit(struct gang *g, struct gang *from)
{
    struct error err = ERROR_NONE;

    gang_take_paths(g, from);
    if (ports_dress(&g->ports, from->pool, g->pool, &err) < 0)
        gang_say(g, LOG_LEVEL_WARNING, "%s", err.text);
    g->card.start_time = from->card.start_time;
    gang_inherit_counts(g, from);
    from->cause = g->cause;
    g->cause = GANG_CAUSE_NONE;
}
