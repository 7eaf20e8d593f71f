/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_EXCHANGE_H
#define GANGER_CTL_EXCHANGE_H

/*
 * One connection to a FastCGI application, and one request at a time on it, both ways at once:
 * what the application says is read while the body is still being sent, so an application that
 * answers before it has read the body never waits for us, nor we for it.  Memory is bounded.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"
#include "ctl/source.h"
#include "ctl/trace.h"
#include "wire/client.h"

struct exchange_link {
    int fd;           /* non-blocking; owned */
    struct bytes out; /* records not yet written */
    struct client *decoder;
    bool tracing;
    struct trace sent, received;
    unsigned requests; /* answered on this connection so far */
};

/* Take over a connected descriptor (closed also on failure).  0 or -ENOMEM. */
int exchange_link_init(struct exchange_link *l, int fd, bool tracing, struct error *err);
/* Close.  A link that was never opened must have fd -1 and be zero otherwise. */
void exchange_link_clear(struct exchange_link *l);

struct exchange {
    /* what to do */
    const struct client_param *params;
    size_t param_count;
    uint16_t role;
    bool keep;           /* FCGI_KEEP_CONN */
    struct source *body; /* NULL: none.  Stays the caller's */
    struct source
        *data;         /* FCGI_DATA, after the body; of a filter only (section 6.4).  NULL: none */
    uint64_t timeout;  /* microseconds in which no byte moves; not counted while the body's
                            source has nothing to give: then the application owes us nothing */
    uint64_t max_time; /* microseconds for all of it; 0: none */
    /* A piece of FCGI_STDOUT or FCGI_STDERR.  Anything but 0 ends the exchange. */
    int (*on_stdout)(void *userdata, const void *data, size_t length);
    int (*on_stderr)(void *userdata, const void *data, size_t length);
    void *userdata;
    /* what came of it */
    uint64_t first_byte;     /* monotonic time of the first FCGI_STDOUT byte; 0: none came */
    uint64_t sent, received; /* bytes on the connection */
    uint64_t output;         /* bytes of FCGI_STDOUT */
    uint32_t app_status;
    uint8_t protocol_status;
};

enum exchange_outcome {
    EXCHANGE_DONE = 0,
    EXCHANGE_CLOSED = 1, /* the connection ended before the request did */
    EXCHANGE_STALE = 2,  /* as CLOSED, on a connection used before and before one byte of an
                             answer: the application did not keep it; worth one new connection */
    EXCHANGE_TIMEOUT = 3,
    EXCHANGE_STOPPED = 4,  /* a callback said so */
    EXCHANGE_SOURCE = 5,   /* the body cannot be read */
    EXCHANGE_PROTOCOL = 6, /* the application sent what no application may send */
};
/* Make the request.  An outcome (err says what happened, for 1, 2, 3, 5 and 6) or -ENOMEM,
 * -ENOBUFS (the parameters are too large).  The link may be used again only after EXCHANGE_DONE
 * with `keep`. */
int exchange_run(struct exchange *x, struct exchange_link *l, struct error *err);

#endif
