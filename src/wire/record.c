/* SPDX-License-Identifier: Apache-2.0 */

/*
 * FastCGI record framing.
 *
 * Invariant: whatever is appended is a whole number of records, each with zero reserved and padding
 * bytes and a content length that is the number of content bytes really written.  Lengths are
 * split, never cut down to 16 bits.
 */

#include "wire/record.h"

#include <errno.h>
#include <string.h>

enum { ALIGNMENT = 8, CONTENT_MAX = 65528 }; /* the largest multiple of 8 in 16 bits */

static uint8_t padding_of(size_t content)
{
    return (uint8_t)((ALIGNMENT - content % ALIGNMENT) % ALIGNMENT);
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Write one record (content at most 65535 bytes) and return the byte behind it. */
static uint8_t *put_record(uint8_t *at, uint8_t type, uint16_t id, const void *content,
                           size_t length)
{
    uint8_t padding = padding_of(length);

    at[0] = FCGI_VERSION_1;
    at[1] = type;
    put16(at + 2, id);
    put16(at + 4, (unsigned)length);
    at[6] = padding;
    at[7] = 0;
    at += FCGI_HEADER_LEN;
    if (length > 0)
        memcpy(at, content, length);
    at += length;
    memset(at, 0, padding);
    return at + padding;
}

static uint8_t *reserve(struct bytes *out, size_t length, int *r)
{
    if (length > bytes_room(out)) {
        *r = -ENOBUFS;
        return NULL;
    }
    uint8_t *at = bytes_reserve(out, length);

    *r = at == NULL ? -ENOMEM : 0;
    return at;
}

static int one_record(struct bytes *out, uint8_t type, uint16_t id, const void *content,
                      size_t length)
{
    int r;

    if (length > FCGI_MAX_LENGTH)
        return -ENOBUFS;
    size_t total = FCGI_HEADER_LEN + length + padding_of(length);
    uint8_t *at = reserve(out, total, &r);

    if (at == NULL)
        return r;
    put_record(at, type, id, content, length);
    bytes_commit(out, total);
    return 0;
}

void record_decode(const uint8_t raw[FCGI_HEADER_LEN], struct record_header *ret)
{
    *ret = (struct record_header){
        .version = raw[0],
        .type = raw[1],
        .id = (uint16_t)(raw[2] << 8 | raw[3]),
        .content_length = (uint16_t)(raw[4] << 8 | raw[5]),
        .padding_length = raw[6],
    };
}

int record_begin(struct bytes *out, uint16_t id, uint16_t role, uint8_t flags)
{
    uint8_t body[8] = {0};

    put16(body, role);
    body[2] = flags;
    return one_record(out, FCGI_BEGIN_REQUEST, id, body, sizeof body);
}

int record_abort(struct bytes *out, uint16_t id)
{
    return one_record(out, FCGI_ABORT_REQUEST, id, NULL, 0);
}

int record_end(struct bytes *out, uint16_t id, uint32_t app_status, uint8_t protocol_status)
{
    uint8_t body[8] = {0};

    put16(body, app_status >> 16);
    put16(body + 2, app_status & 0xffff);
    body[4] = protocol_status;
    return one_record(out, FCGI_END_REQUEST, id, body, sizeof body);
}

int record_unknown_type(struct bytes *out, uint8_t type)
{
    uint8_t body[8] = {type};

    return one_record(out, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, body, sizeof body);
}

size_t record_stream_size(size_t length)
{
    const size_t record = FCGI_HEADER_LEN + CONTENT_MAX; /* a full one; it needs no padding */
    size_t full = length / CONTENT_MAX;
    size_t rest = length % CONTENT_MAX;
    size_t total;

    if (__builtin_mul_overflow(full, record, &total))
        return SIZE_MAX;
    if (rest > 0 &&
        __builtin_add_overflow(total, FCGI_HEADER_LEN + rest + padding_of(rest), &total))
        return SIZE_MAX;
    return total;
}

int record_stream(struct bytes *out, uint8_t type, uint16_t id, const void *data, size_t length)
{
    const uint8_t *from = data;
    size_t total = record_stream_size(length);
    int r;

    if (length == 0)
        return 0;
    uint8_t *at = reserve(out, total, &r);

    if (at == NULL)
        return r;
    while (length > 0) {
        size_t part = length < CONTENT_MAX ? length : CONTENT_MAX;

        at = put_record(at, type, id, from, part);
        from += part;
        length -= part;
    }
    bytes_commit(out, total);
    return 0;
}

int record_stream_end(struct bytes *out, uint8_t type, uint16_t id)
{
    return one_record(out, type, id, NULL, 0);
}

int record_management(struct bytes *out, uint8_t type, const void *content, size_t length)
{
    return one_record(out, type, FCGI_NULL_REQUEST_ID, content, length);
}
