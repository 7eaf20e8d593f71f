/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_RESPONSE_H
#define GANGER_WIRE_RESPONSE_H

/*
 * A CGI program's output → a checked, re-serialised CGI response (RFC 3875 section 6).
 *
 * Incremental: bytes of the program's stdout in, bytes for FCGI_STDOUT out.  The header block is
 * read to its end, checked, and written anew with CRLF; framing and hop-by-hop fields (Transfer-Encoding,
 * Connection, Keep-Alive, Proxy-Connection, Upgrade, TE, Trailer) are removed; ambiguity is
 * malformed.  Body bytes pass untouched, limited by Content-Length when there is one, and dropped
 * for HEAD, 204 and 304.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"

struct response;

struct response_rules {
    bool head;       /* the method is HEAD: the body is dropped */
    bool authorizer; /* FCGI_AUTHORIZER: as a document, Variable-* fields pass, no body needed */
    size_t header_limit;  /* bytes of the header block (default 64 KiB) */
    size_t line_limit;    /* bytes of one line (default 16 KiB) */
    unsigned lines_limit; /* lines (default 200) */
    /* Told of each field of the header that passes, but Status; NULL: nobody. */
    void (*field)(void *cookie, const char *name, size_t name_length, const char *value,
                  size_t value_length);
    void *cookie;
};
extern const struct response_rules response_default_rules;

struct response *response_new(const struct response_rules *rules); /* NULL: no memory */
struct response *response_free(struct response *r);

enum response_outcome {
    RESPONSE_OK = 0,
    RESPONSE_MALFORMED = 1, /* before any byte was put out: answer 502; err says what and where, the
                               foreign bytes in it escaped.  Ever after, too. */
};
/* Program bytes.  What is to be sent is appended to `out` (which must have room for
 * header_limit + length).  RESPONSE_OK, RESPONSE_MALFORMED, -ENOMEM/-ENOBUFS. */
int response_feed(struct response *r, const void *data, size_t length, struct bytes *out,
                  struct error *err);

enum response_end {
    RESPONSE_COMPLETE = 0,
    RESPONSE_EMPTY = 1,     /* not one byte: 502 */
    RESPONSE_NO_HEADER = 2, /* ended inside the header block: 502 */
    RESPONSE_TRUNCATED = 3, /* fewer body bytes than Content-Length: must not look complete */
};
/* The program's stdout has ended. */
int response_finish(struct response *r);

bool response_header_sent(const struct response *r); /* the header block was put out */
/* Content-Length reached, or a response without a body (HEAD, 204, 304): the rest is dropped. */
bool response_body_full(const struct response *r);
unsigned response_status(const struct response *r);  /* 200 when the program named none; 0 before */
uint64_t response_dropped(const struct response *r); /* body bytes dropped */

/* A complete small answer of our own: "Status: 502 Bad Gateway", text/plain, the status and reason
 * as body (not for HEAD), and `extra` header lines (each ended by CRLF; may be NULL).  0, or
 * -ENOBUFS, -ENOMEM with nothing appended. */
int response_error(struct bytes *out, unsigned status, const char *extra, bool head);
/* "Bad Gateway" …; "Unknown" for a number without a standard name. */
const char *response_reason(unsigned status);

#endif
