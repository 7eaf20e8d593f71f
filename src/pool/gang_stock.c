/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking stock: what the policy is to know about a gang.  Numbers about processes are the master's
 * own; who is idle, busy or due comes from the board and is gossip, which makes a pool larger or
 * smaller than it should be within its own limits, and nothing else.
 */
#include "pool/gang_struct.h"

#include "base/clock.h"
#include "host/meter.h"
#include "host/queue.h"

/* While something is to be watched that no bell announces. */
#define HEARTBEAT CLOCK_SEC
/* How old a worker has to be that is replaced for its size and has answered nothing. */
#define LIFE_BEFORE_LARGE (60 * CLOCK_SEC)

/* ---- replacing ---- */

static bool is_large(const struct gang *g, const struct worker *w,
                     const struct board_glance *glance, uint64_t now)
{
    uint64_t resident = 0;

    /* One that is too large before it has done anything has a successor that is, too. */
    if (glance->requests == 0 && now - w->started < LIFE_BEFORE_LARGE)
        return false;
    return meter_resident(w->pid, &resident) == 0 && resident > g->pool->pm_max_memory;
}

/* Judge a serving worker.  `measure`: its memory, too. */
static void judge(const struct gang *g, struct worker *w, const struct board_glance *glance,
                  bool measure, uint64_t now)
{
    if (w->due != RECYCLE_NO)
        return;
    if (w->recycle_at > 0 && glance->requests >= w->recycle_at)
        w->due = RECYCLE_REQUESTS;
    else if (measure && is_large(g, w, glance, now))
        w->due = RECYCLE_MEMORY;
    /* It has been heard.  Until it leaves it may answer thousands: they would all wake us, and take
     * the processor from its successor. */
    if (w->due != RECYCLE_NO)
        board_slot_set_ring_at(g->board, w->slot, 0);
}

void gang_stock_recycled(struct gang *g, const struct worker *w)
{
    switch (w->due) {
    case RECYCLE_NO:
        return;
    case RECYCLE_REQUESTS:
        g->card.recycled_requests++;
        break;
    case RECYCLE_MEMORY:
        g->card.recycled_memory++;
        break;
    case RECYCLE_EMERGENCY:
        g->card.recycled_emergency++;
        break;
    }
    recycle_budget_spend(&g->budget);
}

uint64_t gang_stock_hold(struct gang *g, const struct policy_input *taken,
                         const struct policy_answer *answer, uint64_t now)
{
    /* Asked anew: a start that was tried just now may have failed. */
    bool able = !g->stopping && !throttle_failing(&g->throttle);
    bool coming =
        taken->due == 0 || taken->pending > 0 || answer->start > 0 || answer->retire_due > 0;
    bool hold = g->pool->pm_max_requests > 0 && recycle_may_hold(&g->hold, able, coming, now);

    for (uint32_t i = 0; i < g->posts; i++) {
        struct worker *w = &g->workers[i];
        uint64_t at = hold ? recycle_bound(w->recycle_at) : 0;

        at += at > 0 ? w->hold_from : 0;
        if (w->state == LIFECYCLE_EMPTY || w->hold_at == at)
            continue;
        w->hold_at = at;
        board_slot_set_hold_at(g->board, w->slot, at);
    }
    return hold ? recycle_hold_next(&g->hold) : CLOCK_NEVER;
}

void gang_replace_all(struct gang *g)
{
    for (uint32_t i = 0; i < g->posts; i++) {
        if (g->workers[i].state == LIFECYCLE_SERVING && g->workers[i].due == RECYCLE_NO)
            g->workers[i].due = RECYCLE_EMERGENCY;
    }
}

/* ---- who is doing what ---- */

/* It neither serves nor could it. */
static bool is_held(const struct worker *w, const struct board_glance *glance)
{
    return w->due != RECYCLE_NO && w->hold_at > 0 && glance->requests >= w->hold_at &&
           glance->active == 0;
}

struct census {
    uint32_t idle, busy;
    uint32_t silent; /* serve, and say nothing about it: programs that no shim can enter */
    uint32_t due;
};

static void count(struct gang *g, struct policy_input *in, struct census *n, uint64_t now)
{
    bool measure = g->pool->pm_max_memory > 0 && now >= g->next_measure;

    for (uint32_t i = 0; i < g->posts; i++) {
        struct worker *w = &g->workers[i];

        in->pending += worker_pending(w);
        in->leaving += worker_leaving(w);
        if (w->state != LIFECYCLE_SERVING)
            continue;
        struct board_glance glance = board_snapshot_slot(g->board, i);
        in->serving++;
        n->idle += glance.state == BOARD_WORKER_IDLE;
        n->silent += glance.state == BOARD_WORKER_STARTING;
        judge(g, w, &glance, measure, now);
        n->due += w->due != RECYCLE_NO;
        n->busy += glance.state == BOARD_WORKER_BUSY ||
                   (glance.state == BOARD_WORKER_LEAVING && !is_held(w, &glance));
    }
    if (measure)
        g->next_measure = now + HEARTBEAT;
}

