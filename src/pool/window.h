/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_WINDOW_H
#define GANGER_POOL_WINDOW_H

/*
 * The largest value of the last while: how many workers a pool really needed.  Pure: the clock is
 * given.  The while is cut into WINDOW_BUCKETS pieces and a piece is forgotten as a whole, so a
 * value is remembered for at least 15/16 of the while, and never longer than it.
 */

#include <stdint.h>

#define WINDOW_BUCKETS 16u

struct window {                       /* by window_init() */
    uint64_t width;                   /* of a bucket, microseconds, at least 1 */
    uint64_t current;                 /* number of the bucket of `now`: now / width */
    uint32_t buckets[WINDOW_BUCKETS]; /* bucket n lies at n % WINDOW_BUCKETS */
};

/* Nothing was seen yet.  `length` in microseconds; 0 counts as 1. */
void window_init(struct window *w, uint64_t length, uint64_t now);
/* `value` was seen at `now`.  A clock that goes back is taken to stand still. */
void window_add(struct window *w, uint32_t value, uint64_t now);
/* The largest value of the while that ends at `now`; 0 when nothing was seen. */
uint32_t window_peak(struct window *w, uint64_t now);
/* The largest value of the bucket of `now` alone. */
uint32_t window_latest(struct window *w, uint64_t now);
/* When the bucket of `now` ends: the next moment at which the peak can become smaller. */
uint64_t window_next(const struct window *w, uint64_t now);

#endif
