/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bucket i below 2^BITS holds the value i alone.  Above that each power of two is cut into 2^BITS
 * buckets of equal width: with `shift` the number of low bits that are not looked at, bucket
 * (shift + 1) * 2^BITS + (value >> shift) - 2^BITS.
 */

#include "ctl/histogram.h"

#define STEPS (UINT64_C(1) << HISTOGRAM_BITS)

static unsigned shift_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return bits > HISTOGRAM_BITS + 1 ? bits - HISTOGRAM_BITS - 1 : 0;
}

static unsigned bucket_of(uint64_t value)
{
    unsigned shift = shift_of(value);
    uint64_t bucket = value < STEPS ? value : (shift + 1) * STEPS + (value >> shift) - STEPS;
    return bucket < HISTOGRAM_BUCKETS ? (unsigned)bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
    if (bucket < 2 * STEPS)
        return bucket;
    unsigned shift = (unsigned)(bucket / STEPS) - 1;
    uint64_t low = (STEPS + bucket % STEPS) << shift;
    return low + ((UINT64_C(1) << shift) - 1) / 2;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->minimum = h->count == 0 || value < h->minimum ? value : h->minimum;
    h->maximum = value > h->maximum ? value : h->maximum;
    h->count++;
    h->sum += value;
    h->buckets[bucket_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *h, double share)
{
    double exact = share * (double)h->count;
    uint64_t rank = exact <= 1 ? 1 : (uint64_t)exact;
    uint64_t seen = 0;
    if ((double)rank < exact)
        rank++;
    if (h->count == 0)
        return 0;
    if (rank >= h->count)
        return h->maximum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank) {
            uint64_t value = value_of(i);
            return value < h->minimum ? h->minimum : value > h->maximum ? h->maximum : value;
        }
    }
    return h->maximum;
}

double histogram_mean(const struct histogram *h)
{
    return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
}
