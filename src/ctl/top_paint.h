/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_PAINT_H
#define GANGER_CTL_TOP_PAINT_H

/* Attributes of the screen, with colours and without, and the one way in which text gets onto it:
 * within the cells it was given. */

#include <ncurses.h>
#include <stdbool.h>
#include "ctl/top_columns.h"

/* What is not a cell of a table. */
enum top_part {
    TOP_PART_HEADING = TOP_HIGH + 1,
    TOP_PART_SORTED,
    TOP_PART_CURSOR,
    TOP_PART_KEY,
    TOP_PART_KEY_TEXT,
    TOP_PART_ALARM,
    TOP_PART_BAR_BUSY,
    TOP_PART_BAR_OTHER,
    TOP_PARTS,
};

/* After the screen was opened: colours, when it has any and NO_COLOR is not set; only ASCII unless `utf8`. */
void top_paint_open(bool utf8);
/* The attributes of an enum top_paint or top_part. */
attr_t top_paint_of(int part);
/* Whether the terminal shows only ASCII. */
bool top_paint_ascii(void);

/* Write at most `room` cells of `text` at (y, x); the cells used.  Nothing is written where the screen
 * has none, nor into its last cell's outside. */
unsigned top_paint_text(int y, int x, unsigned room, attr_t attributes, const char *text);
/* As above, flush right in exactly `width` cells. */
void top_paint_right(int y, int x, unsigned width, attr_t attributes, const char *text);
/* `width` cells of blanks. */
void top_paint_blank(int y, int x, unsigned width, attr_t attributes);

/* A pen that moves along a line. */
struct top_pen {
    int y, x;
    unsigned end; /* the first cell that is not for it */
};
void top_paint_write(struct top_pen *pen, attr_t attributes, const char *text);
/* Write `text` at the right end of line `y`, when that leaves the cells before `from` alone. */
void top_paint_end(int y, unsigned from, attr_t attributes, const char *text);
/* A bar of `room` cells. */
void top_paint_bar(int y, int x, unsigned room, struct top_bar bar);

#endif
