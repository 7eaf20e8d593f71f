/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as JSON, written one behind the other: their texts hold nothing that JSON wants escaped but
 * quotes and backslashes, and rows of one group are neighbours, so no tree has to be built first.
 */

#include "report/pen.h"
#include "report/pools.h"

static void put_value(struct pen *p, const struct row *row)
{
    switch (row->type) {
    case ROW_NUMBER:
    case ROW_STAMP:
        pen_number(p, row->number);
        break;
    case ROW_DECIMAL:
        pen_decimal(p, row->number, 1);
        break;
    case ROW_TEXT:
    default:
        pen_quoted(p, row->text);
        break;
    }
}

static void put_name(struct pen *p, const char *name)
{
    pen_quoted(p, name);
    pen_text(p, ":");
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The members of an object, without its braces. */
static void put_members(struct pen *p, const struct rows *rows)
{
    const char *group = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        bool changes = !same(row->group, group);
        if (changes && group != NULL)
            pen_text(p, "}");
        if (i > 0)
            pen_text(p, ",");
        if (changes && row->group != NULL) {
            put_name(p, row->group);
            pen_text(p, "{");
        }
        group = row->group;
        put_name(p, row->name);
        put_value(p, row);
    }
    if (group != NULL)
        pen_text(p, "}");
}

/* Groups that may have no rows are there all the same. */
static void put_empty_groups(struct pen *p, const struct rows *rows)
{
    static const char *const groups[] = {"limits", "exit codes", "exit signals"};
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        size_t i = 0;
        while (i < rows->count && !same(rows->items[i].group, groups[g]))
            i++;
        if (i < rows->count)
            continue;
        pen_text(p, ",");
        put_name(p, groups[g]);
        pen_text(p, "{}");
    }
}

static int put_workers(struct pen *p, const struct report *r, size_t pool)
{
    struct rows rows;
    int rc = 0;
    pen_text(p, ",\"processes\":[");
    for (size_t i = 0; rc == 0 && i < report_pool_workers(r, pool); i++) {
        rc = report_worker_rows(r, pool, i, &rows);
        pen_text(p, i > 0 ? ",{" : "{");
        put_members(p, &rows);
        pen_text(p, "}");
    }
    pen_text(p, "]");
    return rc;
}

static int put_pool(struct pen *p, const struct report *r, size_t pool, bool full)
{
    struct rows rows;
    int rc = report_pool_rows(r, pool, &rows);
    pen_text(p, "{");
    put_members(p, &rows);
    put_empty_groups(p, &rows);
    if (rc == 0 && full)
        rc = put_workers(p, r, pool);
    pen_text(p, "}");
    return rc;
}

static void put_self(struct pen *p, const struct report *r)
{
    pen_text(p, "\"ganger\":{\"version\":");
    pen_quoted(p, GANGER_VERSION);
    pen_text(p, ",\"now\":");
    pen_decimal(p, report_now(r), 1);
    pen_text(p, "}");
}

int report_json(const struct report *r, bool full, bool single, struct bytes *out)
{
    struct pen p;
    int rc = 0;
    pen_init(&p, out);
    if (single && report_count(r) == 0) {
        pen_text(&p, "{}");
    } else if (single) {
        rc = put_pool(&p, r, 0, full);
    } else {
        pen_text(&p, "{");
        put_self(&p, r);
        pen_text(&p, ",\"pools\":[");
        for (size_t i = 0; rc == 0 && i < report_count(r); i++) {
            if (i > 0)
                pen_text(&p, ",");
            rc = put_pool(&p, r, i, full);
        }
        pen_text(&p, "]}");
    }
    pen_text(&p, "\n");
    int written = pen_done(&p);
    return rc < 0 ? rc : written;
}
