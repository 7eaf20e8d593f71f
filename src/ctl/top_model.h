/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_MODEL_H
#define GANGER_CTL_TOP_MODEL_H

/*
 * What `gangerctl top` knows: the last sample, and the rates between it and the one before.  Pure:
 * samples and times in, rows out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "report/summary.h"

/* Processor time, and when that was known: it is measured now and then, not for every sample. */
struct top_mark {
    double used;    /* seconds */
    uint64_t stamp; /* ganger's: wall clock seconds */
    uint64_t at;    /* ours, when it was seen first */
};

struct top_row {
    const struct summary_pool *pool;
    const struct summary_worker *worker; /* NULL in a list of pools */
    size_t place;                        /* in the sample */
    double rate;                         /* requests per second */
    double bad;                          /* failed, timed out and shed requests per second */
    double latency;                      /* mean seconds of the requests between the samples */
    double cpu;                          /* percent of one processor */
    uint64_t memory;                     /* bytes: proportional where it is known, else resident */
    struct top_mark mark;                /* of a pool whose processes are measured */
};

struct top_totals {
    size_t pools, failing;
    uint64_t busy, idle, limit,
        queue; /* of all pools but the status pools, which top itself asks */
    double rate;
    uint64_t since; /* seconds, of the pool that runs longest */
};

struct top_model {
    struct summary now, before; /* before.count is 0 until there are two of a kind */
    uint64_t now_at, before_at; /* monotonic, when they came */
    bool workers;               /* they are of one pool, with its workers */
    bool any;                   /* there is a sample */
    struct top_row *rows;       /* all of them, in the order of the sample */
    size_t count;
    struct top_row self; /* of the pool whose workers they are */
    struct top_totals totals;
};

void top_model_init(struct top_model *m);
void top_model_clear(struct top_model *m);
/*
 * The next sample, which is taken over (and empty afterwards).  Rates are reckoned against the last
 * one when that was of the same kind; a counter that has become smaller, or whose pool or worker
 * started anew, counts from zero.  0 or -ENOMEM, and then nothing has changed.
 */
int top_model_feed(struct top_model *m, struct summary *sample, bool workers, uint64_t at);

/* What a row is known by from sample to sample: the name of its pool, or the worker's pid. */
bool top_model_same(const struct top_row *a, const struct top_row *b);
/* Whether the row has `text`, in any case, in one of its words; "" is in all. */
bool top_model_matches(const struct top_row *row, const char *text);

#endif
