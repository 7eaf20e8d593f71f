/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_EMERGENCY_H
#define GANGER_POOL_EMERGENCY_H

/*
 * PHP-FPM's last resort: when `threshold` workers were killed by SIGSEGV or SIGBUS within
 * `interval`, something that all of them share (a cache in memory, a library that was replaced) is
 * broken, and everything is started anew.  Pure: the clock is given.
 */

#include <stdbool.h>
#include <stdint.h>

#define EMERGENCY_MAX 4096u

struct emergency {
    uint32_t threshold; /* 0, or an interval of 0: never */
    uint64_t interval;  /* microseconds */
    uint32_t count;     /* of the entries that are filled */
    uint32_t next;      /* the oldest of them, once all are */
    uint64_t times[EMERGENCY_MAX];
};

/* Nothing has happened yet.  A threshold above EMERGENCY_MAX counts as that. */
void emergency_init(struct emergency *e, uint32_t threshold, uint64_t interval);
/* A worker died of a signal at `now` (monotonic microseconds).  True when that was one too many:
 * then it begins anew. */
bool emergency_fault(struct emergency *e, int signal, uint64_t now);

#endif
