/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/gang_freeze.h"
#include "pool/gang_struct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t frozen_length(const struct output *o)
{
    size_t held = bytes_held(&o->line);

    return held < FROZEN_LINE_MAX ? held : FROZEN_LINE_MAX;
}

static bool cuts(const struct output *o)
{
    return o->cutting != 0 || bytes_held(&o->line) > FROZEN_LINE_MAX;
}

static struct frozen_line line_of(const struct output *o)
{
    return (struct frozen_line){
        /* only read from */
        .data = (uint8_t *)(uintptr_t)bytes_front(&o->line),
        .length = frozen_length(o),
    };
}

static struct frozen_worker freeze_worker(const struct worker *w)
{
    return (struct frozen_worker){
        .state = w->state,
        .slot = w->slot,
        .serial = w->serial,
        .pid = w->pid,
        .pidfd = w->pidfd,
        .report = w->report,
        .channel = w->channel,
        .output = w->output.fd,
        .line = line_of(&w->output),
        .cutting = cuts(&w->output),
        .started = w->started,
        .deadline = w->deadline,
        .drain_unsent = w->drain_unsent,
        .refused = w->refused,
        .settings_unsent = w->settings_unsent,
        .level_unsent = w->level_unsent,
        .due = w->due,
        .recycle_at = w->recycle_at,
        .native = w->native.is,
        .opaque = w->native.opaque,
        .stop_sent = w->native.stop_sent,
        .stop = w->native.stop,
        .warm = w->native.warm,
        .nudge = w->native.nudge,
        .busy = w->native.busy,
        .accepted = w->native.accepted,
        .since = w->native.since,
        .cpu = w->cpu,
        .resident = w->resident,
        .proportional = w->proportional,
        .slow = w->native.slow,
    };
}

static int add_worker(const struct worker *w, struct state *to, struct frozen_fds *fds)
{
    struct frozen_worker f = freeze_worker(w);
    const int its[] = {f.pidfd, f.report, f.channel, f.output};
    int r = frozen_put_worker(to, &f);

    for (size_t i = 0; i < sizeof(its) / sizeof(its[0]) && r == 0; i++)
        r = frozen_add_fd(fds, its[i]);
    return r;
}

static int add_leftover(const struct leftover *l, struct state *to, struct frozen_fds *fds)
{
    const struct frozen_leftover f = {.output = l->output.fd,
                                      .pid = l->pid,
                                      .line = line_of(&l->output),
                                      .cutting = cuts(&l->output),
                                      .slot = l->slot,
                                      .serial = l->serial,
                                      .expires = l->expires};
    int r = frozen_put_leftover(to, &f);

    return r < 0 ? r : frozen_add_fd(fds, f.output);
}

/* All of the gang itself but its texts and ports. */
static struct frozen_gang freeze_numbers(const struct gang *g, const struct frozen_gang *marks)
{
    struct frozen_gang f = {
        .conf = marks->conf,
        .role = marks->role,
        .stopped = marks->stopped,
        .hurried = marks->hurried,
        .place_scaled = marks->place_scaled,
        .size = marks->size,
        .begun = marks->begun,
        .retry_until = marks->retry_until,
        .slots = g->slots,
        .posts = g->posts,
        .surplus = g->surplus,
        .max_children = g->max_children,
        .scaled = g->scaled,
        .wanted = g->wanted,
        .last_serial = g->last_serial,
        .generation = g->generation,
        .floor = g->floor,
        .cap = g->cap,
        .room = g->room,
        .opened = g->opened,
        .failed = g->failed,
        .stopping = g->stopping,
        .retiring = g->retiring,
        .emptying = g->emptying,
        .ports_closed = g->ports_closed,
        .proven = g->proven,
        .settled = g->settled,
        .empty_look = g->empty_look,
        .stop_by = g->stop_by,
        .failed_at = g->failed_at,
        .next_look = g->next_look,
        .next_reached = g->next_reached,
        .board = board_fd(g->board),
        .bell_read = g->bell[0],
        .bell_write = g->bell[1],
        .inherited = g->inherited,
        .card = g->card,
        .inherited_card = g->inherited_card,
        .throttle = g->throttle,
        .window = g->window,
        .budget = g->budget,
        .quiet_full = g->queue.quiet_full,
        .quiet_shedding = g->queue.quiet_shedding,
        .shed_after = g->queue.not_before,
        .said_shedding = g->queue.said_shedding,
        .last_speaker = g->last_speaker,
        .cause = g->cause,
        .shed_by = g->queue.shed_by,
        .shed_seen = g->queue.shed_seen,
    };

    memcpy(f.toward, marks->toward, sizeof(f.toward));
    board_save(g->board, &f.gone);
    return f;
}

static int add_gang(const struct gang *g, const struct frozen_gang *marks, struct state *to,
                    struct frozen_fds *fds)
{
    struct frozen_gang f = freeze_numbers(g, marks);

    (void)snprintf(f.name, sizeof(f.name), "%s", g->pool->name);
    (void)snprintf(f.reason, sizeof(f.reason), "%s", g->reason);
    (void)snprintf(f.last_words, sizeof(f.last_words), "%s", g->last_words);
    f.ports = calloc(g->ports.count == 0 ? 1 : g->ports.count, sizeof(*f.ports));
    if (f.ports == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < g->ports.count; i++) {
        const struct port *p = &g->ports.items[i];

        f.ports[i] = (struct frozen_port){
            .fd = p->fd, .lent = p->lent, .deaf = p->deaf, .foreign = p->foreign};
        (void)snprintf(f.ports[i].text, sizeof(f.ports[i].text), "%s", p->address.text);
    }
    f.port_count = g->ports.count;
    int r = f.port_count > FROZEN_PORTS_MAX ? -ENOBUFS : frozen_put_gang(to, &f);
    if (r == 0)
        r = frozen_list(&f, fds);
    free(f.ports);
    for (size_t i = 0; i < HANDOVER_LOGS && r == 0; i++) { /* as the master's log: only kept open */
        if (g->logs.files[i].path != NULL)
            r = frozen_add_fd(fds, g->logs.files[i].keep);
    }
    return r;
}

int gang_freeze(const struct gang *g, const struct frozen_gang *marks, struct state *to,
                struct frozen_fds *fds)
{
    int r = add_gang(g, marks, to, fds);

    for (uint32_t i = 0; i < g->slots && r == 0; i++) {
        if (g->workers[i].state != LIFECYCLE_EMPTY)
            r = add_worker(&g->workers[i], to, fds);
    }
    for (size_t i = 0; i < g->leftover_count && r == 0; i++)
        r = add_leftover(&g->leftovers[i], to, fds);
    return r;
}
