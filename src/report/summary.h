/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_SUMMARY_H
#define GANGER_REPORT_SUMMARY_H

/*
 * The way back: the status page's JSON → values, for gangerctl.  What comes from the socket is a
 * stranger's: a member that is missing or of another type reads as "" or 0, and strings are made
 * fit for a terminal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct summary_worker {
    char *state, *method, *uri, *script;     /* owned, never NULL */
    uint64_t pid, since, requests, duration; /* seconds; microseconds */
    uint64_t memory;                         /* bytes, of the last program */
    double cpu;                              /* percent, of the last program */
};

struct summary_pool {
    char *name, *kind, *pm, *state, *reason, *listen; /* owned, never NULL */
    uint64_t since;                                   /* seconds */
    uint64_t idle, active, total, limit;
    uint64_t queue, queue_limit;
    uint64_t requests, failed;
    struct summary_worker *workers;
    size_t worker_count; /* 0 unless the page was full */
};

struct summary {
    struct summary_pool *pools;
    size_t count;
};

/* Read {"pools": [ … ]} or the object of one pool.  0; -EPROTO with err when it is neither;
 * -ENOMEM. */
int summary_parse(struct summary *ret, const void *json, size_t length, struct error *err);
void summary_clear(struct summary *s);

#endif
