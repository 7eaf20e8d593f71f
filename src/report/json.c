/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as JSON.  One pool or worker at a time becomes a jansson object and is written out before
 * the next is made, so the page costs no more memory than its text.
 */

#include <errno.h>
#include <jansson.h>
#include "report/pools.h"

static json_t *value_of(const struct row *row)
{
    switch (row->type) {
    case ROW_NUMBER:
    case ROW_STAMP:
        return json_integer((json_int_t)row->number);
    case ROW_DECIMAL:
        return json_real(row->decimal);
    case ROW_TEXT:
    default:
        return json_string(row->text);
    }
}

/* The object that a row's value belongs in: `object`, or the group's, made when it is new. */
static json_t *home_of(json_t *object, const struct row *row)
{
    if (row->group == NULL)
        return object;
    json_t *group = json_object_get(object, row->group);
    if (group == NULL && json_object_set_new(object, row->group, json_object()) == 0)
        group = json_object_get(object, row->group);
    return group;
}

static json_t *object_of(const struct rows *rows)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        json_t *home = home_of(object, row);
        if (home == NULL || json_object_set_new(home, row->name, value_of(row)) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

struct sink {
    struct bytes *out;
    int rc;
};

static int on_text(const char *text, size_t length, void *userdata)
{
    struct sink *sink = userdata;
    sink->rc = bytes_append(sink->out, text, length);
    return sink->rc < 0 ? -1 : 0;
}

/* The members of the object, without its braces. */
static int put_members(const struct rows *rows, struct bytes *out)
{
    json_t *object = object_of(rows);
    if (object == NULL)
        return -ENOMEM;
    struct sink sink = {.out = out};
    int rc = json_dump_callback(object, on_text, &sink,
                                JSON_COMPACT | JSON_EMBED | JSON_REAL_PRECISION(15));
    json_decref(object);
    if (rc < 0)
        return sink.rc < 0 ? sink.rc : -ENOMEM;
    return 0;
}

static int put(struct bytes *out, const char *text)
{
    return bytes_printf(out, "%s", text);
}

static int put_workers(const struct report *r, size_t pool, struct bytes *out)
{
    int rc = put(out, ",\"processes\":[");
    for (size_t i = 0; rc == 0 && i < report_pool_workers(r, pool); i++) {
        struct rows rows;
        rc = report_worker_rows(r, pool, i, &rows);
        if (rc == 0)
            rc = put(out, i > 0 ? ",{" : "{");
        if (rc == 0)
            rc = put_members(&rows, out);
        if (rc == 0)
            rc = put(out, "}");
        rows_clear(&rows);
    }
    return rc < 0 ? rc : put(out, "]");
}

static int put_pool(const struct report *r, size_t pool, bool full, struct bytes *out)
{
    struct rows rows;
    int rc = report_pool_rows(r, pool, &rows);
    if (rc == 0)
        rc = put(out, "{");
    if (rc == 0)
        rc = put_members(&rows, out);
    rows_clear(&rows);
    if (rc == 0 && full)
        rc = put_workers(r, pool, out);
    return rc < 0 ? rc : put(out, "}");
}

int report_json(const struct report *r, bool full, bool single, struct bytes *out)
{
    if (single) {
        int rc = report_count(r) == 0 ? put(out, "{}") : put_pool(r, 0, full, out);
        return rc < 0 ? rc : put(out, "\n");
    }
    int rc = put(out, "{\"pools\":[");
    for (size_t i = 0; rc == 0 && i < report_count(r); i++) {
        if (i > 0)
            rc = put(out, ",");
        if (rc == 0)
            rc = put_pool(r, i, full, out);
    }
    return rc < 0 ? rc : put(out, "]}\n");
}
