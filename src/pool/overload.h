/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_OVERLOAD_H
#define GANGER_POOL_OVERLOAD_H

/*
 * Is a pool so full that a shedder should stand beside it?  Answered from numbers alone.
 *
 * A pool is full when connections wait, no worker is idle and no more workers may be started.  That
 * is nothing bad: a pool of the right size is full now and then.  It is overloaded when the oldest
 * of those that wait has done so for a quarter of queue_timeout, or when more wait than queue_limit:
 * then a shedder is started, which answers those that reach queue_timeout itself, and those
 * beyond queue_limit (serve/shed.h).  It goes when nothing has waited for OVERLOAD_CALM.
 */

#include <stdbool.h>
#include <stdint.h>
#include "host/queue_age.h"

#define OVERLOAD_CALM UINT64_C(200000) /* microseconds */
/* The least time between two looks. */
#define OVERLOAD_LOOK_MIN UINT64_C(5000)

struct overload_input {
    uint64_t now;           /* monotonic microseconds */
    bool known;             /* the kernel told how many wait */
    uint32_t waiting;       /* connections that nobody has accepted */
    uint64_t accepted;      /* by all workers, ever (gossip) */
    bool idle;              /* some worker is (gossip) */
    bool at_max;            /* no worker is missing that could be started */
    bool stopping;          /* the pool is to end */
    uint32_t queue_limit;   /* 0: none */
    uint64_t queue_timeout; /* 0: none */
};

struct overload { /* zeroed: nothing is known yet */
    struct queue_age age;
    uint64_t calm_since; /* nothing has waited since; 0: something waits */
    bool full;           /* at the last look */
    bool shedding;       /* the answer */
};

/* Look at the pool and say whether a shedder should be there (also in o->shedding).  Asking twice
 * for the same moment changes nothing. */
bool overload_decide(struct overload *o, const struct overload_input *in);
/* How long to wait for the next look while the pool is full or shedding (microseconds). */
uint64_t overload_interval(const struct overload_input *in);

#endif
