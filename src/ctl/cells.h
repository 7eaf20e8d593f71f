/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_CELLS_H
#define GANGER_CTL_CELLS_H

/*
 * Text on a terminal, in cells: wide characters take two, and whatever has no width of its own (what
 * joins another character, or is no printable text) becomes '?', so that a foreign text stands in the
 * cells it was given and in no others.
 */

#include <stdbool.h>
#include <stddef.h>

/* The character types of the user's locale, or when those are not UTF-8, of C.UTF-8 for reckoning
 * alone.  Returns whether the terminal shows UTF-8. */
bool cells_locale(void);

enum { CELLS_BYTES_MAX = 1024 };
/*
 * Copy at most `width` cells of `text`, cut between characters, with "…" (or "~", `ascii`) in the last
 * cell when there was more.  `ascii` makes every other character '?'.  Writes at most CELLS_BYTES_MAX
 * bytes with the NUL; returns the cells used.
 */
unsigned cells_cut(char out[CELLS_BYTES_MAX], const char *text, unsigned width, bool ascii);
/* The cells of the whole text, as cells_cut() would show it. */
unsigned cells_width(const char *text);

#endif
