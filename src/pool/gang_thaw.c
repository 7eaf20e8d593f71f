/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First every descriptor is looked at and claimed, and only then anything is built: a state that is
 * wrong somewhere is refused before it has had any effect but on the descriptors' flags.
 */
#include "pool/gang_freeze.h"
#include "pool/gang_struct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

_Static_assert(FROZEN_LEFTOVERS_MAX == GANG_LEFTOVERS && FROZEN_WORDS == GANG_LAST_WORDS,
               "as much as a gang keeps");

/* ---- descriptors ---- */

static int claim_worker(struct inherit *in, const struct frozen_worker *w, struct error *err)
{
    int r = inherit_process(in, w->pidfd, w->pid, err);

    if (r == 0 && w->report >= 0)
        r = inherit_pipe(in, w->report, true, err);
    if (r == 0 && w->channel >= 0)
        r = inherit_channel(in, w->channel, err);
    if (r == 0 && w->output >= 0)
        r = inherit_pipe(in, w->output, true, err);
    return r;
}

static int claim(struct inherit *in, const struct frozen_gang *f, struct port *ports,
                 struct error *err)
{
    int r = inherit_any(in, f->board, err);

    if (r == 0 && f->opened)
        r = inherit_pipe(in, f->bell_read, true, err);
    if (r == 0 && f->opened)
        r = inherit_pipe(in, f->bell_write, false, err);
    for (size_t i = 0; i < f->port_count && r == 0; i++) {
        const struct frozen_port *p = &f->ports[i];

        ports[i] =
            (struct port){.fd = p->fd, .lent = p->lent, .deaf = p->deaf, .foreign = p->foreign};
        r = address_parse(&ports[i].address, p->text, err);
        if (r == 0 && p->fd >= 0)
            r = inherit_listener(in, p->fd, &ports[i].address, err);
    }
    for (size_t i = 0; i < f->worker_count && r == 0; i++)
        r = claim_worker(in, &f->workers[i], err);
    for (size_t i = 0; i < f->leftover_count && r == 0; i++)
        r = inherit_pipe(in, f->leftovers[i].output, true, err);
    return r;
}

/* ---- the gang ---- */

static void fill_pool(struct gang *g, const struct frozen_gang *f, const struct conf_pool *pool)
{
    g->pool = g->given = pool;
    g->altered = *pool; /* borrows what the original owns */
    g->altered.pm_max_children = f->max_children;
    g->scaled = f->scaled;
    if (f->scaled > 0)
        g->pool = &g->altered;
    g->max_children = f->max_children;
    g->posts = f->posts;
    g->surplus = f->surplus;
    g->slots = f->slots;
}

static void fill_numbers(struct gang *g, const struct frozen_gang *f)
{
    g->wanted = f->wanted;
    g->last_serial = f->last_serial;
    g->generation = f->generation;
    g->floor = f->floor;
    g->cap = f->cap;
    g->room = f->room;
    g->opened = f->opened;
    g->failed = f->failed;
    g->stopping = f->stopping;
    g->retiring = f->retiring;
    g->emptying = f->emptying;
    g->ports_closed = f->ports_closed;
    g->proven = f->proven;
    g->settled = f->settled;
    g->empty_look = f->empty_look;
    g->empty_after = UINT64_MAX;
    g->stop_by = f->stop_by;
    g->failed_at = f->failed_at;
    g->next_look = f->next_look;
    g->next_reached = f->next_reached;
    g->inherited = f->inherited;
    g->inherited_card = f->inherited_card;
    g->card = f->card;
    g->throttle = f->throttle;
    g->window = f->window;
    g->budget = f->budget;
    g->queue.quiet_full = f->quiet_full;
    g->queue.quiet_shedding = f->quiet_shedding;
    g->queue.not_before = f->shed_after;
    g->queue.said_shedding = f->said_shedding;
    g->queue.rung = true; /* look at once */
    g->last_speaker = f->last_speaker;
    g->cause = (enum gang_cause)f->cause;
    g->queue.shed_by = f->shed_by;
    g->queue.shed_seen = f->shed_seen;
    (void)snprintf(g->reason, sizeof(g->reason), "%s", f->reason);
    (void)snprintf(g->last_words, sizeof(g->last_words), "%s", f->last_words);
}

static int fill_output(struct output *o, int fd, const struct frozen_line *line, bool cutting,
                       struct error *err)
{
    output_init(o);
    o->fd = fd;
    o->cutting = cutting;
    int r = line->length == 0 ? 0 : bytes_append(&o->line, line->data, line->length);
    return r < 0 ? error_errno(err, -r, "a worker's output") : 0;
}

static void fill_worker(struct worker *w, const struct frozen_worker *f)
{
    w->state = (enum lifecycle_state)f->state;
    w->serial = f->serial;
    w->pid = f->pid;
    w->pidfd = f->pidfd;
    w->report = f->report;
    w->channel = f->channel;
    w->started = f->started;
    w->deadline = f->deadline;
    w->drain_unsent = f->drain_unsent;
    w->refused = f->refused;
    w->settings_unsent = f->settings_unsent;
    w->level_unsent = f->level_unsent;
    /* Cheaper than to write down who has which: everybody is given those that were opened just now. */
    w->logs_unsent = f->native ? 0 : (1u << HANDOVER_LOGS) - 1;
    w->due = (enum recycle_cause)f->due;
    w->recycle_at = f->recycle_at;
    w->hold_at = UINT64_MAX; /* what it was told is not known: it is told anew */
    w->native = (struct worker_native){.is = f->native,
                                       .opaque = f->opaque,
                                       .stop_sent = f->stop_sent,
                                       .stop = f->stop,
                                       .warm = f->warm,
                                       .nudge = f->nudge,
                                       .busy = f->busy,
                                       .accepted = f->accepted,
                                       .since = f->since,
                                       .slow = f->slow};
    w->cpu = f->cpu;
    w->resident = f->resident;
    w->proportional = f->proportional;
}