/* Connections that wait; asked only when nobody is idle, for else somebody is about to take them. */
static uint32_t count_waiting(struct gang *g, const struct policy_input *in, const struct census *n)
{
    uint64_t waiting = 0;
    bool told = false;
    bool knocked = g->knocked;

    g->knocked = false;
    if (g->pool->pm == CONF_PM_STATIC || n->idle > 0)
        return 0;
    for (size_t i = 0; i < g->ports.count; i++) {
        struct queue_length length;

        if (queue_ask(g->context->queue, g->ports.items[i].fd, &length) == 0) {
            waiting += length.waiting;
            told = true;
        }
    }
    /* All that is known is that there is one: twice as many workers, as often as that happens. */
    if (!told && knocked)
        waiting = in->serving > 0 ? in->serving : 1;
    return waiting < in->max_children ? (uint32_t)waiting : in->max_children;
}

static uint32_t processes_left(const struct gang *g)
{
    const struct pool_context *c = g->context;

    uint32_t left = g->room;

    if (c->process_max > 0 && c->processes != NULL && g->pool->kind != CONF_KIND_STATUS) {
        uint32_t all = *c->processes < c->process_max ? c->process_max - *c->processes : 0;

        /* Who is to show that he can serve has no predecessor that would make room before. */
        if (all == 0 && g->floor > 0 && !g->proven && g->card.total == 0)
            all = 1;
        left = left < all ? left : all;
    }
    return left;
}

static uint32_t spares(int64_t configured)
{
    return configured > 0 && configured <= UINT32_MAX ? (uint32_t)configured : 0;
}

struct policy_input gang_stock_take(struct gang *g, uint64_t now)
{
    struct policy_input in = {.pm = g->pool->pm,
                              .max_children = g->max_children < g->cap ? g->max_children : g->cap,
                              .floor = g->floor,
                              .min_spare = spares(g->pool->pm_min_spare_servers),
                              .max_spare = spares(g->pool->pm_max_spare_servers),
                              .max_spawn_rate = g->pool->pm_max_spawn_rate,
                              .surplus = g->surplus,
                              .allowed = processes_left(g),
                              .size = g->wanted,
                              .stopping = g->stopping && !g->emptying,
                              .proven = g->proven,
                              .failing = throttle_failing(&g->throttle),
                              .held = !throttle_allows(&g->throttle, now)};
    struct census n = {0};

    count(g, &in, &n, now);
    in.waiting = count_waiting(g, &in, &n);
    in.busy = n.busy + (in.waiting > 0 ? n.silent : 0);
    uint64_t load = (uint64_t)in.busy + in.waiting;
    window_add(&g->window, load < g->max_children ? (uint32_t)load : g->max_children, now);
    in.peak = window_peak(&g->window, now);
    if (n.busy > g->card.max_active)
        g->card.max_active = n.busy;
    in.noted = in.pm == CONF_PM_STATIC ? g->card.max_active : window_latest(&g->window, now);
    uint32_t affordable = recycle_budget_left(&g->budget, now);
    in.due = n.due < affordable ? n.due : affordable;
    g->due_left = n.due > in.due;
    g->nobody_idle = n.idle == 0;
    g->silent = n.silent;
    return in;
}

/* ---- when to look again ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t gang_stock_next(const struct gang *g, const struct policy_answer *answer, uint64_t now)
{
    uint64_t next = CLOCK_NEVER;
    bool any = g->card.total > 0 || answer->start > 0;

    if (g->stopping)
        return next;
    if (answer->shrinkable)
        next = window_next(&g->window, now);
    if (g->due_left) { /* what it has left it may not spend yet: no reason to spin */
        uint64_t again = recycle_budget_next(&g->budget, now);

        next = sooner(next, again > now ? again : now + CLOCK_SEC / RECYCLE_RATE);
    }
    if (any && (g->pool->pm_max_memory > 0 || g->pool->pm_max_requests > 0))
        next = sooner(next, g->pool->pm_max_memory > 0 ? g->next_measure : now + HEARTBEAT);
    if (g->silent > 0 && g->pool->pm != CONF_PM_STATIC)
        next = sooner(next, now + HEARTBEAT / 5);
    return next;
}

/*
 * The sockets are watched while nobody is idle and nobody is on the way who could be, and only when
 * a connection would make us start somebody: it stays readable until a worker takes it.
 */
uint64_t gang_stock_watch(struct gang *g, const struct policy_input *taken,
                          const struct policy_answer *answer, uint64_t now)
{
    struct policy_input in = *taken;
    bool wish = false;

    if (g->pool->pm != CONF_PM_STATIC && g->nobody_idle && in.pending == 0 && answer->start == 0 &&
        !in.stopping) {
        in.waiting = in.waiting > 0 ? in.waiting : 1;
        wish = policy_decide(&in).start > 0;
    }
    if (wish == g->watching)
        return CLOCK_NEVER;
    for (size_t i = 0; i < g->ports.count; i++) {
        struct gang_watch watch = {
            .kind = GANG_WATCH_LISTEN, .slot = (uint32_t)i, .fd = g->ports.items[i].fd};

        if (!wish)
            g->hooks.unwatch(g->hooks.cookie, g, &watch);
        else if (g->hooks.watch(g->hooks.cookie, g, &watch) < 0)
            return now + HEARTBEAT; /* no memory, for now */
    }
    g->watching = wish;
    return CLOCK_NEVER;
}
