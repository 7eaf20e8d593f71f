/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen, from top to bottom: two lines about everything (one on a low screen), a line for what is
 * wrong, the table, a line about the row under the cursor, the keys.  Each part asks for its lines,
 * and what finds no room stays away; only the rows that are seen are made.
 */

#include <stdio.h>
#include <string.h>
#include "ctl/top_head.h"
#include "ctl/top_help.h"
#include "ctl/top_paint.h"
#include "ctl/top_screen.h"

enum { GAP = 1, TEXT_MAX = 512 };

/* Where the parts stand; -1: nowhere. */
struct plan {
    int head, meter, notice, heading, detail, keys;
    int first_row;
    size_t page;
};

static struct plan make_plan(int lines)
{
    struct plan p = {.head = 0, .meter = -1, .notice = -1, .heading = 1, .detail = -1, .keys = -1};
    int last = lines;
    if (lines >= 5)
        p.meter = 1;
    if (lines >= 12)
        p.notice = 2;
    p.heading = p.notice >= 0 ? 3 : p.meter >= 0 ? 2 : lines >= 3 ? 1 : -1;
    if (lines >= 4)
        p.keys = --last;
    if (lines >= 10)
        p.detail = --last;
    p.first_row = p.heading >= 0 ? p.heading + 1 : 1;
    p.page = last > p.first_row ? (size_t)(last - p.first_row) : 1;
    return p;
}

/* ---- the table ---- */

static const char *arrow(bool descending)
{
    if (top_paint_ascii())
        return descending ? "v" : "^";
    return descending ? "\xe2\x96\xbc" : "\xe2\x96\xb2";
}

static void draw_heading(const struct top_table *t, const struct top_column *columns, size_t count,
                         const unsigned *widths, int y)
{
    top_paint_blank(y, 0, (unsigned)COLS, top_paint_of(TOP_PART_HEADING));
    int x = 0;
    for (size_t i = 0; i < count; i++) {
        attr_t attributes = top_paint_of(i == t->sort ? TOP_PART_SORTED : TOP_PART_HEADING);
        int title = (int)strlen(columns[i].title);
        int width = (int)widths[i];
        if (width == 0)
            continue;
        if (columns[i].left || columns[i].bar)
            top_paint_text(y, x, widths[i], attributes, columns[i].title);
        else
            top_paint_right(y, x, widths[i], attributes, columns[i].title);
        /* Behind a text that leaves room, before a number in the gap or where there is room. */
        int at = columns[i].left || columns[i].bar ? x + title : x + width - title - 1;
        if (i == t->sort && at >= 0)
            top_paint_text(y, at, 1, attributes, arrow(t->descending));
        x += width + GAP;
    }
}

static void draw_row(const struct top_row *row, const struct top_column *columns, size_t count,
                     const unsigned *widths, int y, bool cursor)
{
    char text[CELLS_BYTES_MAX];
    attr_t line = cursor ? top_paint_of(TOP_PART_CURSOR) : A_NORMAL;
    if (cursor)
        top_paint_blank(y, 0, (unsigned)COLS, line);
    int x = 0;
    for (size_t i = 0; i < count; i++) {
        if (widths[i] == 0)
            continue;
        attr_t attributes = cursor ? line : top_paint_of((int)top_columns_paint(row, i));
        top_columns_cell(text, row, i);
        if (columns[i].bar) {
            const struct summary_pool *p = row->pool;
            uint64_t other = p->total > p->active ? p->total - p->active : 0;
            unsigned room = widths[i] - 2; /* no bar is narrower than 4 */
            top_paint_text(y, x, 1, attributes, "[");
            top_paint_bar(y, x + 1, room, top_columns_bar(room, p->active, other, p->limit));
            top_paint_text(y, x + 1 + (int)room, 1, attributes, "]");
        } else if (columns[i].left) {
            top_paint_text(y, x, widths[i], attributes, text);
        } else {
            top_paint_right(y, x, widths[i], attributes, text);
        }
        x += (int)widths[i] + GAP;
    }
}

/* Widths that depend on the sample: of names, as long as the longest that is seen needs. */
static void fit_columns(const struct top_table *t, size_t page, const struct top_column *columns,
                        size_t count, unsigned *widths)
{
    struct columns_wish wishes[COLUMNS_MAX];
    char text[CELLS_BYTES_MAX];
    for (size_t c = 0; c < count; c++) {
        wishes[c] = columns[c].wish;
        if (!columns[c].left)
            continue;
        unsigned longest = wishes[c].least;
        for (size_t i = t->first; i < t->count && i < t->first + page; i++) {
            top_columns_cell(text, t->rows[i], c);
            unsigned width = cells_width(text);
            longest = width > longest ? width : longest;
        }
        if (longest < wishes[c].most)
            wishes[c].most = longest;
    }
    columns_fit(wishes, count, (unsigned)COLS, GAP, widths);
}

static void draw_table(const struct top_scene *s, const struct plan *p)
{
    const struct top_table *t = top_view_table(s->view);
    const struct top_model *m = s->view->workers ? s->workers : s->pools;
    size_t count;
    const struct top_column *columns = top_columns_of(s->view->workers, &count);
    unsigned widths[COLUMNS_MAX];
    char text[TEXT_MAX];
    fit_columns(t, p->page, columns, count, widths);
    if (p->heading >= 0)
        draw_heading(t, columns, count, widths, p->heading);
    for (size_t i = 0; i < p->page && t->first + i < t->count; i++)
        draw_row(t->rows[t->first + i], columns, count, widths, p->first_row + (int)i,
                 t->first + i == t->cursor);
    if (t->count > 0)
        return;
    if (!m->any)
        snprintf(text, sizeof text, "Waiting for ganger ...");
    else if (t->filter[0] != '\0')
        snprintf(text, sizeof text, "Nothing here has \"%s\" in it (Esc shows all)", t->filter);
    else
        snprintf(text, sizeof text, s->view->workers ? "It has no worker now" : "There is no pool");
    top_paint_text(p->first_row, 0, (unsigned)COLS, top_paint_of(TOP_DIM), text);
}

