/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_RECYCLE_H
#define GANGER_POOL_RECYCLE_H

/* When a worker is to be replaced although it is well.  Pure: numbers and a given clock. */

#include <stdbool.h>
#include <stdint.h>

/* Why; in the order in which one worker may be moved from one to the other. */
enum recycle_cause {
    RECYCLE_NO,
    RECYCLE_REQUESTS,  /* pm.max_requests */
    RECYCLE_MEMORY,    /* pm.max_memory */
    RECYCLE_EMERGENCY, /* emergency_restart_threshold */
};

/*
 * The limit of the worker with this serial number: pm.max_requests, more or less by up to a tenth,
 * so that workers which started together do not leave together.  Small limits (below 10) stay as
 * they are.  0 stays 0: never.
 */
uint32_t recycle_limit(uint32_t max_requests, uint32_t serial);

/*
 * When a worker with this limit has answered so many, it accepts no more until its successor has come:
 * twice the limit, or RECYCLE_GRACE more than it, when that is more.  0 stays 0: it never waits.
 */
#define RECYCLE_GRACE 10u
uint64_t recycle_bound(uint32_t limit);

/*
 * Workers may be held at that bound as long as successors come: not when none can be started
 * (`able` is false), and not when, for RECYCLE_DRY, none was on its way (`coming`) although some
 * are due: those who are to go first have long requests in hand, or there is no room.  Between a
 * worker that goes and the next start there is always a moment in which none is.
 */
#define RECYCLE_DRY UINT64_C(500000) /* microseconds */

struct recycle_hold {   /* all zero at first */
    uint64_t dry_since; /* monotonic: no successor has been on its way since then; 0: one is */
};

bool recycle_may_hold(struct recycle_hold *h, bool able, bool coming, uint64_t now);
/* When the answer changes by itself; UINT64_MAX: never. */
uint64_t recycle_hold_next(const struct recycle_hold *h);

/*
 * How many may be replaced now.  What a worker says it has answered is gossip: without this bound a
 * pool whose workers claim a million requests each would keep the master forking.
 */
#define RECYCLE_RATE 300u  /* a second, in the long run */
#define RECYCLE_BURST 300u /* at once */

struct recycle_budget { /* by recycle_budget_init() */
    uint64_t filled;    /* monotonic microseconds: when `left` was last brought up to date */
    uint64_t left;      /* in millionths of a worker */
};

void recycle_budget_init(struct recycle_budget *b, uint64_t now);
/* Whole workers in it at `now`. */
uint32_t recycle_budget_left(struct recycle_budget *b, uint64_t now);
/* One has been replaced. */
void recycle_budget_spend(struct recycle_budget *b);
/* When there is at least one in it again: `now` or later. */
uint64_t recycle_budget_next(const struct recycle_budget *b, uint64_t now);

#endif
