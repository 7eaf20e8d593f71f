/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_RATE_H
#define GANGER_REPORT_RATE_H

/*
 * Requests a second, told from what earlier looks at the same pool found.  Nobody counts anything
 * while nobody looks.  A look is compared with the oldest one of the last RATE_WINDOW; when there is
 * none, with the last one; when there was none at all, with the pool's start.  Looks that follow one
 * another more closely than RATE_STEP tell what the one before them told.
 */

#include <stddef.h>
#include <stdint.h>

#define RATE_WINDOW UINT64_C(10000000) /* microseconds */
#define RATE_STEP UINT64_C(500000)
#define RATE_LOOKS 21 /* steps in a window, and one more */

struct rate { /* all zero: nobody has looked */
    struct {
        uint64_t when, requests;
    } looks[RATE_LOOKS]; /* oldest first */
    size_t count;
    uint64_t last; /* what was told */
};

/* Requests a second, in millionths, between two counts of them; 0 when time or count went back. */
uint64_t rate_between(uint64_t requests_before, uint64_t before, uint64_t requests, uint64_t now);
/* The rate at this look: `requests` were answered until `now` (microseconds of any clock that does
 * not go back), since `started` of the same clock when this is the first one. */
uint64_t rate_look(struct rate *r, uint64_t requests, uint64_t now, uint64_t started);

#endif
