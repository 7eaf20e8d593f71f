/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TRACE_H
#define GANGER_CTL_TRACE_H

/* `gangerctl request -v`: the records of one direction of a connection, one line each on stderr. */

#include <stddef.h>
#include <stdint.h>
#include "wire/record.h"

enum { TRACE_EXCERPT = 48 };

struct trace {
    const char *mark; /* ">" or "<" */
    uint8_t raw[FCGI_HEADER_LEN];
    size_t raw_held;
    struct record_header header;
    size_t content_left;
    size_t padding_left;
    uint8_t excerpt[TRACE_EXCERPT];
    size_t excerpt_held;
};

void trace_init(struct trace *t, const char *mark);
/* The next bytes of the stream, cut anywhere.  Prints every record that they complete. */
void trace_feed(struct trace *t, const void *data, size_t length);

#endif
