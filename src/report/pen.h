/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_PEN_H
#define GANGER_REPORT_PEN_H

/*
 * Appends to a struct bytes in small pieces, fast: room is asked for in large steps, and an error is
 * remembered until pen_done() tells it.  A page of a thousand pools is some hundred thousand pieces.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/bytes.h"

struct pen {
    struct bytes *out;
    uint8_t *from, *at, *end; /* reserved: from … end; written: from … at */
    int rc;
};

/* Nothing else may touch *out before pen_done(). */
static inline void pen_init(struct pen *p, struct bytes *out)
{
    *p = (struct pen){.out = out};
}
/* Bytes in `out`, those that were written with it included. */
static inline size_t pen_held(const struct pen *p)
{
    return bytes_held(p->out) + (size_t)(p->at - p->from);
}
/* 0, -ENOBUFS, -ENOMEM; what was written is in `out`. */
int pen_done(struct pen *p);
/* Room for `length` bytes at p->at, behind what is there; false: none, and p->rc says why. */
bool pen_more(struct pen *p, size_t length);

static inline void pen_bytes(struct pen *p, const void *data, size_t length)
{
    if (length == 0 || ((size_t)(p->end - p->at) < length && !pen_more(p, length)))
        return; /* of nothing, p->at may be NULL */
    memcpy(p->at, data, length);
    p->at += length;
}
static inline void pen_text(struct pen *p, const char *text)
{
    pen_bytes(p, text, strlen(text));
}
void pen_number(struct pen *p, uint64_t number);
/* `millionths` with `least` digits behind the point (0 … 6), and as many more as it has. */
void pen_decimal(struct pen *p, uint64_t millionths, unsigned least);
/* In double quotes, with a backslash before '"' and '\': for text without controls (rows have no
 * other), a string of JSON (RFC 8259 section 7) and a label's value of OpenMetrics. */
void pen_quoted(struct pen *p, const char *text);

#endif
