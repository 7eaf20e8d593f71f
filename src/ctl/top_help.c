/* SPDX-License-Identifier: Apache-2.0 */
/* Two columns where they fit; what is below the screen is not seen. */

#include "ctl/top_help.h"

#include <stdio.h>
#include "ctl/top_paint.h"

static const char *const keys[][2] = {
    {"Up Down", "move"},
    {"PgUp PgDn", "a screen"},
    {"Home End", "to an end"},
    {"Enter", "workers"},
    {"Esc Bksp", "back"},
    {"< >", "sort by the next"},
    {"A-Z", "sort by a column"},
    {"r", "reverse"},
    {"/", "filter"},
    {"p", "pause"},
    {"^L", "draw anew"},
    {"q", "quit"},
};

static void draw_keys(int x, unsigned width, int from)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int y = from + (int)i;
        top_paint_right(y, x, 9, top_paint_of(TOP_PART_KEY), keys[i][0]);
        top_paint_text(y, x + 11, width > 11 ? width - 11 : 0, A_NORMAL, keys[i][1]);
    }
}

static void draw_columns(bool workers, int x, unsigned width, int from)
{
    size_t count;
    const struct top_column *columns = top_columns_of(workers, &count);
    for (size_t i = 0; i < count; i++) {
        char letter[2] = {columns[i].letter, '\0'};
        int y = from + (int)i;
        top_paint_text(y, x, 1, top_paint_of(TOP_PART_KEY), letter);
        top_paint_text(y, x + 3, 9, top_paint_of(TOP_HIGH), columns[i].title);
        top_paint_text(y, x + 13, width > 13 ? width - 13 : 0, A_NORMAL, columns[i].help);
    }
}

void top_help_draw(bool workers)
{
    bool wide = COLS >= 78;
    int below = (int)(sizeof keys / sizeof *keys) + 3;
    top_paint_blank(0, 0, (unsigned)COLS, top_paint_of(TOP_PART_HEADING));
    top_paint_text(0, 0, (unsigned)COLS, top_paint_of(TOP_PART_HEADING),
                   wide ? "Keys                         Columns, and the letter that sorts by each"
                        : "Keys");
    draw_keys(0, wide ? 28 : (unsigned)COLS, 2);
    draw_columns(workers, wide ? 29 : 0, wide ? (unsigned)COLS - 29 : (unsigned)COLS,
                 wide ? 2 : below);
    top_paint_text(LINES - 1, 0, (unsigned)COLS, top_paint_of(TOP_PART_KEY_TEXT),
                   "Any key goes back");
}
