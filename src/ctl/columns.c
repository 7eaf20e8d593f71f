/* SPDX-License-Identifier: Apache-2.0 */
/* Leave out what matters least until the rest fits, then hand out what is left over. */

#include "ctl/columns.h"

static unsigned sum(const unsigned *widths, size_t count, unsigned gap)
{
    unsigned total = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (widths[i] == 0)
            continue;
        total += widths[i] + (any ? gap : 0);
        any = true;
    }
    return total;
}

/* The shown column of the highest rank, the last of several; `count` when only rank 0 is left. */
static size_t least_wanted(const struct columns_wish *wishes, const unsigned *widths, size_t count)
{
    size_t found = count;
    for (size_t i = 0; i < count; i++) {
        if (widths[i] > 0 && wishes[i].rank > 0 &&
            (found == count || wishes[i].rank >= wishes[found].rank))
            found = i;
    }
    return found;
}

/* Take cells from the widest until it fits, or all have one. */
static void squeeze(unsigned *widths, size_t count, unsigned room, unsigned gap)
{
    while (sum(widths, count, gap) > room) {
        size_t widest = 0;
        for (size_t i = 1; i < count; i++)
            widest = widths[i] > widths[widest] ? i : widest;
        if (widths[widest] <= 1)
            return;
        widths[widest]--;
    }
}

/* Give each its wish, in the order of ranks. */
static void spread(const struct columns_wish *wishes, size_t count, unsigned left, unsigned *widths)
{
    bool done[COLUMNS_MAX] = {false};
    for (size_t turn = 0; turn < count && left > 0; turn++) {
        size_t next = count;
        for (size_t i = 0; i < count; i++) {
            if (!done[i] && (next == count || wishes[i].rank < wishes[next].rank))
                next = i;
        }
        done[next] = true;
        if (widths[next] == 0 || wishes[next].most <= widths[next])
            continue;
        unsigned wanted = wishes[next].most - widths[next];
        unsigned given = wanted < left ? wanted : left;
        widths[next] += given;
        left -= given;
    }
}

void columns_fit(const struct columns_wish *wishes, size_t count, unsigned room, unsigned gap,
                 unsigned *widths)
{
    for (size_t i = 0; i < count; i++)
        widths[i] = wishes[i].least;
    while (sum(widths, count, gap) > room) {
        size_t out = least_wanted(wishes, widths, count);
        if (out == count) {
            squeeze(widths, count, room, gap);
            return;
        }
        widths[out] = 0;
    }
    spread(wishes, count, room - sum(widths, count, gap), widths);
}
