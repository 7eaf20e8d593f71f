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

/* All texts are never NULL, and live as long as the summary. */
struct summary_worker {
    const char *state, *method, *uri, *script, *user;
    uint64_t pid, slot, generation;
    uint64_t since;    /* seconds */
    uint64_t requests; /* answered */
    uint64_t failed;
    uint64_t active;                 /* in hand */
    uint64_t duration;               /* microseconds, of the last request or the one in hand */
    uint64_t memory;                 /* bytes, of the last program */
    uint64_t resident, proportional; /* bytes, now */
    uint64_t status;                 /* HTTP, of the last request */
    double cpu;                      /* percent, of the last program */
    double age;                      /* seconds since the last request ended */
};

struct summary_pool {
    const char *name, *kind, *pm, *state, *reason, *listen, *user;
    uint64_t start; /* wall clock seconds */
    uint64_t since; /* seconds */
    uint64_t idle, active, total, limit, opaque, leaving;
    uint64_t queue, queue_peak, queue_limit;
    uint64_t requests, failed, timed_out, aborted, slow, shed;
    uint64_t limit_reached; /* times */
    uint64_t shedding;
    uint64_t resident, proportional; /* bytes */
    uint64_t measured;   /* wall clock seconds, when these and process_cpu were; 0: never */
    double rate;         /* requests per second, by ganger's own reckoning */
    double cpu;          /* seconds, of programs */
    double process_cpu;  /* seconds, of all processes */
    double request_time; /* seconds, sum */
    struct summary_worker *workers;
    size_t worker_count; /* 0 unless the page was full */
};

struct summary {
    struct summary_pool *pools;
    size_t count;
    const char *version; /* of ganger; "" for the page of one pool */
    char *texts;         /* all of them */
};

/* Read {"pools": [ … ]} or the object of one pool.  0; -EPROTO with err when it is neither;
 * -ENOMEM. */
int summary_parse(struct summary *ret, const void *json, size_t length, struct error *err);
void summary_clear(struct summary *s);

#endif
