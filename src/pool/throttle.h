/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_THROTTLE_H
#define GANGER_POOL_THROTTLE_H

/*
 * How fast a pool whose workers die may start new ones.  Pure: numbers and a given clock.
 *
 * A start that failed (the worker died before it could serve) costs a pause, 100 ms the first time
 * and twice as long each next time, up to 30 s; a worker that proves itself ends it.  Ten starts
 * in the first minute, however fast the program dies.
 *
 * A worker that had been serving and dies is replaced at once.  Such deaths are only counted in a
 * bucket of THROTTLE_BURST that leaks THROTTLE_RATE a second; when it flows over, the death counts
 * as a failed start, so that not even a pool that lies about having served makes the master spin.
 */

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_FIRST UINT64_C(100000)     /* microseconds: the first pause */
#define THROTTLE_LONGEST UINT64_C(30000000) /* and the longest */
#define THROTTLE_PROOF UINT64_C(10000000)   /* a worker that lived so long has proved itself */
#define THROTTLE_BURST 200u
#define THROTTLE_RATE 100u

struct throttle {      /* all zero: nothing happened yet */
    uint64_t until;    /* monotonic microseconds: no start before it; 0: none */
    uint64_t pause;    /* the pause that led to `until`; 0 while the pool is well */
    uint32_t failures; /* failed starts in a row */
    uint64_t leaked;   /* monotonic: when the bucket was last looked at */
    uint64_t bucket;   /* deaths in it, in 1/1000000 */
};

/*
 * A start failed at `now`.  Failures that arrive while a pause is running belong to the round that
 * caused it (several workers were started together) and do not lengthen it.  True when this is the
 * first failure since the pool was well: the moment to say so once.
 */
bool throttle_failed(struct throttle *t, uint64_t now);
/* A worker that had been serving died at `now`.  True when that was one too many: it has then been
 * counted by throttle_failed(). */
bool throttle_died(struct throttle *t, uint64_t now);
/* A worker proved itself.  True when that ended a row of failures: the moment to say so. */
bool throttle_proved(struct throttle *t);
/* Whether a start is allowed at `now`. */
bool throttle_allows(const struct throttle *t, uint64_t now);
/* True from the first failure until a worker proved itself. */
bool throttle_failing(const struct throttle *t);

#endif
