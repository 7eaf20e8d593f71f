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

struct entry {
    char *name; /* NULL: the card's own */
    struct board_snapshot snapshot;
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

int report_pool_rows(const struct report *r, size_t pool, struct rows *ret)
{
    const struct entry *entry = &r->entries[pool];
    return rows_pool(ret, entry->name, &entry->snapshot, r->now_wall);
}

size_t report_pool_workers(const struct report *r, size_t pool)
{
    return r->entries[pool].snapshot.slots;
}

int report_worker_rows(const struct report *r, size_t pool, size_t worker, struct rows *ret)
{
    const struct board_slot_view *view = &r->entries[pool].snapshot.views[worker];
    return rows_worker(ret, view, r->now_monotonic, r->now_wall);
}

int report_render(const struct report *r, const struct report_query *query, struct bytes *out)
{
    switch (query->format) {
    case REPORT_JSON:
        return report_json(r, query->full, query->has_pool, out);
    case REPORT_HTML:
        return report_html(r, query->full, out);
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
    case REPORT_TEXT:
    case REPORT_UNSUPPORTED:
    default:
        return "text/plain; charset=utf-8";
    }
}
