/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_POLICY_H
#define GANGER_POOL_POLICY_H

/*
 * "How many workers, now?" answered from numbers alone.  Nothing is started or stopped here:
 * pool/gang.c asks after every event and obeys.  The answer depends on the input only, so asking
 * twice gives the same answer, and acting on it makes the next answer "nothing to do".  What kind
 * of workers they are does not matter.
 *
 * The size is kept as it is while it lies between two bounds:
 *     static    max_children                    max_children
 *     dynamic   busy + waiting + min_spare      the larger of peak + min_spare, busy + max_spare
 *     ondemand  busy + waiting                  peak
 * The upper bound is never below the lower one of any moment that the peak remembers, so a pool
 * under steady load neither starts nor retires anybody.
 *
 * Workers that are due to be replaced go on serving.  First their successors are started, beyond
 * the size; once those are ready, as many of the due ones are retired.  No more than a quarter of
 * the size (at least one) are on this way at once, which is what the surplus slots are for.
 */

#include <stdbool.h>
#include <stdint.h>
#include "conf/conf.h"

/* At most so many workers of one pool may be on their way (started, not yet ready) before one of
 * its workers has ever been ready: a pool that cannot start at all costs few forks. */
#define POLICY_UNPROVEN_STARTS 4u

#define POLICY_UNBOUNDED UINT32_MAX

struct policy_input {
    enum conf_pm pm;
    uint32_t max_children;
    uint32_t min_spare, max_spare; /* dynamic */
    uint32_t floor;                /* at least so many, within max_children */
    uint32_t max_spawn_rate;       /* so many may be on their way once the pool is proven */
    uint32_t surplus;              /* processes beyond max_children, while some are replaced */
    uint32_t allowed;              /* more processes that process.max leaves; POLICY_UNBOUNDED */
    uint32_t size;    /* the last answer's `wanted`; before the first, start_servers for dynamic */
    uint32_t pending; /* started, not yet ready */
    uint32_t serving; /* ready and not asked to leave */
    uint32_t leaving; /* asked to leave, still alive */
    uint32_t due;     /* of the serving, to be replaced */
    uint32_t busy;    /* of the serving, as the board says (gossip) */
    uint32_t waiting; /* connections that no worker has accepted */
    uint32_t peak;    /* the most that were busy in the last pm.process_idle_timeout */
    uint32_t noted;   /* as many have been seen busy: tell us when there are more */
    bool stopping;    /* the pool is to end: nobody is wanted */
    bool proven;      /* a worker has been ready since the pool was opened */
    bool failing;     /* starts failed lately: one worker at a time may try */
    bool held;        /* no start now, the throttle's pause is running */
};

struct policy_answer {
    uint32_t wanted;       /* size the gang should have: pending + serving, none of them due */
    uint32_t start;        /* start so many now */
    uint32_t retire_due;   /* drain so many of those that are due now */
    uint32_t retire;       /* and so many others */
    uint32_t spare_wanted; /* for the board: ring the doorbell when fewer are idle */
    bool reached;          /* more would be wanted than max_children allows */
    bool shrinkable;       /* when the peak is forgotten, some may leave */
};

struct policy_answer policy_decide(const struct policy_input *in);

/* Processes beyond max_children that a gang has room for while some are being replaced. */
uint32_t policy_surplus(uint32_t max_children);

#endif
