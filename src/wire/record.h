/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_RECORD_H
#define GANGER_WIRE_RECORD_H

/* FastCGI 1.0 record framing (specification sections 3.3, 5.1, 5.5, 8).  Bytes in, values out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"

enum {
    FCGI_VERSION_1 = 1,
    FCGI_HEADER_LEN = 8,
    FCGI_MAX_LENGTH = 0xffff,
    FCGI_NULL_REQUEST_ID = 0
};

enum fcgi_type {
    FCGI_BEGIN_REQUEST = 1,
    FCGI_ABORT_REQUEST = 2,
    FCGI_END_REQUEST = 3,
    FCGI_PARAMS = 4,
    FCGI_STDIN = 5,
    FCGI_STDOUT = 6,
    FCGI_STDERR = 7,
    FCGI_DATA = 8,
    FCGI_GET_VALUES = 9,
    FCGI_GET_VALUES_RESULT = 10,
    FCGI_UNKNOWN_TYPE = 11,
};

enum { FCGI_KEEP_CONN = 1 };
enum fcgi_role { FCGI_RESPONDER = 1, FCGI_AUTHORIZER = 2, FCGI_FILTER = 3 };
enum fcgi_protocol_status {
    FCGI_REQUEST_COMPLETE = 0,
    FCGI_CANT_MPX_CONN = 1,
    FCGI_OVERLOADED = 2,
    FCGI_UNKNOWN_ROLE = 3,
};

struct record_header {
    uint8_t version;
    uint8_t type;
    uint16_t id;
    uint16_t content_length;
    uint8_t padding_length;
};

void record_decode(const uint8_t raw[FCGI_HEADER_LEN], struct record_header *ret);

/*
 * Encoders append whole records to `out`; reserved and padding bytes are zero; content is padded
 * to a multiple of 8.  0, or -ENOBUFS/-ENOMEM with nothing appended.
 */
int record_begin(struct bytes *out, uint16_t id, uint16_t role, uint8_t flags);
int record_abort(struct bytes *out, uint16_t id);
int record_end(struct bytes *out, uint16_t id, uint32_t app_status, uint8_t protocol_status);
int record_unknown_type(struct bytes *out, uint8_t type);
/* One stream of `type` (PARAMS, STDIN, STDOUT, STDERR …): splits into records of at most 65528
 * content bytes.  Zero bytes append nothing: the end of a stream is record_stream_end(). */
int record_stream(struct bytes *out, uint8_t type, uint16_t id, const void *data, size_t length);
int record_stream_end(struct bytes *out, uint8_t type, uint16_t id);
/* How many bytes record_stream() would append for `length`. */
size_t record_stream_size(size_t length);
/* A management record (id 0) with this content. */
int record_management(struct bytes *out, uint8_t type, const void *content, size_t length);

#endif