/* ---- the lines below ---- */

static void draw_detail(const struct top_scene *s, int y)
{
    const struct top_table *t = top_view_table(s->view);
    const struct top_row *row = t->cursor < t->count ? t->rows[t->cursor] : NULL;
    char text[CELLS_BYTES_MAX];
    if (row == NULL) {
        const struct summary_pool *whole = s->view->workers ? s->workers->self.pool : NULL;
        top_paint_text(y, 0, (unsigned)COLS, top_paint_of(TOP_BAD),
                       whole == NULL ? "" : whole->reason);
        return;
    }
    if (row->worker != NULL) {
        const struct summary_worker *w = row->worker;
        snprintf(text, sizeof text, "%llu  %.600s %.300s", (unsigned long long)w->pid, w->uri,
                 w->script);
        top_paint_text(y, 0, (unsigned)COLS, A_NORMAL, text);
        return;
    }
    const struct summary_pool *p = row->pool;
    if (p->reason[0] != '\0') {
        snprintf(text, sizeof text, "%.64s: %.900s", p->name, p->reason);
        top_paint_text(y, 0, (unsigned)COLS, top_paint_of(TOP_BAD), text);
        return;
    }
    snprintf(text, sizeof text, "%.64s: %.32s, %.32s, listens on %.256s%s%.64s", p->name, p->kind,
             p->pm, p->listen, p->user[0] != '\0' ? ", runs as " : "", p->user);
    top_paint_text(y, 0, (unsigned)COLS, A_NORMAL, text);
}

static void draw_filter(const struct top_scene *s, int y)
{
    struct top_pen pen = {.y = y, .end = (unsigned)COLS};
    top_paint_write(&pen, top_paint_of(TOP_PART_KEY), "Filter: ");
    top_paint_write(&pen, A_NORMAL, top_view_table(s->view)->filter);
    top_paint_write(&pen, A_REVERSE, " ");
    top_paint_write(&pen, top_paint_of(TOP_DIM), "  Enter keeps it, Esc clears it");
}

/* The filter, the order, and which rows are seen. */
static void write_place(const struct top_scene *s, char out[TEXT_MAX])
{
    const struct top_table *t = top_view_table(s->view);
    size_t columns;
    const struct top_column *c = &top_columns_of(s->view->workers, &columns)[t->sort];
    size_t last = t->first + s->view->page;
    snprintf(out, TEXT_MAX, "%s%s%s%s%s  %zu-%zu of %zu", t->filter[0] != '\0' ? "/" : "",
             t->filter, t->filter[0] != '\0' ? "  " : "", c->title, arrow(t->descending),
             t->count > 0 ? t->first + 1 : 0, last < t->count ? last : t->count, t->count);
}

static void draw_keys(const struct top_scene *s, int y)
{
    static const char *const pools[][2] = {
        {"Enter", "Workers"}, {"/", "Filter"}, {"< >", "Sort"}, {"r", "Reverse"},
        {"p", "Pause"},       {"h", "Help"},   {"q", "Quit"},
    };
    static const char *const workers[][2] = {
        {"Esc", "Pools"}, {"/", "Filter"}, {"< >", "Sort"}, {"r", "Reverse"},
        {"p", "Pause"},   {"h", "Help"},   {"q", "Quit"},
    };
    size_t count = sizeof pools / sizeof *pools;
    struct top_pen pen = {.y = y, .end = (unsigned)COLS};
    char text[TEXT_MAX];
    write_place(s, text);
    unsigned width = cells_width(text);
    pen.end = width + 12 < pen.end ? pen.end - width - 1 : 0;
    for (size_t i = s->view->fixed ? 1 : 0; i < count; i++) {
        const char *const *key = s->view->workers ? workers[i] : pools[i];
        if ((unsigned)pen.x + strlen(key[0]) + strlen(key[1]) + 2 > pen.end)
            break;
        top_paint_write(&pen, top_paint_of(TOP_PART_KEY), key[0]);
        top_paint_write(&pen, top_paint_of(TOP_PART_KEY_TEXT), key[1]);
        top_paint_write(&pen, A_NORMAL, " ");
    }
    top_paint_end(y, (unsigned)pen.x, top_paint_of(TOP_DIM), text);
}

void top_screen_draw(const struct top_scene *s)
{
    struct plan p = make_plan(LINES);
    s->view->page = p.page;
    erase();
    if (s->view->help && LINES > 4 && COLS > 20) {
        top_help_draw(s->view->workers);
        refresh();
        return;
    }
    top_head_draw(s, p.head);
    if (p.meter >= 0)
        top_head_meter(s, p.meter);
    draw_table(s, &p);
    /* Over whatever is there, where it has no line of its own. */
    if (p.notice >= 0 || s->away[0] != '\0')
        top_head_notice(s, p.notice >= 0 ? p.notice : p.meter >= 0 ? p.meter : p.head);
    if (p.detail >= 0)
        draw_detail(s, p.detail);
    if (p.keys >= 0) {
        if (s->view->typing)
            draw_filter(s, p.keys);
        else
            draw_keys(s, p.keys);
    }
    refresh();
}
