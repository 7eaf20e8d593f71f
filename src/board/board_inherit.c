/* SPDX-License-Identifier: Apache-2.0 */
/* A board that goes from one image of the master to the next. */
#include <errno.h>
#include <string.h>
#include "board/board.h"
#include "board/mapping.h"

void board_save(const struct board *b, struct board_totals *ret_gone)
{
    *ret_gone = b->gone;
}

int board_inherit(struct board **ret, int fd, uint32_t used, uint32_t slots,
                  const struct board_totals *gone, struct error *err)
{
    uint64_t numbers[BOARD_GONE];

    if (used < 1 || used > slots) {
        return error_set(err, EINVAL, "%u of %u slots of a scoreboard cannot be in use", used,
                         slots);
    }
    int r = mapping_inherit(ret, fd, slots, err);
    if (r < 0) {
        return r;
    }
    memcpy(numbers, gone, sizeof(numbers));
    for (size_t i = 0; i < BOARD_GONE; i++) {
        numbers[i] = numbers[i] < BOARD_TOTAL_MAX ? numbers[i] : BOARD_TOTAL_MAX;
    }
    memcpy(&(*ret)->gone, numbers, sizeof(numbers));
    (*ret)->used = used;
    return 0;
}
