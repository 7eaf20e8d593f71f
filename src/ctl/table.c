/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of `gangerctl status`.  All cells are made first, then measured, then printed, so
 * every column is as wide as its widest cell.  Names and numbers are ASCII or one column for each
 * code point, which is near enough.
 */

#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"

enum { COLUMNS_MAX = 12, CELL = 288 };

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

struct line {
    char cells[COLUMNS_MAX][CELL];
    const char *colour; /* of the second cell; NULL: none */
};

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

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

/* "5s", "12m", "3h04m", "2d05h". */
static void put_age(char cell[CELL], uint64_t seconds)
{
    unsigned long long s = seconds;
    if (s < 60)
        snprintf(cell, CELL, "%llus", s);
    else if (s < 3600)
        snprintf(cell, CELL, "%llum", s / 60);
    else if (s < 86400)
        snprintf(cell, CELL, "%lluh%02llum", s / 3600, s / 60 % 60);
    else
        snprintf(cell, CELL, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

/* Lines with a bit set in `right` for each column that is flush right. */
static int put_lines(const struct line *lines, size_t count, unsigned columns, unsigned right,
                     const char *indent, bool colour, struct bytes *out)
{
    size_t widths[COLUMNS_MAX] = {0};
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        for (unsigned c = 0; c < columns; c++) {
            size_t width = width_of(lines[i].cells[c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = bytes_printf(out, "%s", indent);
        for (unsigned c = 0; rc == 0 && c < columns; c++) {
            const char *cell = lines[i].cells[c];
            bool paint = colour && c == 1 && lines[i].colour != NULL;
            bool flush = (right >> c & 1) != 0;
            int blanks = (int)(widths[c] - width_of(cell));
            rc = bytes_printf(out, "%s%*s%s%s%s%*s", c > 0 ? "  " : "", flush ? blanks : 0, "",
                              paint ? lines[i].colour : "", cell, paint ? PLAIN : "",
                              flush || c + 1 == columns ? 0 : blanks, "");
        }
        if (rc == 0)
            rc = bytes_append(out, "\n", 1);
    }
    return rc;
}

static void head_line(struct line *line, const char *const *names, unsigned columns)
{
    for (unsigned c = 0; c < columns; c++)
        put_text(line->cells[c], names[c]);
}

static const char *state_colour(const char *state)
{
    if (strcmp(state, "running") == 0)
        return GREEN;
    if (strcmp(state, "failing") == 0 || strcmp(state, "failed") == 0)
        return RED;
    return YELLOW;
}

static int put_workers(const struct summary_pool *p, bool colour, struct bytes *out)
{
    static const char *const names[] = {"PID",  "STATE", "AGE",    "REQUESTS",
                                        "TIME", "CPU",   "MEMORY", "REQUEST"};
    enum { COLUMNS = sizeof names / sizeof names[0] };
    if (p->worker_count == 0)
        return 0;
    struct line *lines = calloc(p->worker_count + 1, sizeof *lines);
    if (lines == NULL)
        return -ENOMEM;
    head_line(&lines[0], names, COLUMNS);
    for (size_t i = 0; i < p->worker_count; i++) {
        const struct summary_worker *w = &p->workers[i];
        struct line *line = &lines[i + 1];
        put_number(line->cells[0], w->pid);
        put_text(line->cells[1], w->state);
        put_age(line->cells[2], w->since);
        put_number(line->cells[3], w->requests);
        snprintf(line->cells[4], CELL, "%.3fs", (double)w->duration / 1e6);
        snprintf(line->cells[5], CELL, "%.0f%%", w->cpu);
        snprintf(line->cells[6], CELL, "%.1fM", (double)w->memory / 1048576);
        char *request = text_format("%s %s", w->method, w->uri);
        bool served = strcmp(w->method, "-") != 0 || strcmp(w->uri, "-") != 0;
        put_text(line->cells[7], request == NULL || !served ? "-" : request);
        free(request);
    }
    int rc = put_lines(lines, p->worker_count + 1, COLUMNS, 0x7d, "    ", colour, out);
    free(lines);
    return rc;
}

static void pool_line(struct line *line, const struct summary_pool *p)
{
    line->colour = state_colour(p->state);
    put_text(line->cells[0], p->name);
    put_text(line->cells[1], p->state);
    put_text(line->cells[2], p->kind);
    put_text(line->cells[3], p->pm);
    put_number(line->cells[4], p->idle);
    put_number(line->cells[5], p->active);
    put_number(line->cells[6], p->total);
    put_number(line->cells[7], p->limit);
    put_number(line->cells[8], p->queue);
    put_number(line->cells[9], p->requests);
    put_number(line->cells[10], p->failed);
    put_text(line->cells[11], p->listen);
}

/* The lines of the pools are aligned with one another, but between them stand reasons and
 * workers: so they are made as one text, and cut apart again. */
int table_print(const struct summary *s, bool full, bool colour, struct bytes *out)
{
    static const char *const names[] = {"POOL",  "STATE", "KIND",  "PM",       "IDLE",   "BUSY",
                                        "TOTAL", "MAX",   "QUEUE", "REQUESTS", "FAILED", "LISTEN"};
    struct bytes all;
    bytes_init(&all, out->maximum);
    struct line *lines = calloc(s->count + 1, sizeof *lines);
    if (lines == NULL)
        return -ENOMEM;
    head_line(&lines[0], names, COLUMNS_MAX);
    for (size_t i = 0; i < s->count; i++)
        pool_line(&lines[i + 1], &s->pools[i]);
    int rc = put_lines(lines, s->count + 1, COLUMNS_MAX, 0x7f0, "", colour, &all);
    free(lines);
    for (size_t i = 0; rc == 0 && i <= s->count; i++) {
        const char *line = (const char *)bytes_front(&all);
        size_t length = (size_t)((const char *)memchr(line, '\n', bytes_held(&all)) - line) + 1;
        rc = bytes_append(out, line, length);
        bytes_consume(&all, length);
        const struct summary_pool *p = i == 0 ? NULL : &s->pools[i - 1];
        if (rc == 0 && p != NULL && p->reason[0] != '\0')
            rc = bytes_printf(out, "    %s%s%s\n", colour ? RED : "", p->reason,
                              colour ? PLAIN : "");
        if (rc == 0 && p != NULL && full)
            rc = put_workers(p, colour, out);
    }
    bytes_clear(&all);
    return rc;
}
