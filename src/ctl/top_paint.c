/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is bounded by the screen here, so that nobody else has to think of its edges. */

#include "ctl/top_paint.h"

#include <stdlib.h>
#include <string.h>

static attr_t attributes_of[TOP_PARTS];
static bool ascii;

static void plain(void)
{
    attributes_of[TOP_DIM] = A_NORMAL;
    attributes_of[TOP_WARN] = A_BOLD;
    attributes_of[TOP_BAD] = A_BOLD | A_REVERSE;
    attributes_of[TOP_BUSY] = A_BOLD;
    attributes_of[TOP_HIGH] = A_BOLD;
    attributes_of[TOP_PART_HEADING] = A_REVERSE;
    attributes_of[TOP_PART_SORTED] = A_REVERSE | A_BOLD;
    attributes_of[TOP_PART_CURSOR] = A_REVERSE;
    attributes_of[TOP_PART_KEY] = A_BOLD;
    attributes_of[TOP_PART_KEY_TEXT] = A_REVERSE;
    attributes_of[TOP_PART_ALARM] = A_REVERSE | A_BOLD;
    attributes_of[TOP_PART_BAR_BUSY] = A_BOLD;
}

static void pair(int part, short foreground, short background, attr_t more)
{
    init_pair((short)(part + 1), foreground, background);
    attributes_of[part] = (attr_t)COLOR_PAIR(part + 1) | more;
}

static void coloured(void)
{
    pair(TOP_DIM, COLORS > 15 ? 8 : COLOR_BLACK, -1, COLORS > 15 ? 0 : A_BOLD);
    pair(TOP_GOOD, COLOR_GREEN, -1, 0);
    pair(TOP_WARN, COLOR_YELLOW, -1, A_BOLD);
    pair(TOP_BAD, COLOR_RED, -1, A_BOLD);
    pair(TOP_BUSY, COLOR_GREEN, -1, A_BOLD);
    attributes_of[TOP_HIGH] = A_BOLD;
    pair(TOP_PART_HEADING, COLOR_BLACK, COLOR_GREEN, 0);
    pair(TOP_PART_SORTED, COLOR_BLACK, COLOR_CYAN, 0);
    pair(TOP_PART_CURSOR, COLOR_BLACK, COLOR_CYAN, 0);
    attributes_of[TOP_PART_KEY] = A_BOLD;
    pair(TOP_PART_KEY_TEXT, COLOR_BLACK, COLOR_CYAN, 0);
    pair(TOP_PART_ALARM, COLOR_WHITE, COLOR_RED, A_BOLD);
    pair(TOP_PART_BAR_BUSY, COLOR_GREEN, -1, A_BOLD);
    pair(TOP_PART_BAR_OTHER, COLOR_BLUE, -1, A_BOLD);
}

void top_paint_open(bool utf8)
{
    const char *no_colour = getenv("NO_COLOR");
    memset(attributes_of, 0, sizeof attributes_of);
    ascii = !utf8;
    plain();
    if ((no_colour != NULL && no_colour[0] != '\0') || !has_colors() || start_color() == ERR ||
        COLORS < 8 || COLOR_PAIRS <= TOP_PARTS || use_default_colors() == ERR)
        return;
    memset(attributes_of, 0, sizeof attributes_of);
    coloured();
}

attr_t top_paint_of(int part)
{
    return attributes_of[part];
}

bool top_paint_ascii(void)
{
    return ascii;
}

/* The cells of `room` that the screen has at (y, x). */
static unsigned bounded(int y, int x, unsigned room)
{
    if (y < 0 || x < 0 || y >= LINES || x >= COLS)
        return 0;
    unsigned left = (unsigned)(COLS - x);
    return room < left ? room : left;
}

unsigned top_paint_text(int y, int x, unsigned room, attr_t attributes, const char *text)
{
    char cut[CELLS_BYTES_MAX];
    room = bounded(y, x, room);
    if (room == 0)
        return 0;
    unsigned used = cells_cut(cut, text, room, ascii);
    attrset((int)attributes);
    mvaddstr(y, x, cut);
    attrset(A_NORMAL);
    return used;
}

void top_paint_blank(int y, int x, unsigned width, attr_t attributes)
{
    width = bounded(y, x, width);
    if (width > 0)
        mvhline(y, x, ' ' | attributes, (int)width);
}

void top_paint_right(int y, int x, unsigned width, attr_t attributes, const char *text)
{
    unsigned cells = cells_width(text);
    unsigned blanks = cells < width ? width - cells : 0;
    top_paint_blank(y, x, blanks, attributes);
    top_paint_text(y, x + (int)blanks, width - blanks, attributes, text);
}

void top_paint_write(struct top_pen *pen, attr_t attributes, const char *text)
{
    unsigned room = (unsigned)pen->x < pen->end ? pen->end - (unsigned)pen->x : 0;
    pen->x += (int)top_paint_text(pen->y, pen->x, room, attributes, text);
}

void top_paint_end(int y, unsigned from, attr_t attributes, const char *text)
{
    unsigned width = cells_width(text);
    if (from + width < (unsigned)COLS)
        top_paint_text(y, COLS - (int)width, width, attributes, text);
}

void top_paint_bar(int y, int x, unsigned room, struct top_bar bar)
{
    for (unsigned i = 0; i < bar.busy + bar.other && i < room; i++)
        top_paint_text(y, x + (int)i, 1,
                       top_paint_of(i < bar.busy ? TOP_PART_BAR_BUSY : TOP_PART_BAR_OTHER),
                       i < bar.busy ? "|" : ":");
}
