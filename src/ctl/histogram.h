/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_HISTOGRAM_H
#define GANGER_CTL_HISTOGRAM_H

/*
 * Counts of whole numbers in buckets whose width grows with the value: every quantile is known to
 * within 1/128 of itself (0.8 %), whatever the range, in a fixed amount of memory.  Minimum, maximum and mean
 * are exact.
 */

#include <stdint.h>

enum {
    HISTOGRAM_BITS = 6,    /* buckets for each power of two: 2^BITS */
    HISTOGRAM_POWERS = 44, /* what is larger is counted in the last bucket */
    HISTOGRAM_BUCKETS = (HISTOGRAM_POWERS - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS
};

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t minimum; /* of an empty one, as everything: 0 */
    uint64_t maximum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* All zero is an empty one. */
void histogram_add(struct histogram *h, uint64_t value);
/* The smallest value that at least `share` (0 to 1) of all values do not exceed; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double share);
double histogram_mean(const struct histogram *h);

#endif
