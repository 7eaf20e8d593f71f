/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: left <= RECYCLE_BURST workers. */
#include "pool/recycle.h"

#define ONE UINT64_C(1000000)
#define FULL (RECYCLE_BURST * ONE)

/* A worker's place between the least and the most: neighbours far apart, the same every time. */
static uint32_t scatter(uint32_t serial, uint32_t range)
{
    uint32_t x = serial * UINT32_C(2654435769); /* 2^32 divided by the golden ratio */

    return (uint32_t)(((uint64_t)x * range) >> 32);
}

uint32_t recycle_limit(uint32_t max_requests, uint32_t serial)
{
    uint32_t tenth = max_requests / 10;

    return max_requests - tenth + scatter(serial, 2 * tenth + 1);
}

uint64_t recycle_bound(uint32_t limit)
{
    if (limit == 0)
        return 0;
    return (uint64_t)limit + (limit > RECYCLE_GRACE ? limit : RECYCLE_GRACE);
}

bool recycle_may_hold(struct recycle_hold *h, bool able, bool coming, uint64_t now)
{
    if (coming || !able)
        h->dry_since = 0;
    else if (h->dry_since == 0)
        h->dry_since = now > 0 ? now : 1;
    return able && (h->dry_since == 0 || now < recycle_hold_next(h));
}

uint64_t recycle_hold_next(const struct recycle_hold *h)
{
    return h->dry_since == 0 ? UINT64_MAX : h->dry_since + RECYCLE_DRY;
}

void recycle_budget_init(struct recycle_budget *b, uint64_t now)
{
    *b = (struct recycle_budget){.filled = now, .left = FULL};
}

uint32_t recycle_budget_left(struct recycle_budget *b, uint64_t now)
{
    uint64_t passed = now > b->filled ? now - b->filled : 0;

    if (passed >= FULL / RECYCLE_RATE)
        b->left = FULL;
    else
        b->left = b->left + passed * RECYCLE_RATE > FULL ? FULL : b->left + passed * RECYCLE_RATE;
    if (now > b->filled)
        b->filled = now;
    return (uint32_t)(b->left / ONE);
}

void recycle_budget_spend(struct recycle_budget *b)
{
    b->left = b->left > ONE ? b->left - ONE : 0;
}

uint64_t recycle_budget_next(const struct recycle_budget *b, uint64_t now)
{
    if (b->left >= ONE)
        return now;
    return b->filled + (ONE - b->left + RECYCLE_RATE - 1) / RECYCLE_RATE;
}
