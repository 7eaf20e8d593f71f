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

void gang_publish(struct gang *g, uint64_t now)
{
    struct board_card card = g->card;

    if (card.name[0] == '\0') { /* what never changes */
        (void)snprintf(card.name, sizeof(card.name), "%s", g->pool->name);
        (void)snprintf(card.kind, sizeof(card.kind), "%s", kind_name(g->pool->kind));
        if (card.start_time == 0)
            card.start_time = now + (uint64_t)g->wall_offset;
    }
    memset(card.pm, 0, sizeof(card.pm));
    (void)snprintf(card.pm, sizeof(card.pm), "%s", pm_name(g->pool->pm));
    card.max_children = g->pool->pm_max_children;
    card.generation = g->generation;
    card.unasked = !g->pool->status_ready;
    name_listen(&card, g);
    card.state = gang_state(g);
    card.total = gang_alive(g) - (g->workers[g->slots - 1].state != LIFECYCLE_EMPTY);
    memset(card.reason, 0, sizeof(card.reason));
    (void)snprintf(card.reason, sizeof(card.reason), "%s", gang_reason(g));
    card.throttled_until =
        g->throttle.until > now ? g->throttle.until + (uint64_t)g->wall_offset : 0;
    /* Should padding differ, an equal card is published once more: no harm.
     * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    if (memcmp(&card, &g->published, sizeof(card)) == 0)
        return;
    g->card = card;
    g->published = card;
    board_set_card(g->board, &card);
}
