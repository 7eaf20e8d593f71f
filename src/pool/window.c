/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: the buckets hold the numbers current - WINDOW_BUCKETS + 1 … current. */
#include "pool/window.h"

#include <string.h>

void window_init(struct window *w, uint64_t length, uint64_t now)
{
    memset(w, 0, sizeof(*w));
    w->width = length < WINDOW_BUCKETS ? 1 : length / WINDOW_BUCKETS;
    w->current = now / w->width;
}

static void move_to(struct window *w, uint64_t now)
{
    uint64_t number = now / w->width;

    if (number <= w->current)
        return;
    if (number - w->current >= WINDOW_BUCKETS)
        memset(w->buckets, 0, sizeof(w->buckets));
    else {
        for (uint64_t i = w->current + 1; i <= number; i++)
            w->buckets[i % WINDOW_BUCKETS] = 0;
    }
    w->current = number;
}

void window_add(struct window *w, uint32_t value, uint64_t now)
{
    uint32_t *bucket;

    move_to(w, now);
    bucket = &w->buckets[w->current % WINDOW_BUCKETS];
    if (value > *bucket)
        *bucket = value;
}

uint32_t window_peak(struct window *w, uint64_t now)
{
    uint32_t peak = 0;

    move_to(w, now);
    for (unsigned i = 0; i < WINDOW_BUCKETS; i++) {
        if (w->buckets[i] > peak)
            peak = w->buckets[i];
    }
    return peak;
}

uint32_t window_latest(struct window *w, uint64_t now)
{
    move_to(w, now);
    return w->buckets[w->current % WINDOW_BUCKETS];
}

uint64_t window_next(const struct window *w, uint64_t now)
{
    uint64_t number = now / w->width;

    return ((number > w->current ? number : w->current) + 1) * w->width;
}