static int watch_worker(struct gang *g, const struct worker *w)
{
    int r = w->report < 0 ? 0 : gang_hear_watch(g, w, GANG_WATCH_REPORT, w->report, false);

    if (r >= 0 && w->channel >= 0)
        r = gang_hear_watch(g, w, GANG_WATCH_CHANNEL, w->channel, gang_hear_unsent(g, w));
    if (r >= 0 && w->output.fd >= 0)
        r = gang_hear_watch(g, w, GANG_WATCH_OUTPUT, w->output.fd, false);
    return r;
}

static int fill_workers(struct gang *g, const struct frozen_gang *f, struct error *err)
{
    int r = 0;

    for (size_t i = 0; i < f->worker_count && r >= 0; i++) {
        const struct frozen_worker *from = &f->workers[i];
        struct worker *w = &g->workers[from->slot];

        fill_worker(w, from);
        g->resident += w->resident;
        g->proportional += w->proportional;
        if (!gang_queue_is_shedder(g, w))
            gang_count_process(g, 1);
        else /* until it is calm; else the first look would send it home */
            g->queue.overload.shedding = worker_pending(w) || w->state == LIFECYCLE_SERVING;
        r = fill_output(&w->output, from->output, &from->line, from->cutting, err);
        if (r == 0 && watch_worker(g, w) < 0)
            r = error_set(err, ENOMEM, "a worker cannot be watched");
    }
    for (size_t i = 0; i < f->leftover_count && r >= 0; i++) {
        const struct frozen_leftover *from = &f->leftovers[i];
        struct leftover *l = &g->leftovers[g->leftover_count++];
        struct gang_watch watch = {.kind = GANG_WATCH_OUTPUT,
                                   .slot = from->slot,
                                   .serial = from->serial,
                                   .fd = from->output};

        *l = (struct leftover){
            .pid = from->pid, .slot = from->slot, .serial = from->serial, .expires = from->expires};
        r = fill_output(&l->output, from->output, &from->line, from->cutting, err);
        if (r == 0 && g->hooks.watch(g->hooks.cookie, g, &watch) < 0)
            r = error_set(err, ENOMEM, "an output cannot be watched");
    }
    return r;
}

/* As gang_open() goes on once it has its sockets. */
static int open_again(struct gang *g, const struct frozen_gang *f, struct error *err)
{
    struct gang_watch watch = {.kind = GANG_WATCH_BELL, .fd = f->bell_read};
    int r = plan_make(&g->plan, g->pool, g->context, &g->ports, err);

    g->planned = true;
    g->plan.slots = g->posts;
    gang_logs_thaw(g);
    if (r >= 0)
        r = gang_queue_open(g, err);
    if (r < 0 && !g->stopping) /* one that starts nobody any more needs no plan */
        return r;
    g->bell[0] = f->bell_read;
    g->bell[1] = f->bell_write;
    if (g->hooks.watch(g->hooks.cookie, g, &watch) < 0)
        return error_set(err, ENOMEM, "the doorbell cannot be watched");
    return 0;
}

static int build(struct gang *g, const struct frozen_gang *f, struct error *err)
{
    g->workers = calloc(g->slots, sizeof(*g->workers));
    if (g->workers == NULL) {
        g->slots = 0;
        return error_errno(err, ENOMEM, "%u workers", f->slots);
    }
    for (uint32_t i = 0; i < g->slots; i++)
        worker_init(&g->workers[i], i);
    int r = board_inherit(&g->board, f->board, f->posts, f->slots, &f->gone, err);
    if (r == 0 && g->opened)
        r = open_again(g, f, err);
    return r < 0 ? r : fill_workers(g, f, err);
}

int gang_thaw(struct gang **ret, const struct frozen_gang *f, struct inherit *in,
              const struct conf_pool *pool, const struct pool_context *context,
              const struct gang_hooks *hooks, uint64_t now, uint64_t wall, struct error *err)
{
    struct gang *g = calloc(1, sizeof(*g));
    /* None when it is not open, and may be opened yet: ports_open() takes no account of any. */
    struct port *ports = f->port_count == 0 ? NULL : calloc(f->port_count, sizeof(*ports));
    int r = 0;

    if (g == NULL || (ports == NULL && f->port_count > 0))
        r = error_errno(err, ENOMEM, "pool");
    else if (strcmp(f->name, pool->name) != 0)
        r = error_set(err, EINVAL, "pool %s of the state is given another's options", f->name);
    else
        r = claim(in, f, ports, err);
    if (r < 0) {
        free(ports);
        free(g);
        return r;
    }
    g->context = context;
    g->hooks = *hooks;
    g->bell[0] = g->bell[1] = -1;
    gang_slow_init(g);
    g->wall_offset = (int64_t)(wall - now);
    g->ports = (struct ports){.items = ports, .count = f->port_count};
    ports_thaw(&g->ports, context);
    fill_pool(g, f, pool);
    fill_numbers(g, f);
    r = build(g, f, err);
    if (r < 0) {
        (void)gang_free(g);
        return r;
    }
    *ret = g;
    return 0;
}
