/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TIMING_H
#define GANGER_CTL_TIMING_H

/* How long requests took: the lines of --timing and of -n. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "ctl/exchange.h"

struct timing {
    uint64_t *totals; /* microseconds, one for each request made */
    size_t count;
    size_t capacity;
    unsigned reconnects;
    unsigned bad; /* of the requests: no answer, or a status of 400 and above */
    /* of the last request */
    uint64_t connect; /* microseconds; 0: the connection was there already */
    uint64_t first;   /* to the first byte; 0: none came */
    uint64_t total;
    uint64_t sent, received;
    uint32_t app_status;
    unsigned status;
};

/* Room for `count` requests.  0 or -ENOMEM. */
int timing_init(struct timing *t, size_t count);
void timing_clear(struct timing *t);
void timing_connected(struct timing *t, uint64_t usec);
/* One request, from `begun` to `ended` (monotonic); `status` 0 when no header came;
 * `bad` when it is not what was hoped for. */
void timing_request(struct timing *t, const struct exchange *x, uint64_t begun, uint64_t ended,
                    unsigned status, bool bad);
/* One line about the last request … */
void timing_print_request(struct timing *t, FILE *to);
/* … and one about all of them. */
void timing_print_all(struct timing *t, FILE *to);

#endif
