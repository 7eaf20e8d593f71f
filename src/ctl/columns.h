/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_COLUMNS_H
#define GANGER_CTL_COLUMNS_H

/* Which columns of a table stand on a line of so many cells, and how wide each one is. */

#include <stdbool.h>
#include <stddef.h>

enum { COLUMNS_MAX = 24 };

struct columns_wish {
    unsigned least; /* cells below which it is no use */
    unsigned most;  /* cells beyond which it needs no more */
    unsigned rank;  /* the highest goes first when there is no room; 0: never */
};

/*
 * Fill widths[i] for each of `count` (at most COLUMNS_MAX) wishes; 0: the column is not shown.  With
 * `gap` cells between neighbours the sum is at most `room`, except that the columns of rank 0 keep
 * one cell each.  A column that has left stays out though a narrower one of a higher rank would fit.  What
 * is left over goes to the columns that want more, the lowest rank first.
 */
void columns_fit(const struct columns_wish *wishes, size_t count, unsigned room, unsigned gap,
                 unsigned *widths);

#endif
