/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_SCAN_H
#define GANGER_REPORT_SCAN_H

/*
 * JSON (RFC 8259) read in passing: what nobody asks for is stepped over, and no tree is built.  A page
 * of a thousand pools is megabytes, of which a display wants a twentieth, each second.  The input is a
 * stranger's: nothing is read beyond its end, nesting is bounded, and the first fault ends everything:
 * from then on every function says no, and scan_end() says why.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCAN_DEPTH_MAX = 32 };

struct scan {
    const char *start, *at, *end;
    unsigned depth;
    bool first;  /* no member or element of the innermost container was read yet */
    bool failed; /* what stands at `at` cannot stand there */
};

/* Some bytes of the input, neither decoded nor terminated. */
struct scan_span {
    const char *text;
    size_t length;
};

void scan_init(struct scan *s, const void *json, size_t length);
/* 0 when the whole input was one value and has been read; else -EPROTO. */
int scan_end(struct scan *s);

/* Enter the object or array that comes next.  False when it is something else, which is then still to
 * be read. */
bool scan_object(struct scan *s);
bool scan_array(struct scan *s);
/* Go on to the next member, and stand before its value; *name is what stands between the quotes.
 * False at the end of the object, which is left. */
bool scan_member(struct scan *s, struct scan_span *name);
/* As above, in an array. */
bool scan_element(struct scan *s);

/* Step over a value of any kind. */
void scan_skip(struct scan *s);
/* Each reads the next value when it is of that kind; else steps over it and returns false. */
bool scan_string(struct scan *s, struct scan_span *ret);
/* Whole numbers from 0 to 2^64-1; what is negative, broken or larger is not one. */
bool scan_whole(struct scan *s, uint64_t *ret);
/* Any finite number. */
bool scan_number(struct scan *s, double *ret);

/*
 * Decode the escapes of a string and make it fit for a terminal: each byte that is no part of a
 * printable character (text_printable()) becomes '?'.  At most span->length bytes and a NUL are
 * written to `out`; returns the length.
 */
size_t scan_text(const struct scan_span *span, char *out);

#endif
