/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gang counts: why its workers leave, how they die, what they cost.
 *
 * Each number is a total that only grows, and grows by what was added since it was looked at last: so
 * a gang that takes the place of another one, or an image of the master that follows one, goes on from
 * it without counting anything twice.
 */
#include "pool/gang_struct.h"

#include <sys/wait.h>

/* ---- leaving ---- */

void gang_set_cause(struct gang *g, enum gang_cause cause)
{
    g->cause = cause;
}

void gang_count_leaving(struct gang *g, const struct worker *w)
{
    if (gang_queue_is_shedder(g, w))
        return;
    if (w->due != RECYCLE_NO && !g->stopping)
        gang_stock_recycled(g, w);
    else if (!g->stopping && g->cap == UINT32_MAX)
        g->card.recycled_idle++;
    else if (g->cause == GANG_CAUSE_RELOAD)
        g->card.recycled_reload++;
    else if (g->cause == GANG_CAUSE_RESTART)
        g->card.recycled_restart++;
}

/* ---- dying ---- */

static void saturate(uint32_t *counter, uint32_t more)
{
    *counter = *counter < UINT32_MAX - more ? *counter + more : UINT32_MAX;
}

/* The processor time of `w` is known to be `cpu` now. */
static void spend(struct gang *g, struct worker *w, uint64_t cpu)
{
    if (cpu <= w->cpu)
        return;
    g->card.process_cpu += cpu - w->cpu;
    w->cpu = cpu;
}

static void weigh(struct gang *g, struct worker *w, uint64_t resident, uint64_t proportional)
{
    resident = resident < BOARD_AMOUNT_MAX ? resident : BOARD_AMOUNT_MAX;
    proportional = proportional < BOARD_AMOUNT_MAX ? proportional : BOARD_AMOUNT_MAX;
    g->resident += resident - w->resident; /* of all: never less than one's own */
    g->proportional += proportional - w->proportional;
    w->resident = resident;
    w->proportional = proportional;
}

void gang_count_gone(struct gang *g, struct worker *w, uint64_t cpu)
{
    spend(g, w, cpu);
    weigh(g, w, 0, 0);
}

void gang_count_death(struct gang *g, enum verdict_sort sort, int code, int status)
{
    switch (sort) {
    case VERDICT_OK:
        g->card.exits_ok++;
        break;
    case VERDICT_ERROR:
        g->card.exits_error++;
        if (status > 0 && status < BOARD_EXIT_CODES)
            saturate(&g->card.exit_codes[status], 1);
        break;
    case VERDICT_SIGNAL:
        g->card.exits_signal++;
        if (code != CLD_EXITED && status > 0 && status < BOARD_EXIT_SIGNALS)
            saturate(&g->card.exit_signals[status], 1);
        break;
    }
}

/* ---- shedding ---- */

void gang_count_shed(struct gang *g)
{
    const struct worker *w = &g->workers[g->slots - 1];
    uint64_t answered = board_snapshot_slot(g->board, w->slot).requests;

    if (w->state == LIFECYCLE_EMPTY)
        return;
    if (w->serial != g->queue.shed_by) {
        g->queue.shed_by = w->serial;
        g->queue.shed_seen = 0;
    }
    if (answered > g->queue.shed_seen) {
        g->card.shed += answered - g->queue.shed_seen;
        g->queue.shed_seen = answered;
    }
}

/* ---- what workers cost ---- */

size_t gang_list(const struct gang *g, struct gang_worker *to, size_t room)
{
    size_t count = 0;

    for (uint32_t i = 0; i < g->slots && count < room; i++) {
        const struct worker *w = &g->workers[i];

        if (w->state != LIFECYCLE_EMPTY)
            to[count++] = (struct gang_worker){.slot = i, .serial = w->serial, .pid = w->pid};
    }
    return count;
}

void gang_measured(struct gang *g, const struct gang_worker *of, const struct gang_cost *cost,
                   uint64_t now)
{
    struct worker *w = of->slot < g->slots ? &g->workers[of->slot] : NULL;

    /* One that died meanwhile has been counted to its end. */
    if (w == NULL || w->state == LIFECYCLE_EMPTY || w->serial != of->serial || w->pid != of->pid)
        return;
    spend(g, w, cost->cpu);
    weigh(g, w, cost->resident, cost->proportional);
    board_slot_set_memory(g->board, w->slot, cost->resident, cost->proportional);
    g->card.measured = now + (uint64_t)g->wall_offset;
}

/* ---- of several gangs ---- */

struct gang_elders gang_weight(const struct gang *g)
{
    return (struct gang_elders){
        .workers = gang_alive(g), .resident = g->resident, .proportional = g->proportional};
}

bool gang_set_elders(struct gang *g, const struct gang_elders *elders)
{
    bool new = g->elders.workers != elders->workers || g->elders.resident != elders->resident ||
               g->elders.proportional != elders->proportional;

    g->elders = *elders;
    return new;
}

void gang_inherit_counts(struct gang *g, struct gang *from)
{
    struct board_totals now;
    struct board_card *to = &g->card, *c = &from->card, *told = &from->inherited_card;

    board_snapshot_totals(from->board, &now);
    board_slot_add_totals(g->board, &now, &from->inherited);
    from->inherited = now;
    to->spawned += c->spawned - told->spawned;
    to->exits_ok += c->exits_ok - told->exits_ok;
    to->exits_error += c->exits_error - told->exits_error;
    to->exits_signal += c->exits_signal - told->exits_signal;
    to->spawn_failures += c->spawn_failures - told->spawn_failures;
    to->recycled_requests += c->recycled_requests - told->recycled_requests;
    to->recycled_memory += c->recycled_memory - told->recycled_memory;
    to->recycled_emergency += c->recycled_emergency - told->recycled_emergency;
    to->recycled_reload += c->recycled_reload - told->recycled_reload;
    to->recycled_restart += c->recycled_restart - told->recycled_restart;
    to->recycled_idle += c->recycled_idle - told->recycled_idle;
    to->shed += c->shed - told->shed;
    to->process_cpu += c->process_cpu - told->process_cpu;
    to->terminated += c->terminated - told->terminated;
    to->max_children_reached += c->max_children_reached - told->max_children_reached;
    for (size_t i = 0; i < BOARD_EXIT_CODES; i++)
        saturate(&to->exit_codes[i], c->exit_codes[i] - told->exit_codes[i]);
    for (size_t i = 0; i < BOARD_EXIT_SIGNALS; i++)
        saturate(&to->exit_signals[i], c->exit_signals[i] - told->exit_signals[i]);
    if (c->max_active > to->max_active)
        to->max_active = c->max_active;
    if (c->max_listen_queue > to->max_listen_queue)
        to->max_listen_queue = c->max_listen_queue;
    if (c->measured > to->measured)
        to->measured = c->measured;
    *told = *c;
}
