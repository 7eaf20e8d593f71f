/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_PARAMS_H
#define GANGER_WIRE_PARAMS_H

/*
 * FastCGI name-value pairs (section 3.4).  The decoder is incremental: the stream may be cut at
 * any byte, inside lengths, names and values.  Announced lengths are checked against the limits
 * before a byte is allocated for them.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"

struct params_limits {
    size_t total;   /* bytes of all names and values together */
    size_t name;    /* bytes of one name */
    size_t value;   /* bytes of one value */
    unsigned count; /* pairs */
};

struct params; /* pairs in order of arrival; names and values may hold any byte, NUL too */

/* NULL when no memory.  params_free(NULL) is allowed and returns NULL. */
struct params *params_new(const struct params_limits *limits);
struct params *params_free(struct params *p);

enum params_outcome {
    PARAMS_OK = 0,
    PARAMS_TOO_LARGE = 1, /* a limit was passed; the rest of the stream is to be discarded */
};
/* Feed stream bytes.  PARAMS_OK, PARAMS_TOO_LARGE (and ever after; then no pair is held any more),
 * -ENOMEM. */
int params_feed(struct params *p, const void *data, size_t length);
/* End of the stream.  0, or -EPROTO when a pair is cut short (also one past the limits: what is
 * skipped is still counted). */
int params_finish(struct params *p);
/* Treat the stream as past its limits from here on, for a caller with a budget over several. */
void params_overflow(struct params *p);
/* Bytes of memory held by pairs, for such a budget. */
size_t params_held(const struct params *p);

size_t params_count(const struct params *p);
/* The i-th pair; both are NUL-terminated behind their length for convenience. */
void params_get(const struct params *p, size_t i, const char **name, size_t *name_length,
                const char **value, size_t *value_length);
/* The LAST value of `name` (last wins, as PHP), or NULL.  *length may be NULL. */
const char *params_find(const struct params *p, const char *name, size_t *length);
/* Shorten the last value of `name` to `length` bytes; nothing when it is absent or not longer. */
void params_cut(struct params *p, const char *name, size_t length);

/* Append one encoded pair (1-byte lengths up to 127, else 4).  0, -EINVAL above 2^31-1,
 * -ENOBUFS, -ENOMEM. */
int params_encode(struct bytes *out, const void *name, size_t name_length, const void *value,
                  size_t value_length);

#endif
