/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot → rows.  Everything in a snapshot is gossip: each value passes through one of the small
 * add_* functions below, and those are the only places that clamp and escape.  Invariant: a row in
 * the table is fit to print in every format as it stands.
 */

#include "report/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"

/* Four output bytes for each byte that needs escaping. */
enum { ESCAPED_MAX = 4 * BOARD_URI + 4 };
/* 31-Dec-9999, the last second that every date formatter can print. */
#define STAMP_MAX UINT64_C(253402300799)

static uint64_t clamp(uint64_t value, uint64_t maximum)
{
    return value < maximum ? value : maximum;
}

static struct row *add(struct rows *rows, const char *name, enum row_type type)
{
    /* ROWS_MAX is a constant of this file's two tables, not of the input. */
    if (rows->count == ROWS_MAX) {
        rows->failed = true;
        return NULL;
    }
    struct row *row = &rows->items[rows->count++];
    memset(row, 0, sizeof *row);
    row->type = type;
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->label, sizeof row->label, "%s", name);
    return row;
}

static void add_number(struct rows *rows, const char *name, uint64_t value)
{
    struct row *row = add(rows, name, ROW_NUMBER);
    if (row != NULL)
        row->number = clamp(value, ROWS_NUMBER_MAX);
}

static void add_stamp(struct rows *rows, const char *name, uint64_t wall_usec)
{
    struct row *row = add(rows, name, ROW_STAMP);
    if (row != NULL)
        row->number = clamp(wall_usec / CLOCK_SEC, STAMP_MAX);
}

static void add_since(struct rows *rows, const char *name, uint64_t start, uint64_t now)
{
    add_number(rows, name, start == 0 || start > now ? 0 : (now - start) / CLOCK_SEC);
}

static void add_decimal(struct rows *rows, const char *name, double value)
{
    struct row *row = add(rows, name, ROW_DECIMAL);
    if (row != NULL)
        row->decimal = value < (double)ROWS_NUMBER_MAX ? value : (double)ROWS_NUMBER_MAX;
}

/* `length` bytes at most, up to the first NUL, escaped; `fallback` for none. */
static void add_text(struct rows *rows, const char *name, const char *value, size_t length,
                     const char *fallback)
{
    struct row *row = add(rows, name, ROW_TEXT);
    if (row == NULL)
        return;
    size_t used = strnlen(value, length);
    struct bytes escaped;
    bytes_init(&escaped, ESCAPED_MAX);
    const char *text = fallback;
    if (used > 0) {
        text = text_escape(&escaped, value, used, ESCAPED_MAX) < 0 ? NULL : bytes_string(&escaped);
    }
    row->text = text == NULL ? NULL : strdup(text);
    if (row->text == NULL)
        rows->failed = true;
    bytes_clear(&escaped);
}

static void relabel(struct rows *rows, const char *label)
{
    struct row *row = &rows->items[rows->count - 1];
    snprintf(row->label, sizeof row->label, "%s", label);
}

/* Put the last row into `group`, with a label of its own for text. */
static void regroup(struct rows *rows, const char *group, const char *label)
{
    rows->items[rows->count - 1].group = group;
    relabel(rows, label);
}

/* A word the card may hold, or "unknown": never the card's own bytes. */
static const char *known_word(const char *value, size_t size, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t length = strlen(*words);
        if (length < size && memcmp(value, *words, length + 1) == 0)
            return *words;
    }
    return "unknown";
}

static const char *pool_state_word(uint32_t state)
{
    switch (state) {
    case BOARD_POOL_STARTING:
        return "starting";
    case BOARD_POOL_RUNNING:
        return "running";
    case BOARD_POOL_FAILING:
        return "failing";
    case BOARD_POOL_FAILED:
        return "failed";
    case BOARD_POOL_STOPPING:
        return "stopping";
    case BOARD_POOL_STOPPED:
        return "stopped";
    default:
        return "unknown";
    }
}

/* PHP-FPM's words where it has one, so that its dashboards tell idle from running. */
static const char *worker_state_word(const struct board_slot_view *view)
{
    switch (view->state) {
    case BOARD_WORKER_STARTING:
        /* An opaque one lives, and nobody can see what it does. */
        return view->opaque ? "Opaque" : "Starting";
    case BOARD_WORKER_IDLE:
        return "Idle";
    case BOARD_WORKER_BUSY:
        return "Running";
    case BOARD_WORKER_LEAVING:
        return "Finishing";
    case BOARD_WORKER_SHEDDING:
        return "Shedding";
    case BOARD_WORKER_NONE:
    default:
        return "Unknown";
    }
}

