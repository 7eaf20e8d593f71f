/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: `looks` are in the order of time, at least RATE_STEP apart. */

#include "report/rate.h"

#include <string.h>

#define MILLIONTHS 1e6
#define RATE_MAX ((double)(UINT64_C(1) << 53))

uint64_t rate_between(uint64_t requests_before, uint64_t before, uint64_t requests, uint64_t now)
{
    if (now <= before || requests <= requests_before)
        return 0;
    double seconds = (double)(now - before) / 1e6;
    double rate = (double)(requests - requests_before) / seconds * MILLIONTHS;
    return rate < RATE_MAX ? (uint64_t)rate : (uint64_t)RATE_MAX;
}

static void forget_first(struct rate *r)
{
    r->count--;
    memmove(&r->looks[0], &r->looks[1], r->count * sizeof r->looks[0]);
}

uint64_t rate_look(struct rate *r, uint64_t requests, uint64_t now, uint64_t started)
{
    /* Another board, or a liar's: what was is of no use. */
    if (r->count > 0 &&
        (requests < r->looks[r->count - 1].requests || now < r->looks[r->count - 1].when))
        r->count = 0;
    if (r->count > 0 && now - r->looks[r->count - 1].when < RATE_STEP)
        return r->last;
    while (r->count > 1 && (now - r->looks[0].when > RATE_WINDOW || r->count == RATE_LOOKS))
        forget_first(r);
    if (r->count == 0)
        r->last = rate_between(0, started, requests, now);
    else
        r->last = rate_between(r->looks[0].requests, r->looks[0].when, requests, now);
    r->looks[r->count].when = now;
    r->looks[r->count].requests = requests;
    r->count++;
    return r->last;
}
