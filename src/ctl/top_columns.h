/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_COLUMNS_H
#define GANGER_CTL_TOP_COLUMNS_H

/* The columns of the two tables of `gangerctl top`: what stands in a cell, in which order rows are
 * sorted by it, and how it is painted.  Pure. */

#include <stdbool.h>
#include <stddef.h>
#include "ctl/cells.h"
#include "ctl/columns.h"
#include "ctl/top_model.h"

struct top_column {
    const char *title;
    const char *help; /* one line */
    char letter;      /* the key that sorts by it */
    bool left;        /* flush left: a text, which is cut; sorted from A to Z at first */
    bool bar;         /* drawn, not written: the share of busy and idle workers */
    struct columns_wish wish;
};

/* The places of the columns in their tables. */
enum top_pool_column {
    POOL_NAME,
    POOL_STATE,
    POOL_BUSY,
    POOL_IDLE,
    POOL_MAX,
    POOL_LOAD,
    POOL_QUEUE,
    POOL_RATE,
    POOL_BAD,
    POOL_LATENCY,
    POOL_CPU,
    POOL_MEMORY,
    POOL_REQUESTS,
    POOL_FAILED,
    POOL_UP,
    POOL_PM,
    POOL_KIND,
    POOL_LISTEN,
};
enum top_worker_column {
    WORKER_PID,
    WORKER_STATE,
    WORKER_UP,
    WORKER_REQUESTS,
    WORKER_RATE,
    WORKER_AGO,
    WORKER_TIME,
    WORKER_CPU,
    WORKER_MEMORY,
    WORKER_CODE,
    WORKER_REQUEST,
    WORKER_SCRIPT,
};

enum top_paint { TOP_PLAIN, TOP_DIM, TOP_GOOD, TOP_WARN, TOP_BAD, TOP_BUSY, TOP_HIGH };

/* The table, and the number of its columns. */
const struct top_column *top_columns_of(bool workers, size_t *ret_count);
/* The text of a cell, not yet cut; "" for a bar. */
void top_columns_cell(char out[CELLS_BYTES_MAX], const struct top_row *row, size_t column);
enum top_paint top_columns_paint(const struct top_row *row, size_t column);
/* The order of two rows by a column, smaller first: below, equal to or above 0. */
int top_columns_compare(const struct top_row *a, const struct top_row *b, size_t column);
/* The paint of a pool's or a worker's state. */
enum top_paint top_columns_state(const char *state);

struct top_bar {
    unsigned busy, other; /* cells */
};
/* `room` cells for `limit` workers, of which so many are busy and so many more are there.  Who is
 * busy at all has a cell, when there are any. */
struct top_bar top_columns_bar(unsigned room, uint64_t busy, uint64_t other, uint64_t limit);

#endif
