/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_READER_H
#define GANGER_WIRE_READER_H

/*
 * The web server's side of one FastCGI connection: a byte stream in, events out.  It holds the
 * whole protocol state (which ids are active and in which state), so it is the only judge of what
 * is legal; it never sees a descriptor.
 *
 * A request's life:  (BEGIN) → PARAMS → READER_REQUEST → BODY* → BODY_END → reader_end().
 * reader_end() may come any time after READER_REQUEST; when the body has not ended by then the
 * reader swallows the rest of it (state DRAIN), and says READER_DRAINED when the empty STDIN record
 * has come.  Only then may the id be used again.  Nothing is ever reported as a request before its
 * empty PARAMS record.
 *
 * Illegal streams yield a negative result; the reader is then dead and the connection must be
 * closed (its running requests killed).  See shared reasoning in tests/unit/wire-reader.c, one row
 * per case.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "wire/params.h"
#include "wire/record.h"

struct reader;

struct reader_limits {
    struct params_limits params;
    size_t params_pending;   /* memory for parameters of all ids in PARAMS together, when there are
                              two or more of them (default 4 MiB) */
    unsigned requests;       /* concurrently active ids on one connection; more get END(1) */
    unsigned idle_records;   /* records in a row that make no progress (default 64) */
    size_t values_content;   /* FCGI_GET_VALUES content bytes (default 4096) */
    unsigned params_records; /* PARAMS records of one request (default 4096) */
};
extern const struct reader_limits reader_default_limits;

enum reader_event_type {
    READER_MORE = 0, /* all bytes consumed: feed more */
    READER_BEGAN,    /* BEGIN_REQUEST accepted: id, role, flags (start the params deadline) */
    READER_REQUEST,  /* params complete: id, role, flags, params (now the caller's to free) */
    READER_TOO_LARGE, /* params complete but past a limit: id, role, flags; answer 431, then reader_end() */
    READER_BODY,     /* id, data, length: points into the fed bytes */
    READER_BODY_END, /* id: empty STDIN record */
    READER_DRAINED,  /* id: body of an ended request is over */
    READER_ABORT,    /* id: FCGI_ABORT_REQUEST for a request that was reported (READER_REQUEST);
                            one still in PARAMS is dropped and reported as READER_REFUSED/COMPLETE */
    READER_REFUSED,  /* answer END_REQUEST(id, app_status, protocol_status); the reader has
                            already forgotten the id (unknown role, too many, abort in PARAMS) */
    READER_VALUES,   /* FCGI_GET_VALUES: params holds the names asked (caller frees) */
    READER_UNKNOWN,  /* answer FCGI_UNKNOWN_TYPE: unknown_type */
};

struct reader_event {
    enum reader_event_type type;
    uint16_t id;
    uint16_t role;
    uint8_t flags;
    uint8_t unknown_type;
    uint8_t protocol_status;
    uint32_t app_status;
    struct params *params;
    const uint8_t *data;
    size_t length;
};

/* NULL when no memory.  `limits` is copied; NULL means the defaults. */
struct reader *reader_new(const struct reader_limits *limits);
struct reader *reader_free(struct reader *r);

/*
 * Take bytes from *data (advancing it and shrinking *length) up to the next event.
 * Returns 0 with ev filled (ev->type READER_MORE when the bytes ran out), or negative: protocol
 * error or no memory, described in err with the offset and the offending header in hex.
 */
int reader_next(struct reader *r, const uint8_t **data, size_t *length, struct reader_event *ev,
                struct error *err);

/* The caller has answered this request (END_REQUEST queued).  Unknown ids are ignored. */
void reader_end(struct reader *r, uint16_t id);
/* True when no id is active and none is draining, and no record is half read: the connection is
 * idle and may be closed or kept. */
bool reader_is_idle(const struct reader *r);
/* True when the id's body is over (or the id is unknown). */
bool reader_body_over(const struct reader *r, uint16_t id);
/* Active ids (in PARAMS, running or draining). */
unsigned reader_active(const struct reader *r);
/* True when any byte was ever fed. */
bool reader_began(const struct reader *r);

#endif
