/* SPDX-License-Identifier: Apache-2.0 */
/* The two tables, and what their columns mean.  N, P, M and T are the letters of top(1). */

#include "ctl/top_columns.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "ctl/figures.h"

static const struct top_column pool_columns[] = {
    {"POOL", "its name", 'N', true, false, {12, 28, 0}},
    {"STATE", "what fails comes first", 'S', true, false, {8, 8, 1}},
    {"BUSY", "workers that serve a request", 'B', false, false, {4, 5, 2}},
    {"IDLE", "workers that wait for one", 'I', false, false, {4, 5, 5}},
    {"MAX", "how many workers there may be", 'X', false, false, {4, 5, 6}},
    {"LOAD", "busy | and other : workers of the most", 'L', false, true, {10, 20, 11}},
    {"QUEUE", "connections that wait for a worker", 'Q', false, false, {5, 6, 3}},
    {"REQ/S", "requests answered in a second", 'R', false, false, {5, 6, 4}},
    {"ERR/S", "failed, timed out, or turned away", 'E', false, false, {5, 6, 7}},
    {"TIME", "mean of the requests just answered", 'T', false, false, {6, 6, 8}},
    {"CPU%", "of one processor", 'P', false, false, {5, 5, 9}},
    {"MEM", "memory of all its processes", 'M', false, false, {5, 6, 10}},
    {"REQUESTS", "answered since it started", 'A', false, false, {8, 8, 12}},
    {"FAILED", "of them", 'F', false, false, {6, 6, 13}},
    {"UP", "since when", 'U', false, false, {6, 6, 14}},
    {"PM", "static, dynamic or ondemand", 'D', true, false, {8, 8, 15}},
    {"KIND", "cgi, fastcgi or status", 'K', true, false, {7, 7, 16}},
    {"LISTEN", "its addresses", 'H', true, false, {12, 60, 17}},
};

