/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_TEXT_H
#define GANGER_BASE_TEXT_H

/*
 * Foreign bytes made fit for a log, a status line or a terminal: C0 and C1 controls, DEL,
 * backslash and invalid UTF-8 become \xNN (tab too); valid printable UTF-8 passes.  The result is
 * one line that no terminal interprets and from which the original can be told.
 */

#include <stddef.h>
#include <stdbool.h>
#include "base/bytes.h"

/* How many bytes at the front of `data` are one printable UTF-8 character that no terminal acts
 * on and no line ends at (space and backslash count as printable); 0 when there is none: a control,
 * an invalid, overlong or truncated sequence, a surrogate, a bidirectional or line-breaking format
 * character (Unicode 15 chapter 23.2, RFC 3629 section 3). */
size_t text_printable(const void *data, size_t length);
/* Append the escaped form; stops (and appends "...") when it would pass `limit` output bytes or
 * the maximum of `out`; the dots count too.  0, or -ENOMEM. */
int text_escape(struct bytes *out, const void *data, size_t length, size_t limit);
/* As above into a fixed array, always terminated; returns `out`. */
char *text_escape_fixed(char *out, size_t size, const void *data, size_t length);
/* strdup/asprintf that tell: NULL means no memory. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* Edit distance (insert, delete, change, swap of neighbours), for "did you mean".  Any
 * distance above `limit` is limit + 1. */
unsigned text_distance(const char *a, const char *b, unsigned limit);

#endif
