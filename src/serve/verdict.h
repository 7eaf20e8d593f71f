/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_VERDICT_H
#define GANGER_SERVE_VERDICT_H

/* A program is over: was its answer good?  And the bookkeeping of finished requests. */

#include "serve/request.h"

enum verdict {
    VERDICT_GOOD,   /* end the stream, END_REQUEST */
    VERDICT_ERROR,  /* nothing was sent: answer r->status */
    VERDICT_BROKEN, /* a part was sent: it must not look complete */
};

/* Decide, log what is not good, set r->status. */
enum verdict verdict_reach(struct request *r);
/* Count a fate that the board keeps count of. */
void verdict_count(struct request *r, enum request_fate fate);
/* The request is answered (or given up): the board's record and counters. */
void verdict_record(struct request *r);

#endif
