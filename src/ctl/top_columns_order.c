/* SPDX-License-Identifier: Apache-2.0 */
/* The order of rows by each column. */

#include <string.h>
#include "ctl/top_columns.h"

static int whole(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int number(double a, double b)
{
    return (a > b) - (a < b);
}

/* What calls for a person comes first, when the order is that of the states. */
static int urgency(const char *state)
{
    static const char *const states[] = {"failed",   "failing",   "starting", "stopping",
                                         "running",  "stopped",   "Shedding", "Running",
                                         "Starting", "Finishing", "Opaque",   "Idle"};
    for (int i = 0; i < (int)(sizeof states / sizeof *states); i++) {
        if (strcmp(states[i], state) == 0)
            return i;
    }
    return -1;
}

static double load(const struct summary_pool *p)
{
    return p->limit > 0 ? (double)p->active / (double)p->limit : 0;
}

static int pools(const struct top_row *a, const struct top_row *b, enum top_pool_column column)
{
    const struct summary_pool *p = a->pool;
    const struct summary_pool *q = b->pool;
    switch (column) {
    case POOL_NAME:
        return strcmp(p->name, q->name);
    case POOL_STATE:
        return urgency(p->state) - urgency(q->state);
    case POOL_BUSY:
        return whole(p->active, q->active);
    case POOL_IDLE:
        return whole(p->idle, q->idle);
    case POOL_MAX:
        return whole(p->limit, q->limit);
    case POOL_LOAD:
        return number(load(p), load(q));
    case POOL_QUEUE:
        return whole(p->queue, q->queue);
    case POOL_RATE:
        return number(a->rate, b->rate);
    case POOL_BAD:
        return number(a->bad, b->bad);
    case POOL_LATENCY:
        return number(a->latency, b->latency);
    case POOL_CPU:
        return number(a->cpu, b->cpu);
    case POOL_MEMORY:
        return whole(a->memory, b->memory);
    case POOL_REQUESTS:
        return whole(p->requests, q->requests);
    case POOL_FAILED:
        return whole(p->failed, q->failed);
    case POOL_UP:
        return whole(p->since, q->since);
    case POOL_PM:
        return strcmp(p->pm, q->pm);
    case POOL_KIND:
        return strcmp(p->kind, q->kind);
    case POOL_LISTEN:
    default:
        return strcmp(p->listen, q->listen);
    }
}

static int workers(const struct top_row *a, const struct top_row *b, enum top_worker_column column)
{
    const struct summary_worker *v = a->worker;
    const struct summary_worker *w = b->worker;
    int order;
    switch (column) {
    case WORKER_PID:
        return whole(v->pid, w->pid);
    case WORKER_STATE:
        return urgency(v->state) - urgency(w->state);
    case WORKER_UP:
        return whole(v->since, w->since);
    case WORKER_REQUESTS:
        return whole(v->requests, w->requests);
    case WORKER_RATE:
        return number(a->rate, b->rate);
    case WORKER_AGO:
        return number(v->age, w->age);
    case WORKER_TIME:
        return number(a->latency, b->latency);
    case WORKER_CPU:
        return number(a->cpu, b->cpu);
    case WORKER_MEMORY:
        return whole(a->memory, b->memory);
    case WORKER_CODE:
        return whole(v->status, w->status);
    case WORKER_REQUEST:
        order = strcmp(v->method, w->method);
        return order != 0 ? order : strcmp(v->uri, w->uri);
    case WORKER_SCRIPT:
    default:
        return strcmp(v->script, w->script);
    }
}

int top_columns_compare(const struct top_row *a, const struct top_row *b, size_t column)
{
    return a->worker != NULL ? workers(a, b, (enum top_worker_column)column)
                             : pools(a, b, (enum top_pool_column)column);
}
