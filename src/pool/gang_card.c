/* SPDX-License-Identifier: Apache-2.0 */
/* What the master publishes about a pool on its board, for the status responder. */
#include "pool/gang_struct.h"

#include <stdio.h>
#include <string.h>

static const char *kind_name(enum conf_kind kind)
{
    static const char *const names[] = {"cgi", "fastcgi", "status"};

    return names[kind];
}

static const char *pm_name(enum conf_pm pm)
{
    static const char *const names[] = {"static", "dynamic", "ondemand"};

    return names[pm];
}

static void name_listen(struct board_card *card, const struct gang *g)
{
    const char *first = g->ports.count > 0          ? g->ports.items[0].address.text
                        : g->pool->listen.count > 0 ? g->pool->listen.items[0]
                                                    : "";

    (void)snprintf(card->listen, sizeof(card->listen), "%.240s%s", first,
                   g->pool->listen.count > 1 ? ", \xe2\x80\xa6" : "");
}

static uint32_t small(int64_t configured)
{
    return configured > 0 && configured <= UINT32_MAX ? (uint32_t)configured : 0;
}

static struct board_limits limits_of(const struct gang *g)
{
    const struct conf_pool *p = g->pool;
    bool dynamic = p->pm == CONF_PM_DYNAMIC;

    return (struct board_limits){
        .start_servers = dynamic ? small(p->pm_start_servers) : 0,
        .min_spare_servers = dynamic ? small(p->pm_min_spare_servers) : 0,
        .max_spare_servers = dynamic ? small(p->pm_max_spare_servers) : 0,
        .max_spawn_rate = p->pm_max_spawn_rate,
        .max_requests = p->pm_max_requests,
        .queue_limit = p->queue_limit,
        .backlog = small(p->listen_backlog),
        .processes = g->context->process_max,
        .max_memory = p->pm_max_memory,
        .process_idle_timeout = p->pm == CONF_PM_STATIC ? 0 : p->pm_process_idle_timeout,
        .queue_timeout = p->queue_timeout,
        .request_terminate_timeout = p->request_terminate_timeout,
        .request_slowlog_timeout = p->request_slowlog_timeout,
    };
}

/* Texts are equal only when what is behind their ends is, too. */
static void set_text(char *field, size_t size, const char *text)
{
    memset(field, 0, size);
    (void)snprintf(field, size, "%s", text);
}

static void name_user(struct board_card *card, const struct gang *g)
{
    const char *user = g->planned && g->plan.has_identity ? g->plan.identity.name
                       : g->pool->user != NULL            ? g->pool->user
                       : g->context->root                 ? ""
                                                          : g->context->user;

    set_text(card->user, sizeof(card->user), user);
}

void gang_publish(struct gang *g, uint64_t now)
{
    struct board_card *card = &g->card;

    if (card->name[0] == '\0') { /* what never changes */
        set_text(card->name, sizeof(card->name), g->pool->name);
        set_text(card->kind, sizeof(card->kind), kind_name(g->pool->kind));
        if (card->start_time == 0)
            card->start_time = now + (uint64_t)g->wall_offset;
    }
    set_text(card->pm, sizeof(card->pm), pm_name(g->pool->pm));
    card->max_children = g->pool->pm_max_children;
    card->generation = g->generation;
    card->unasked = !g->pool->status_ready;
    name_listen(card, g);
    name_user(card, g);
    card->state = gang_state(g);
    card->total = gang_alive(g) - (g->workers[g->slots - 1].state != LIFECYCLE_EMPTY);
    set_text(card->reason, sizeof(card->reason), gang_reason(g));
    card->throttled_until =
        g->throttle.until > now ? g->throttle.until + (uint64_t)g->wall_offset : 0;
    card->start_failures = g->throttle.failures;
    card->leaving = g->elders.workers;
    card->memory_resident = g->resident + g->elders.resident;
    card->memory_proportional = g->proportional + g->elders.proportional;
    card->limits = limits_of(g);
    gang_count_shed(g);
    /* Should padding differ, an equal card is published once more: no harm.
     * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    if (memcmp(card, &g->published, sizeof(*card)) == 0)
        return;
    g->published = *card;
    board_set_card(g->board, card);
}
