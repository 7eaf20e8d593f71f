/* SPDX-License-Identifier: Apache-2.0 */
/* The first reason that is found is told; a reason of the board is escaped, as everything of it. */

#include "report/ready.h"

#include <stdio.h>
#include "report/pen.h"
#include "report/pools.h"

struct verdict {
    const char *word;
    const char *bound; /* NULL: the pool's own reason is told; else a number, and what it may be */
    uint64_t number, limit;
};

static bool serves(const struct field_pool *p, const struct report_query *q, struct verdict *why)
{
    const struct board_snapshot *s = p->snapshot;

    *why = (struct verdict){.word = p->state};
    if (strcmp(p->state, "running") != 0)
        return false;
    why->word = "no worker is alive";
    if (s->card.total == 0 && strcmp(p->pm, "ondemand") != 0)
        return false;
    why->word = "connections that wait";
    why->bound = "at most ";
    why->number = s->card.listen_queue;
    why->limit = q->queue;
    if (q->has_queue && s->card.listen_queue > q->queue)
        return false;
    why->word = "workers that are idle or may be started";
    why->bound = "at least ";
    uint64_t more = s->card.max_children > s->card.total ? s->card.max_children - s->card.total : 0;
    why->number = s->idle + s->opaque + more; /* nobody knows that an opaque one is not idle */
    why->limit = q->idle;
    return !q->has_idle || why->number >= q->idle;
}

static void tell(struct pen *p, const struct field_pool *pool, const struct verdict *why)
{
    static const struct field *reason;
    char text[4 * BOARD_REASON + 1];

    for (size_t i = 0; reason == NULL && i < field_pools_count; i++) {
        if (strcmp(field_pools[i].name, "reason") == 0)
            reason = &field_pools[i];
    }
    (void)field_text(&field_pools[0], pool->homes, text, sizeof text);
    pen_text(p, text);
    pen_text(p, ": ");
    pen_text(p, why->word);
    if (why->bound != NULL) {
        pen_text(p, ": ");
        pen_number(p, why->number);
        pen_text(p, ", asked for: ");
        pen_text(p, why->bound);
        pen_number(p, why->limit);
    } else if (field_text(reason, pool->homes, text, sizeof text) > 0) {
        pen_text(p, ": ");
        pen_text(p, text);
    }
    pen_text(p, "\n");
}

int report_ready(const struct report *r, const struct report_query *query, bool *ret_ready,
                 struct bytes *out)
{
    struct pen p;

    pen_init(&p, out);
    *ret_ready = true;
    for (size_t i = 0; i < report_count(r); i++) {
        struct field_pool pool;
        struct verdict why;
        report_pool(r, i, &pool);
        if (pool.snapshot->card.unasked != 0 && !query->has_pool)
            continue;
        if (serves(&pool, query, &why))
            continue;
        *ret_ready = false;
        tell(&p, &pool, &why);
    }
    if (*ret_ready)
        pen_text(&p, "ready\n");
    return pen_done(&p);
}
