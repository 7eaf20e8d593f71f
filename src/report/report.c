/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pools of one page.  It only keeps: rows.c says what there is to print, text.c and json.c
 * spell it.
 */

#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report/pools.h"
#include "report/rate.h"

struct entry {
    char *name; /* NULL: the card's own */
    struct board_snapshot snapshot;
    bool has_rate;
    uint64_t rate; /* requests a second, in millionths */
};

struct report {
    uint64_t now_monotonic;
    uint64_t now_wall;
    struct entry *entries;
    size_t count;
};

struct report *report_new(uint64_t now_monotonic, uint64_t now_wall)
{
    struct report *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->now_monotonic = now_monotonic;
        r->now_wall = now_wall;
    }
    return r;
}

struct report *report_free(struct report *r)
{
    if (r == NULL)
        return NULL;
    for (size_t i = 0; i < r->count; i++) {
        free(r->entries[i].name);
        board_snapshot_clear(&r->entries[i].snapshot);
    }
    free(r->entries);
    free(r);
    return NULL;
}

int report_add(struct report *r, const char *name, struct board_snapshot *snapshot)
{
    struct entry entry = {.name = name == NULL ? NULL : strdup(name), .snapshot = *snapshot};
    memset(snapshot, 0, sizeof *snapshot);
    struct entry *grown = reallocarray(r->entries, r->count + 1, sizeof *grown);
    if (grown != NULL)
        r->entries = grown;
    if (grown == NULL || (name != NULL && entry.name == NULL)) {
        free(entry.name);
        board_snapshot_clear(&entry.snapshot);
        return -ENOMEM;
    }
    r->entries[r->count++] = entry;
    return 0;
}

size_t report_count(const struct report *r)
{
    return r->count;
}

void report_set_rate(struct report *r, uint64_t rate)
{
    if (r->count == 0)
        return;
    r->entries[r->count - 1].has_rate = true;
    r->entries[r->count - 1].rate = rate;
}

uint64_t report_now(const struct report *r)
{
    return r->now_wall;
}

void report_pool(const struct report *r, size_t pool, struct field_pool *ret)
{
    const struct entry *entry = &r->entries[pool];
    const struct board_snapshot *s = &entry->snapshot;
    uint64_t rate = entry->rate;

    if (!entry->has_rate && r->now_wall > s->card.start_time)
        rate = rate_between(0, s->card.start_time, s->requests, r->now_wall);
    field_pool(ret, entry->name, s, r->now_wall, rate);
}

size_t report_pool_workers(const struct report *r, size_t pool)
{
    return r->entries[pool].snapshot.slots;
}

void report_worker(const struct report *r, size_t pool, size_t worker, struct field_worker *ret)
{
    field_worker(ret, &r->entries[pool].snapshot.views[worker], r->now_monotonic, r->now_wall);
}

int report_pool_rows(const struct report *r, size_t pool, struct rows *ret)
{
    struct field_pool p;
    report_pool(r, pool, &p);
    return rows_pool(ret, &p);
}

int report_worker_rows(const struct report *r, size_t pool, size_t worker, struct rows *ret)
{
    struct field_worker w;
    report_worker(r, pool, worker, &w);
    return rows_worker(ret, &w);
}

int report_render(const struct report *r, const struct report_query *query, struct bytes *out)
{
    switch (query->format) {
    case REPORT_JSON:
        return report_json(r, query->full, query->has_pool, out);
    case REPORT_HTML:
        return report_html(r, query->full, query->pool, out);
    case REPORT_OPENMETRICS:
    case REPORT_PROMETHEUS:
        return report_openmetrics(r, query->full, query->format == REPORT_PROMETHEUS, out);
    case REPORT_TEXT:
    case REPORT_UNSUPPORTED:
    default:
        return report_text(r, query->full, out);
    }
}

const char *report_content_type(const struct report_query *query)
{
    switch (query->format) {
    case REPORT_JSON:
        return "application/json";
    case REPORT_HTML:
        return "text/html; charset=utf-8";
    case REPORT_OPENMETRICS:
        return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case REPORT_PROMETHEUS:
        return "text/plain; version=0.0.4; charset=utf-8";
    case REPORT_TEXT:
    case REPORT_UNSUPPORTED:
    default:
        return "text/plain; charset=utf-8";
    }
}
