/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable run of bytes.  One byte more than `capacity` is always allocated, so bytes_string()
 * can put its NUL behind the last byte even when the run is at its maximum.
 *
 * Room at the end is made by moving the held bytes to the front when at least half of the memory
 * is already consumed (so that each byte is moved a constant number of times on average), and by
 * doubling otherwise.
 */
#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_FIRST 256u

void bytes_init(struct bytes *b, size_t maximum)
{
    *b = (struct bytes){.data = NULL, .start = 0, .end = 0, .capacity = 0, .maximum = maximum};
}

void bytes_clear(struct bytes *b)
{
    if (b == NULL) {
        return;
    }
    free(b->data);
    bytes_init(b, b->maximum);
}

static void bytes_compact(struct bytes *b)
{
    size_t held = bytes_held(b);

    if (b->start > 0 && held > 0) {
        memmove(b->data, b->data + b->start, held);
    }
    b->start = 0;
    b->end = held;
}

/* Make capacity - end >= length, with held + length <= maximum already known. */
static int bytes_make_room(struct bytes *b, size_t length)
{
    size_t held = bytes_held(b);
    size_t capacity;
    uint8_t *data;

    if (b->capacity - b->end >= length) {
        return 0;
    }
    if (b->capacity - held >= length && (b->start >= held || b->capacity == b->maximum)) {
        bytes_compact(b);
        return 0;
    }
    capacity = b->capacity > b->maximum / 2 ? b->maximum : b->capacity * 2;
    if (capacity < BYTES_FIRST) {
        capacity = BYTES_FIRST;
    }
    if (capacity < held + length) {
        capacity = held + length;
    }
    if (capacity > b->maximum) {
        capacity = b->maximum;
    }
    if (capacity == SIZE_MAX) {
        return -ENOMEM;
    }
    data = malloc(capacity + 1);
    if (data == NULL) {
        return -ENOMEM;
    }
    if (held > 0) {
        memcpy(data, b->data + b->start, held);
    }
    free(b->data);
    b->data = data;
    b->start = 0;
    b->end = held;
    b->capacity = capacity;
    return 0;
}

uint8_t *bytes_reserve(struct bytes *b, size_t length)
{
    static uint8_t nothing[1];

    if (length > bytes_room(b) || bytes_make_room(b, length) < 0) {
        return NULL;
    }
    return b->data == NULL ? nothing : b->data + b->end;
}

void bytes_commit(struct bytes *b, size_t length)
{
    size_t free_behind = b->capacity - b->end;

    b->end += length < free_behind ? length : free_behind;
}

int bytes_append(struct bytes *b, const void *data, size_t length)
{
    uint8_t *to;

    if (length == 0) {
        return 0;
    }
    if (length > bytes_room(b)) {
        return -ENOBUFS;
    }
    to = bytes_reserve(b, length);
    if (to == NULL) {
        return -ENOMEM;
    }
    memcpy(to, data, length);
    b->end += length;
    return 0;
}

int bytes_vprintf(struct bytes *b, const char *format, va_list arguments)
{
    va_list again;
    uint8_t *to;
    size_t length;
    int n;

    va_copy(again, arguments);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) {
        return -EINVAL;
    }
    length = (size_t)n;
    if (length > bytes_room(b)) {
        return -ENOBUFS;
    }
    if (length == 0) {
        return 0;
    }
    to = bytes_reserve(b, length);
    if (to == NULL) {
        return -ENOMEM;
    }
    /* The NUL falls into the byte that is always allocated behind the capacity. */
    (void)vsnprintf((char *)to, length + 1, format, arguments);
    b->end += length;
    return 0;
}

int bytes_printf(struct bytes *b, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = bytes_vprintf(b, format, arguments);
    va_end(arguments);
    return r;
}

void bytes_consume(struct bytes *b, size_t length)
{
    size_t held = bytes_held(b);

    if (length >= held) {
        b->start = 0;
        b->end = 0;
        return;
    }
    b->start += length;
}

const char *bytes_string(struct bytes *b)
{
    if (b->data == NULL) {
        return "";
    }
    b->data[b->end] = '\0';
    return (const char *)(b->data + b->start);
}
