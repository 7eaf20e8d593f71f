/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_RATCHET_H
#define GANGER_REPORT_RATCHET_H

/*
 * Counters do not go back.  A board's may for a moment: while the master, held up in the middle, moves
 * those of a worker that is gone, and when a pool is replaced, until what its old workers do on the old
 * board has come over to the new one.  Whoever reads counters takes one that went back for one that began
 * anew, and sees all that it ever counted happen at once.
 */

#include "board/board.h"

struct ratchet { /* all zero: nothing was told yet */
    uint64_t since;
    struct board_totals totals;
    uint64_t lives[15]; /* of the card, in the order of ratchet.c */
    uint32_t reached, exit_codes[BOARD_EXIT_CODES], exit_signals[BOARD_EXIT_SIGNALS];
};

/* Raise each counter of *s to what was told last, when the pool began at the same time; *r is what is
 * told now.  Of a card that cannot be read, the counters are the last one's. */
void ratchet_hold(struct ratchet *r, struct board_snapshot *s);

#endif
