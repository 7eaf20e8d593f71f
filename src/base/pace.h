/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_PACE_H
#define GANGER_BASE_PACE_H

/*
 * How many lines somebody may have in the log: a burst at first and after a silence, and so many a
 * second for ever.  What is held back is counted, and due to be said at the end of the second in
 * which it was.
 */

#include <stdbool.h>
#include <stdint.h>

struct pace_law {
    unsigned burst;      /* the most at once; not less than … */
    unsigned per_second; /* … what is added in each second */
};

/* A zeroed one is ready for use. */
struct pace {
    uint64_t second; /* when the second began that is going on (monotonic, usec) */
    uint64_t due;    /* when `held` is to be said; nothing while that is 0 */
    uint64_t held;   /* lines since it was said last */
    unsigned credit;
    bool begun;
};

/* Whether one more may pass; one that may not is counted. */
bool pace_pass(struct pace *p, const struct pace_law *law, uint64_t now);
/* Count `lines` that nobody asked about: held back. */
void pace_hold(struct pace *p, uint64_t lines, uint64_t now);
/* When what was held back is to be said, or CLOCK_NEVER. */
uint64_t pace_due(const struct pace *p);
/* How many were held back; none is from here on. */
uint64_t pace_take(struct pace *p);

#endif
