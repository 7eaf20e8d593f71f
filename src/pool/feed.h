/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_FEED_H
#define GANGER_POOL_FEED_H

/*
 * The boards that status workers are to know: one for each pool, in the order of the config, and
 * what has changed.  Each entry has the number of the change that made it what it is; a worker that
 * has been told everything up to some number is told what has a larger one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "board/board.h"

struct feed_item {
    char name[BOARD_NAME];
    const struct board *board; /* borrowed; NULL: the pool is gone, to be forgotten */
    uint64_t change;
};
struct feed { /* all zero: empty */
    struct feed_item *items;
    size_t count;
    uint64_t change; /* the last one */
};

/* This pool has this board now; a new one comes last.  0 or -ENOMEM. */
int feed_set(struct feed *f, const char *name, const struct board *board);
/* This pool is gone, unless its board is another one than `board`. */
void feed_forget(struct feed *f, const char *name, const struct board *board);
/* The next thing to tell somebody who knows everything up to `known`, or NULL. */
const struct feed_item *feed_next(const struct feed *f, uint64_t known);
/* Everybody knows everything up to `known`: what is gone need not be told any more. */
void feed_trim(struct feed *f, uint64_t known);
void feed_clear(struct feed *f);

#endif