/* The upper bound of a bucket in seconds, without trailing zeros: "0.0005", "1", "+Inf". */
static void bound_text(char *out, size_t size, uint64_t usec)
{
    if (usec == UINT64_MAX) {
        snprintf(out, size, "+Inf");
        return;
    }
    snprintf(out, size, "%llu.%06llu", (unsigned long long)(usec / CLOCK_SEC),
             (unsigned long long)(usec % CLOCK_SEC));
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == '0')
        out[--length] = '\0';
    if (length > 0 && out[length - 1] == '.')
        out[--length] = '\0';
}

static void add_histogram(struct rows *rows, const uint64_t *buckets)
{
    for (unsigned i = 0; i < BOARD_BUCKETS; i++) {
        char name[24];
        char label[40];
        uint64_t bound = board_bucket_bound(i);
        bound_text(name, sizeof name, bound);
        add_number(rows, name, buckets[i]);
        snprintf(label, sizeof label, "took <= %s s", name);
        regroup(rows, "request duration histogram", bound == UINT64_MAX ? "took longer" : label);
    }
}

static uint64_t largest_memory(const struct board_snapshot *s)
{
    uint64_t peak = 0;
    for (uint32_t i = 0; i < s->slots; i++) {
        if (s->views[i].peak_memory > peak)
            peak = s->views[i].peak_memory;
    }
    return peak;
}

/* PHP-FPM's fields, in PHP-FPM's order. */
static void add_pool_classic(struct rows *rows, const char *name, const struct board_snapshot *s,
                             uint64_t now_wall)
{
    static const char *const pms[] = {"static", "dynamic", "ondemand", NULL};
    const struct board_card *card = &s->card;
    uint32_t peak = card->max_active < s->busy ? s->busy : card->max_active;
    const char *pm = known_word(card->pm, sizeof card->pm, pms);

    add_text(rows, "pool", name != NULL ? name : card->name, BOARD_NAME, "-");
    add_text(rows, "process manager", pm, sizeof card->pm, "unknown");
    add_stamp(rows, "start time", card->start_time);
    add_since(rows, "start since", card->start_time, now_wall);
    add_number(rows, "accepted conn", s->accepted);
    add_number(rows, "listen queue", card->listen_queue);
    add_number(rows, "max listen queue", card->max_listen_queue);
    add_number(rows, "listen queue len", card->listen_queue_len);
    add_number(rows, "idle processes", clamp(s->idle, BOARD_SLOTS_MAX));
    add_number(rows, "active processes", clamp(s->busy, BOARD_SLOTS_MAX));
    add_number(rows, "total processes", clamp(card->total, BOARD_SLOTS_MAX));
    add_number(rows, "max active processes", clamp(peak, BOARD_SLOTS_MAX));
    add_number(rows, "max children reached", card->max_children_reached);
    add_number(rows, "slow requests", s->slow);
    add_number(rows, "memory peak", largest_memory(s));
}

