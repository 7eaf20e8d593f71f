/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of `gangerctl status`.  All cells are made first, then measured, then printed, so
 * every column is as wide as its widest cell, as long as the line has room for it.
 */

#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "ctl/cells.h"
#include "ctl/columns.h"
#include "ctl/figures.h"

enum { CELLS = 14, CELL = 288, GAP = 2, NAME_LEAST = 12, REQUEST_LEAST = 20 };

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

struct line {
    char cells[CELLS][CELL];
    const char *colour; /* of the second cell; NULL: none */
};

struct heading {
    const char *name;
    bool right;     /* flush right */
    unsigned rank;  /* as a columns_wish's */
    unsigned least; /* may be cut to so many cells; 0: is shown whole or not at all */
};

/* What matters least stands last, and leaves first. */
static const struct heading pool_headings[] = {
    {"POOL", false, 0, NAME_LEAST}, {"STATE", false, 1, 0},   {"BUSY", true, 2, 0},
    {"IDLE", true, 6, 0},           {"TOTAL", true, 9, 0},    {"MAX", true, 5, 0},
    {"QUEUE", true, 3, 0},          {"REQ/S", true, 4, 0},    {"MEM", true, 7, 0},
    {"REQUESTS", true, 8, 0},       {"FAILED", true, 10, 0},  {"KIND", false, 12, 0},
    {"PM", false, 11, 0},           {"LISTEN", false, 13, 0},
};
static const struct heading worker_headings[] = {
    {"PID", true, 0, 0},    {"STATE", false, 1, 0},
    {"AGE", true, 6, 0},    {"REQUESTS", true, 5, 0},
    {"TIME", true, 3, 0},   {"CPU", true, 7, 0},
    {"MEMORY", true, 4, 0}, {"REQUEST", false, 2, REQUEST_LEAST},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct table {
    const struct heading *headings;
    unsigned columns;
    struct line *lines; /* the first holds the headings */
    size_t count;
    unsigned widths[COLUMNS_MAX];
    unsigned indent;
};

/* At most CELL - 1 bytes, cut between code points, with "..." to show it. */
static void put_text(char cell[CELL], const char *text)
{
    size_t length = strlen(text);
    if (length >= CELL) {
        for (length = CELL - 4; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
        snprintf(cell, CELL, "%.*s...", (int)length, text);
        return;
    }
    memcpy(cell, text, length + 1);
}

static void put_number(char cell[CELL], uint64_t value)
{
    snprintf(cell, CELL, "%llu", (unsigned long long)value);
}

static int make(struct table *t, const struct heading *headings, unsigned columns, size_t rows)
{
    memset(t, 0, sizeof *t);
    t->lines = calloc(rows + 1, sizeof *t->lines);
    if (t->lines == NULL)
        return -ENOMEM;
    t->headings = headings;
    t->columns = columns;
    t->count = rows + 1;
    for (unsigned c = 0; c < columns; c++)
        put_text(t->lines[0].cells[c], headings[c].name);
    return 0;
}

static void measure(struct table *t, const struct table_style *style)
{
    struct columns_wish wishes[COLUMNS_MAX] = {{0}};
    for (unsigned c = 0; c < t->columns; c++) {
        unsigned widest = 0;
        for (size_t i = 0; i < t->count; i++) {
            unsigned width = cells_width(t->lines[i].cells[c]);
            widest = width > widest ? width : widest;
        }
        wishes[c].rank = t->headings[c].rank;
        wishes[c].most = wishes[c].least = widest;
        if (t->headings[c].least > 0 && t->headings[c].least < widest)
            wishes[c].least = t->headings[c].least;
    }
    unsigned room = style->width == 0 ? 1u << 20 : style->width;
    columns_fit(wishes, t->columns, room > t->indent ? room - t->indent : 1, GAP, t->widths);
}

/* Whether a column is shown behind this one. */
static bool is_last(const struct table *t, unsigned column)
{
    for (unsigned c = column + 1; c < t->columns; c++) {
        if (t->widths[c] > 0)
            return false;
    }
    return true;
}

static int put_line(const struct table *t, size_t number, const struct table_style *style,
                    struct bytes *out)
{
    const struct line *line = &t->lines[number];
    int rc = bytes_printf(out, "%*s", (int)t->indent, "");
    for (unsigned c = 0; rc == 0 && c < t->columns; c++) {
        char cell[CELLS_BYTES_MAX];
        if (t->widths[c] == 0)
            continue;
        unsigned used = cells_cut(cell, line->cells[c], t->widths[c], style->ascii);
        int blanks = (int)(t->widths[c] - used);
        bool right = t->headings[c].right;
        bool last = is_last(t, c);
        bool paint = style->colour && c == 1 && line->colour != NULL;
        rc = bytes_printf(out, "%*s%s%s%s%*s%s", right ? blanks : 0, "", paint ? line->colour : "",
                          cell, paint ? PLAIN : "", right || last ? 0 : blanks, "",
                          last ? "" : "  ");
    }
    return rc < 0 ? rc : bytes_append(out, "\n", 1);
}

static const char *state_colour(const char *state)
{
    if (strcmp(state, "running") == 0)
        return GREEN;
    if (strcmp(state, "failing") == 0 || strcmp(state, "failed") == 0)
        return RED;
    return YELLOW;
}

static void worker_line(struct line *line, const struct summary_worker *w)
{
    char figure[FIGURES_MAX];
    put_number(line->cells[0], w->pid);
    put_text(line->cells[1], w->state);
    put_text(line->cells[2], figures_age(figure, w->since));
    put_number(line->cells[3], w->requests);
    snprintf(line->cells[4], CELL, "%.3fs", (double)w->duration / 1e6);
    snprintf(line->cells[5], CELL, "%.0f%%", w->cpu);
    uint64_t memory = w->proportional > 0 ? w->proportional
                      : w->resident > 0   ? w->resident
                                          : w->memory;
    snprintf(line->cells[6], CELL, "%.1fM", (double)memory / 1048576);
    char *request = text_format("%s %s", w->method, w->uri);
    bool served = strcmp(w->method, "-") != 0 || strcmp(w->uri, "-") != 0;
    put_text(line->cells[7], request == NULL || !served ? "-" : request);
    free(request);
}

static int put_workers(const struct summary_pool *p, const struct table_style *style,
                       struct bytes *out)
{
    struct table t;
    if (p->worker_count == 0)
        return 0;
    int rc = make(&t, worker_headings, COUNT(worker_headings), p->worker_count);
    if (rc < 0)
        return rc;
    t.indent = 4;
    for (size_t i = 0; i < p->worker_count; i++)
        worker_line(&t.lines[i + 1], &p->workers[i]);
    measure(&t, style);
    for (size_t i = 0; rc == 0 && i < t.count; i++)
        rc = put_line(&t, i, style, out);
    free(t.lines);
    return rc;
}

static void pool_line(struct line *line, const struct summary_pool *p)
{
    char figure[FIGURES_MAX];
    uint64_t memory = p->proportional > 0 ? p->proportional : p->resident;
    line->colour = state_colour(p->state);
    put_text(line->cells[0], p->name);
    put_text(line->cells[1], p->state);
    put_number(line->cells[2], p->active);
    put_number(line->cells[3], p->idle);
    put_number(line->cells[4], p->total);
    put_number(line->cells[5], p->limit);
    put_number(line->cells[6], p->queue);
    put_text(line->cells[7], figures_rate(figure, p->rate));
    /* What nobody has measured yet is no zero. */
    put_text(line->cells[8], memory == 0 ? "-" : figures_bytes(figure, memory));
    put_number(line->cells[9], p->requests);
    put_number(line->cells[10], p->failed);
    put_text(line->cells[11], p->kind);
    put_text(line->cells[12], p->pm);
    put_text(line->cells[13], p->listen);
}

static int put_reason(const char *reason, const struct table_style *style, struct bytes *out)
{
    char cut[CELLS_BYTES_MAX];
    unsigned room = style->cut && style->width > 0 ? style->width : CELLS_BYTES_MAX;
    cells_cut(cut, reason, room > 4 ? room - 4 : 1, style->ascii);
    return bytes_printf(out, "    %s%s%s\n", style->colour ? RED : "", cut,
                        style->colour ? PLAIN : "");
}

int table_print(const struct summary *s, const struct table_style *style, struct bytes *out)
{
    struct table t;
    int rc = make(&t, pool_headings, COUNT(pool_headings), s->count);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < s->count; i++)
        pool_line(&t.lines[i + 1], &s->pools[i]);
    measure(&t, style);
    rc = put_line(&t, 0, style, out);
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        const struct summary_pool *p = &s->pools[i];
        rc = put_line(&t, i + 1, style, out);
        if (rc == 0 && p->reason[0] != '\0')
            rc = put_reason(p->reason, style, out);
        if (rc == 0 && style->full)
            rc = put_workers(p, style, out);
    }
    free(t.lines);
    return rc;
}
