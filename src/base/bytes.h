/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_BYTES_H
#define GANGER_BASE_BYTES_H

/*
 * A growable run of bytes with a hard maximum.  Bytes are appended at the end and consumed from
 * the front.  Nothing in ganger stores foreign bytes in anything else, so every buffer has a limit.
 *
 * Invariant: start <= end <= capacity <= maximum; data is NULL exactly when capacity is 0.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

struct bytes {
    uint8_t *data;
    size_t start;    /* first byte not yet consumed */
    size_t end;      /* one past the last byte held */
    size_t capacity; /* allocated */
    size_t maximum;  /* bytes that may be held at once; never exceeded */
};

/* An empty run that may hold at most `maximum` bytes.  Allocates nothing. */
void bytes_init(struct bytes *b, size_t maximum);
/* Free the memory; the run is empty afterwards and may be used again.  NULL is allowed. */
void bytes_clear(struct bytes *b);

static inline size_t bytes_held(const struct bytes *b)
{
    return b->end - b->start;
}
static inline size_t bytes_room(const struct bytes *b)
{
    return b->maximum - bytes_held(b);
}
static inline const uint8_t *bytes_front(const struct bytes *b)
{
    return b->data == NULL ? (const uint8_t *)"" : b->data + b->start;
}

/* Append `length` bytes.  0; -ENOBUFS (nothing appended) past the maximum; -ENOMEM. */
int bytes_append(struct bytes *b, const void *data, size_t length);
/* As printf; the terminating NUL is not stored.  0, -ENOBUFS, -ENOMEM. */
int bytes_printf(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int bytes_vprintf(struct bytes *b, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/*
 * Make room for `length` more contiguous bytes and return where they go, or NULL (past the
 * maximum, or no memory).  bytes_commit() then adds what was really written there.
 */
uint8_t *bytes_reserve(struct bytes *b, size_t length);
void bytes_commit(struct bytes *b, size_t length);
/* Drop `length` bytes (at most what is held) from the front. */
void bytes_consume(struct bytes *b, size_t length);
/* The bytes as a C string: appends a NUL that does not count.  NULL when no memory. The pointer
 * lives until the next change. */
const char *bytes_string(struct bytes *b);

#endif
