/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_POLICY_H
#define GANGER_POOL_POLICY_H

/*
 * "How many workers, now?" answered from numbers alone.  Nothing is started or stopped here:
 * pool/gang.c asks after every event and obeys.  The answer depends on the input only, so asking
 * twice gives the same answer, and acting on it makes the next answer "nothing to do".
 */

#include <stdbool.h>
#include <stdint.h>
#include "conf/conf.h"

/* At most so many workers of one pool may be on their way (started, not yet ready) before one of
 * its workers has ever been ready: a pool that cannot start at all costs few forks. */
#define POLICY_UNPROVEN_STARTS 4u
/* The same once it has proved that it can start (pm.max_spawn_rate's default). */
#define POLICY_PROVEN_STARTS 32u

struct policy_input {
    enum conf_pm pm;
    uint32_t max_children;
    uint32_t pending; /* started, not yet ready */
    uint32_t serving; /* ready and not asked to leave */
    uint32_t leaving; /* asked to leave, still alive */
    uint32_t idle;    /* of the serving, as the board says (gossip) */
    uint32_t busy;    /* of the serving, as the board says (gossip) */
    bool stopping;    /* the pool is to end: nobody is wanted */
    bool proven;      /* a worker has been ready since the pool was opened */
    bool failing;     /* starts failed lately: one worker at a time may try */
    bool held;        /* no start now, the throttle's pause is running */
};

struct policy_answer {
    uint32_t wanted;       /* size the gang should have: pending + serving */
    uint32_t start;        /* start so many now */
    uint32_t retire;       /* drain so many now */
    uint32_t spare_wanted; /* for the board: ring the doorbell when fewer are idle */
};

struct policy_answer policy_decide(const struct policy_input *in);

#endif
