/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TALLY_H
#define GANGER_CTL_TALLY_H

/* What `gangerctl bench` has measured, and how it is told.  Pure. */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "ctl/histogram.h"

/* How a request fails.  Each that fails does so in one way: the first of these that is true. */
enum tally_fault {
    TALLY_CONNECT,    /* no connection: refused, no such socket, not allowed … */
    TALLY_BACKLOG,    /* the backlog was full again and again */
    TALLY_TIMEOUT,    /* not answered in time */
    TALLY_CLOSED,     /* the connection ended before the answer did */
    TALLY_PROTOCOL,   /* what came is no FastCGI */
    TALLY_REFUSED,    /* END_REQUEST with a protocol status: overloaded, role unknown … */
    TALLY_HEADER,     /* no CGI header, or a bad one */
    TALLY_STATUS_5,   /* Status 500 and above */
    TALLY_STATUS_4,   /* Status 400 to 499 */
    TALLY_APP_STATUS, /* the application status is not 0 */
    TALLY_FAULTS
};
enum { TALLY_CLASSES = 10 }; /* of Status, by its first digit */

struct tally {
    /* what was asked */
    const char *socket;
    const char *path;
    unsigned connections;
    bool keep;
    /* what came of it */
    uint64_t answered;   /* requests whose END_REQUEST came */
    uint64_t unanswered; /* that failed before */
    uint64_t faults[TALLY_FAULTS];
    uint64_t classes[TALLY_CLASSES];
    uint64_t cut_off; /* in hand when the time was over; neither answered nor failed … */
    uint64_t oldest;  /* … the one that had waited longest, nanoseconds */
    uint64_t backlog_retries;
    uint64_t reconnects; /* kept connections that the application had closed */
    uint64_t connects;
    uint64_t sent, received; /* bytes on the connections */
    uint64_t elapsed;        /* nanoseconds */
    bool interrupted;
    struct histogram
        latency; /* nanoseconds, of answered requests, with connecting and its retries */
    struct histogram connect; /* nanoseconds, of connections made */
};

uint64_t tally_failed(const struct tally *t);
/* Those that came to an end, well or not. */
uint64_t tally_requests(const struct tally *t);
/* Answers a second. */
double tally_rate(const struct tally *t);

/* Append lines for people, or one JSON object and a newline.  0, -ENOBUFS, -ENOMEM. */
int tally_print_text(const struct tally *t, struct bytes *out);
int tally_print_json(const struct tally *t, struct bytes *out);

#endif