static const struct top_column worker_columns[] = {
    {"PID", "its process", 'N', false, false, {7, 8, 0}},
    {"STATE", "who serves comes first", 'S', true, false, {9, 9, 1}},
    {"UP", "since when", 'U', false, false, {6, 6, 9}},
    {"REQUESTS", "answered since it started", 'A', false, false, {8, 8, 6}},
    {"REQ/S", "requests answered in a second", 'R', false, false, {5, 6, 7}},
    {"AGO", "since the last one ended", 'G', false, false, {6, 6, 10}},
    {"TIME", "of the request in hand, or the last", 'T', false, false, {6, 6, 3}},
    {"CPU%", "of a processor, by the last program", 'P', false, false, {5, 5, 8}},
    {"MEM", "now, or the last program's peak", 'M', false, false, {5, 6, 5}},
    {"CODE", "HTTP status of the last answer", 'O', false, false, {4, 4, 4}},
    {"REQUEST", "in hand, or the last one", 'Q', true, false, {22, 80, 2}},
    {"SCRIPT", "the program that was asked for", 'H', true, false, {10, 60, 11}},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct top_column *top_columns_of(bool workers, size_t *ret_count)
{
    *ret_count = workers ? COUNT(worker_columns) : COUNT(pool_columns);
    return workers ? worker_columns : pool_columns;
}

/* ---- texts ---- */

static void put(char out[CELLS_BYTES_MAX], const char *text)
{
    snprintf(out, CELLS_BYTES_MAX, "%s", text);
}

static void put_percent(char out[CELLS_BYTES_MAX], double percent)
{
    snprintf(out, CELLS_BYTES_MAX, percent < 99.95 ? "%.1f" : "%.0f", percent);
}

/* What nobody has measured yet is no zero. */
static void put_memory(char out[CELLS_BYTES_MAX], uint64_t bytes)
{
    char figure[FIGURES_MAX];
    put(out, bytes == 0 ? "-" : figures_bytes(figure, bytes));
}

static void pool_cell(char out[CELLS_BYTES_MAX], const struct top_row *row,
                      enum top_pool_column column)
{
    const struct summary_pool *p = row->pool;
    char figure[FIGURES_MAX];
    switch (column) {
    case POOL_NAME:
        put(out, p->name);
        return;
    case POOL_STATE:
        put(out, p->state);
        return;
    case POOL_BUSY:
        put(out, figures_count(figure, p->active));
        return;
    case POOL_IDLE:
        put(out, figures_count(figure, p->idle));
        return;
    case POOL_MAX:
        put(out, figures_count(figure, p->limit));
        return;
    case POOL_QUEUE:
        put(out, figures_count(figure, p->queue));
        return;
    case POOL_RATE:
        put(out, figures_rate(figure, row->rate));
        return;
    case POOL_BAD:
        put(out, figures_rate(figure, row->bad));
        return;
    case POOL_LATENCY:
        put(out, row->latency > 0 ? figures_span(figure, row->latency) : "-");
        return;
    case POOL_CPU:
        put_percent(out, row->cpu);
        return;
    case POOL_MEMORY:
        put_memory(out, row->memory);
        return;
    case POOL_REQUESTS:
        put(out, figures_count(figure, p->requests));
        return;
    case POOL_FAILED:
        put(out, figures_count(figure, p->failed));
        return;
    case POOL_UP:
        put(out, figures_age(figure, p->since));
        return;
    case POOL_PM:
        put(out, p->pm);
        return;
    case POOL_KIND:
        put(out, p->kind);
        return;
    case POOL_LISTEN:
        put(out, p->listen);
        return;
    case POOL_LOAD:
    default:
        out[0] = '\0';
    }
}

static bool is_served(const struct summary_worker *w)
{
    return (w->method[0] != '\0' && strcmp(w->method, "-") != 0) ||
           (w->uri[0] != '\0' && strcmp(w->uri, "-") != 0);
}

static void worker_cell(char out[CELLS_BYTES_MAX], const struct top_row *row,
                        enum top_worker_column column)
{
    const struct summary_worker *w = row->worker;
    char figure[FIGURES_MAX];
    switch (column) {
    case WORKER_PID:
        snprintf(out, CELLS_BYTES_MAX, "%llu", (unsigned long long)w->pid);
        return;
    case WORKER_STATE:
        put(out, w->state);
        return;
    case WORKER_UP:
        put(out, figures_age(figure, w->since));
        return;
    case WORKER_REQUESTS:
        put(out, figures_count(figure, w->requests));
        return;
    case WORKER_RATE:
        put(out, figures_rate(figure, row->rate));
        return;
    case WORKER_AGO:
        put(out, w->age > 0 && w->age < 1e15 ? figures_age(figure, (uint64_t)w->age) : "-");
        return;
    case WORKER_TIME:
        put(out, row->latency > 0 ? figures_span(figure, row->latency) : "-");
        return;
    case WORKER_CPU:
        put_percent(out, row->cpu);
        return;
    case WORKER_MEMORY:
        put_memory(out, row->memory);
        return;
    case WORKER_CODE:
        put(out, w->status == 0 ? "-" : figures_count(figure, w->status));
        return;
    case WORKER_REQUEST:
        if (is_served(w))
            snprintf(out, CELLS_BYTES_MAX, "%s %s", w->method, w->uri);
        else
            put(out, "-");
        return;
    case WORKER_SCRIPT:
        put(out, w->script);
        return;
    default:
        out[0] = '\0';
    }
}

void top_columns_cell(char out[CELLS_BYTES_MAX], const struct top_row *row, size_t column)
{
    if (row->worker != NULL)
        worker_cell(out, row, (enum top_worker_column)column);
    else
        pool_cell(out, row, (enum top_pool_column)column);
}

/* ---- paint ---- */

enum top_paint top_columns_state(const char *state)
{
    static const struct {
        const char *state;
        enum top_paint paint;
    } paints[] = {
        {"running", TOP_GOOD}, {"failing", TOP_BAD},  {"failed", TOP_BAD},   {"stopped", TOP_DIM},
        {"Idle", TOP_DIM},     {"Running", TOP_BUSY}, {"Opaque", TOP_PLAIN}, {"Shedding", TOP_BAD},
    };
    for (size_t i = 0; i < COUNT(paints); i++) {
        if (strcmp(paints[i].state, state) == 0)
            return paints[i].paint;
    }
    return TOP_WARN; /* starting, stopping, Finishing … */
}

/* Zeros are dim, so that the others are seen. */
static enum top_paint dim_zero(bool zero, enum top_paint otherwise)
{
    return zero ? TOP_DIM : otherwise;
}

static enum top_paint pool_paint(const struct top_row *row, enum top_pool_column column)
{
    const struct summary_pool *p = row->pool;
    switch (column) {
    case POOL_NAME:
        return TOP_HIGH;
    case POOL_STATE:
        return top_columns_state(p->state);
    case POOL_BUSY:
        return p->limit > 0 && p->active >= p->limit ? TOP_WARN
                                                     : dim_zero(p->active == 0, TOP_BUSY);
    case POOL_QUEUE:
        return dim_zero(p->queue == 0, TOP_BAD);
    case POOL_BAD:
        return dim_zero(row->bad < 0.005, TOP_BAD);
    case POOL_FAILED:
        return dim_zero(p->failed == 0, TOP_PLAIN);
    case POOL_RATE:
        return dim_zero(row->rate < 0.005, TOP_PLAIN);
    case POOL_CPU:
        return dim_zero(row->cpu < 0.05, TOP_PLAIN);
    case POOL_IDLE:
        return dim_zero(p->idle == 0, TOP_PLAIN);
    case POOL_REQUESTS:
        return dim_zero(p->requests == 0, TOP_PLAIN);
    case POOL_LATENCY:
        return dim_zero(row->latency <= 0, TOP_PLAIN);
    case POOL_MEMORY:
        return dim_zero(row->memory == 0, TOP_PLAIN);
    case POOL_MAX:
    case POOL_LOAD:
    case POOL_UP:
    case POOL_PM:
    case POOL_KIND:
    case POOL_LISTEN:
    default:
        return TOP_PLAIN;
    }
}

static enum top_paint worker_paint(const struct top_row *row, enum top_worker_column column)
{
    const struct summary_worker *w = row->worker;
    switch (column) {
    case WORKER_STATE:
        return top_columns_state(w->state);
    case WORKER_CODE:
        return w->status >= 500 ? TOP_BAD : w->status >= 400 ? TOP_WARN : TOP_PLAIN;
    case WORKER_REQUEST:
        return strcmp(w->state, "Running") == 0 ? TOP_HIGH : dim_zero(!is_served(w), TOP_PLAIN);
    case WORKER_RATE:
        return dim_zero(row->rate < 0.005, TOP_PLAIN);
    case WORKER_CPU:
        return dim_zero(row->cpu < 0.05, TOP_PLAIN);
    case WORKER_PID:
    case WORKER_UP:
    case WORKER_REQUESTS:
    case WORKER_AGO:
    case WORKER_TIME:
    case WORKER_MEMORY:
    case WORKER_SCRIPT:
    default:
        return TOP_PLAIN;
    }
}

enum top_paint top_columns_paint(const struct top_row *row, size_t column)
{
    return row->worker != NULL ? worker_paint(row, (enum top_worker_column)column)
                               : pool_paint(row, (enum top_pool_column)column);
}

struct top_bar top_columns_bar(unsigned room, uint64_t busy, uint64_t other, uint64_t limit)
{
    double whole = (double)busy + (double)other;
    if (whole < (double)limit)
        whole = (double)limit;
    struct top_bar bar = {0, 0};
    if (whole <= 0)
        return bar;
    bar.busy = (unsigned)((double)busy / whole * room + 0.5);
    if (busy > 0 && bar.busy == 0 && room > 0)
        bar.busy = 1;
    if (other > 0 && bar.busy == room && room > 1)
        bar.busy--;
    bar.other = (unsigned)((double)other / whole * room + 0.5);
    if (other > 0 && bar.other == 0)
        bar.other = 1;
    if (bar.other > room - bar.busy)
        bar.other = room - bar.busy;
    return bar;
}
