/* SPDX-License-Identifier: Apache-2.0 */
/* The lines above the table.  What has no room on a line stays away whole. */

#include "ctl/top_head.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/number.h"
#include "ctl/figures.h"
#include "ctl/top_paint.h"

enum { TEXT_MAX = 512 };

static void write_pair(struct top_pen *pen, int part, const char *figure, const char *unit)
{
    if (pen->y < 0 || (unsigned)pen->x + 2 + strlen(figure) + strlen(unit) > pen->end)
        return; /* whole or not at all */
    pen->x += 2;
    top_paint_write(pen, top_paint_of(part), figure);
    top_paint_write(pen, A_NORMAL, unit);
}

static void draw_pools_head(const struct top_scene *s, struct top_pen *pen)
{
    const struct top_totals *t = &s->pools->totals;
    char figure[FIGURES_MAX];
    write_pair(pen, TOP_HIGH, figures_count(figure, t->pools), t->pools == 1 ? " pool" : " pools");
    write_pair(pen, t->failing > 0 ? TOP_BAD : TOP_DIM, figures_count(figure, t->failing),
               " failing");
}

static void draw_pool_head(const struct top_scene *s, struct top_pen *pen)
{
    const struct summary_pool *p = s->workers->self.pool;
    char text[TEXT_MAX];
    pen->x += 2;
    top_paint_write(pen, A_NORMAL, "pool ");
    top_paint_write(pen, top_paint_of(TOP_HIGH), s->view->pool);
    if (p == NULL)
        return;
    top_paint_write(pen, A_NORMAL, "  ");
    top_paint_write(pen, top_paint_of((int)top_columns_state(p->state)), p->state);
    snprintf(text, sizeof text, "  %.64s, %.64s%s%.64s", p->kind, p->pm,
             p->user[0] != '\0' ? ", as " : "", p->user);
    top_paint_write(pen, A_NORMAL, text);
}

void top_head_draw(const struct top_scene *s, int y)
{
    char text[TEXT_MAX];
    char figure[FIGURES_MAX];
    char every[NUMBER_TEXT_MAX];
    struct top_pen pen = {.y = y, .end = (unsigned)COLS};
    bool known = s->pools->any;
    top_paint_write(&pen, top_paint_of(TOP_HIGH), "ganger");
    if (known && s->pools->now.version[0] != '\0') {
        snprintf(text, sizeof text, " %.32s", s->pools->now.version);
        top_paint_write(&pen, A_NORMAL, text);
    }
    if (known && s->pools->totals.since > 0 && COLS >= 60) {
        snprintf(text, sizeof text, "  up %s", figures_age(figure, s->pools->totals.since));
        top_paint_write(&pen, A_NORMAL, text);
    }
    if (s->view->workers)
        draw_pool_head(s, &pen);
    else if (known)
        draw_pools_head(s, &pen);
    if (s->view->paused) {
        top_paint_end(y, (unsigned)pen.x + 1, top_paint_of(TOP_PART_ALARM), " PAUSED ");
    } else {
        snprintf(text, sizeof text, "every %s", number_format_duration(every, s->interval));
        top_paint_end(y, (unsigned)pen.x + 1, top_paint_of(TOP_DIM), text);
    }
}

struct gauge {
    uint64_t busy, idle, other, limit, queue, queue_peak, queue_limit;
    double rate;
    bool peak; /* the queue's are known */
};

static struct gauge gauge_of(const struct top_scene *s)
{
    if (!s->view->workers) {
        const struct top_totals *t = &s->pools->totals;
        return (struct gauge){.busy = t->busy,
                              .idle = t->idle,
                              .other = t->idle,
                              .limit = t->limit,
                              .queue = t->queue,
                              .rate = t->rate};
    }
    const struct summary_pool *p = s->workers->self.pool;
    if (p == NULL)
        return (struct gauge){0};
    return (struct gauge){.busy = p->active,
                          .idle = p->idle,
                          .other = p->total > p->active ? p->total - p->active : 0,
                          .limit = p->limit,
                          .queue = p->queue,
                          .queue_peak = p->queue_peak,
                          .queue_limit = p->queue_limit,
                          .rate = s->workers->self.rate,
                          .peak = true};
}

void top_head_meter(const struct top_scene *s, int y)
{
    struct gauge g = gauge_of(s);
    char figure[FIGURES_MAX];
    char text[TEXT_MAX];
    struct top_pen pen = {.y = y, .end = (unsigned)COLS};
    /* What the figures behind it leave. */
    unsigned room = COLS >= 70 ? (unsigned)COLS - 58 : 0;
    if (room > 40)
        room = 40;
    if (room > 0) {
        top_paint_write(&pen, A_NORMAL, "Workers ");
        top_paint_write(&pen, top_paint_of(TOP_HIGH), "[");
        top_paint_bar(y, pen.x, room, top_columns_bar(room, g.busy, g.other, g.limit));
        pen.x += (int)room;
        top_paint_write(&pen, top_paint_of(TOP_HIGH), "]");
    } else {
        pen.x = -2; /* the first pair begins at the edge */
        pen.end = (unsigned)COLS;
        pen.x = 0;
        top_paint_write(&pen, top_paint_of(g.busy > 0 ? TOP_BUSY : TOP_DIM),
                        figures_count(figure, g.busy));
        top_paint_write(&pen, A_NORMAL, " busy");
    }
    if (room > 0)
        write_pair(&pen, g.busy > 0 ? TOP_BUSY : TOP_DIM, figures_count(figure, g.busy), " busy");
    write_pair(&pen, TOP_PLAIN, figures_count(figure, g.idle), " idle");
    write_pair(&pen, TOP_HIGH, figures_rate(figure, g.rate), " req/s");
    snprintf(text, sizeof text, "queue %s", figures_count(figure, g.queue));
    write_pair(&pen, g.queue > 0 ? TOP_BAD : TOP_PLAIN, text, "");
    if (g.peak) {
        snprintf(text, sizeof text, "peak %s", figures_count(figure, g.queue_peak));
        write_pair(&pen, TOP_DIM, text, "");
    }
}

/* Why the numbers stand still, if they do. */
void top_head_notice(const struct top_scene *s, int y)
{
    char text[TEXT_MAX * 3];
    char figure[FIGURES_MAX];
    const struct summary_pool *p = s->view->workers ? s->workers->self.pool : NULL;
    if (s->away[0] == '\0') {
        if (p != NULL)
            top_paint_text(y, 0, (unsigned)COLS, top_paint_of(TOP_BAD), p->reason);
        return;
    }
    const struct top_model *m = s->view->workers ? s->workers : s->pools;
    if (m->any)
        snprintf(text, sizeof text, " No answer for %s, trying again: %s ",
                 figures_age(figure, s->silence / CLOCK_SEC), s->away);
    else
        snprintf(text, sizeof text, " %s ", s->away);
    top_paint_blank(y, 0, (unsigned)COLS, top_paint_of(TOP_PART_ALARM));
    top_paint_text(y, 0, (unsigned)COLS, top_paint_of(TOP_PART_ALARM), text);
}