static void add_pool_own(struct rows *rows, const struct board_snapshot *s)
{
    static const char *const kinds[] = {"cgi", "fastcgi", "status", NULL};
    const struct board_card *card = &s->card;
    const char *kind = known_word(card->kind, sizeof card->kind, kinds);
    const char *state = s->card_valid ? pool_state_word(card->state) : "unknown";

    add_text(rows, "kind", kind, sizeof card->kind, "unknown");
    add_text(rows, "state", state, 16, "unknown");
    add_text(rows, "reason", card->reason, sizeof card->reason, "");
    add_text(rows, "listen", card->listen, sizeof card->listen, "");
    add_number(rows, "max children", clamp(card->max_children, BOARD_SLOTS_MAX));
    add_number(rows, "opaque processes", clamp(s->opaque, BOARD_SLOTS_MAX));
    add_number(rows, "shedding", card->shedding);
    add_number(rows, "active requests", s->active_requests);
    add_number(rows, "requests", s->requests);
    add_number(rows, "failed requests", s->failed);
    /* Those of native programs end with their worker, and only the master has seen it. */
    add_number(rows, "timed out requests", s->timed_out + card->terminated);
    add_number(rows, "aborted requests", s->aborted);
    add_number(rows, "bytes out", s->bytes_out);
    add_decimal(rows, "cpu seconds", (double)s->cpu / (double)CLOCK_SEC);
    add_number(rows, "generation", card->generation);
    add_number(rows, "spawned", card->spawned);
    add_number(rows, "spawn failures", card->spawn_failures);
    add_number(rows, "ok", card->exits_ok);
    regroup(rows, "exits", "exits ok");
    add_number(rows, "error", card->exits_error);
    regroup(rows, "exits", "exits error");
    add_number(rows, "signal", card->exits_signal);
    regroup(rows, "exits", "exits signal");
    add_number(rows, "max requests", card->recycled_requests);
    regroup(rows, "restarts", "restarts max requests");
    add_number(rows, "max memory", card->recycled_memory);
    regroup(rows, "restarts", "restarts max memory");
    add_number(rows, "emergency", card->recycled_emergency);
    regroup(rows, "restarts", "restarts emergency");
    add_number(rows, "time limit", card->terminated);
    regroup(rows, "restarts", "restarts time limit");
    add_stamp(rows, "throttled until", card->throttled_until);
    add_histogram(rows, s->buckets[BOARD_TIME_SERVICE]);
}

int rows_pool(struct rows *ret, const char *name, const struct board_snapshot *snapshot,
              uint64_t now_wall)
{
    ret->count = 0;
    ret->failed = false;
    add_pool_classic(ret, name, snapshot, now_wall);
    add_pool_own(ret, snapshot);
    return ret->failed ? -ENOMEM : 0;
}

/* Share of one CPU that the last program used, in percent, as PHP-FPM; 0 while one is running. */
static double last_cpu(const struct board_request *r)
{
    if (r->running != 0 || r->duration == 0)
        return 0;
    double share = (double)r->cpu * 100 / (double)r->duration;
    return share < 100.0 * BOARD_SLOTS_MAX ? share : 100.0 * BOARD_SLOTS_MAX;
}

int rows_worker(struct rows *ret, const struct board_slot_view *view, uint64_t now_monotonic,
                uint64_t now_wall)
{
    static const struct board_request nothing;
    const struct board_request *r = view->request_valid ? &view->request : &nothing;
    uint64_t duration = r->duration;
    if (r->running != 0)
        duration = r->started > now_monotonic ? 0 : now_monotonic - r->started;

    ret->count = 0;
    ret->failed = false;
    add_number(ret, "pid", view->pid < 0 ? 0 : (uint64_t)view->pid);
    add_text(ret, "state", worker_state_word(view), 16, "Unknown");
    add_stamp(ret, "start time", view->start_time);
    add_since(ret, "start since", view->start_time, now_wall);
    add_number(ret, "requests", view->requests);
    add_number(ret, "request duration", duration);
    add_text(ret, "request method", r->method, sizeof r->method, "-");
    add_text(ret, "request uri", r->uri, sizeof r->uri, "-");
    relabel(ret, "request URI");
    add_number(ret, "content length", r->content_length);
    add_text(ret, "user", r->user, sizeof r->user, "-");
    add_text(ret, "script", r->script, sizeof r->script, "-");
    add_decimal(ret, "last request cpu", last_cpu(r));
    add_number(ret, "last request memory", r->running != 0 ? 0 : r->peak_memory);

    add_number(ret, "last request status", r->running != 0 ? 0 : clamp(r->status, 999));
    add_number(ret, "program pid", r->running == 0 || r->program < 0 ? 0 : (uint64_t)r->program);
    add_number(ret, "slot", view->index);
    add_number(ret, "generation", view->generation);
    add_number(ret, "active requests", view->active);
    add_number(ret, "accepted conn", view->accepted);
    add_number(ret, "failed requests", view->failed);
    add_number(ret, "timed out requests", view->timed_out);
    add_number(ret, "aborted requests", view->aborted);
    add_number(ret, "slow requests", view->slow);
    add_number(ret, "bytes out", view->bytes_out);
    add_decimal(ret, "cpu seconds", (double)view->cpu / (double)CLOCK_SEC);
    add_number(ret, "memory peak", view->peak_memory);
    add_number(ret, "protocol errors", view->protocol_errors);
    add_number(ret, "params dropped", view->params_dropped);
    return ret->failed ? -ENOMEM : 0;
}

void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->items[i].text);
    rows->count = 0;
}
