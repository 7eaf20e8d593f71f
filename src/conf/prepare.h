/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_PREPARE_H
#define GANGER_CONF_PREPARE_H

/* A file's text, made safe to hand to libconfuse. */

#include <stdbool.h>
#include <stddef.h>
#include "conf/complaint.h"

/*
 * Change `text` (of `length` bytes, a NUL behind them) in place, never its number of lines:
 * comments become blanks; bytes that no configuration holds (NUL, control characters, what is not
 * UTF-8) and quotes that do not close on their line are complained of and taken out.  `where` gives the file; its
 * line is filled in.  Afterwards the text holds no NUL before `length`, and quotes and braces of
 * ${…} close on the line they began.  False when the file holds NUL bytes, and so is no text
 * at all: it is not worth reading on.
 */
bool prepare_text(char *text, size_t length, const struct place *where, struct complaint_box *box);
/* Bytes of the UTF-8 character at `p` (of `left` bytes, at least one); 0 when it is none, or a C1
 * control. */
size_t prepare_character(const unsigned char *p, size_t left);
/*
 * Take the line out of `text` that begins at `start` and ends before `end`.  When it opened a pool
 * (or, `outside` every pool, anything in braces), something that still opens one is left, so that
 * what follows stays inside.
 */
void prepare_blank_line(char *text, size_t start, size_t end, bool outside);

#endif
