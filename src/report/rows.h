/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_ROWS_H
#define GANGER_REPORT_ROWS_H

/*
 * The one table behind every format: what a pool or a worker has to say, as named values in the
 * order in which they are printed, clamped and escaped already.  A renderer only spells them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "board/board.h"

enum row_type {
    ROW_NUMBER,  /* number */
    ROW_STAMP,   /* number: wall clock seconds; 0 is "never" */
    ROW_DECIMAL, /* decimal: two digits behind the point matter */
    ROW_TEXT,    /* text */
};

struct row {
    const char *group; /* JSON: the object this value lies in; NULL: none */
    char name[32];     /* JSON: the key; PHP-FPM's, letter by letter, where PHP-FPM has one */
    char label[40];    /* text: the name in front of the colon */
    enum row_type type;
    uint64_t number; /* at most ROWS_NUMBER_MAX */
    double decimal;
    char *text; /* owned; one line of valid UTF-8 without controls */
};

#define ROWS_NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* what every reader of JSON holds exactly */

enum { ROWS_MAX = 64 };
struct rows {
    struct row items[ROWS_MAX];
    size_t count;
    bool failed; /* no memory, somewhere on the way */
};

/* Fill *ret with the rows of a pool (report_add() explains `name`).  0 or -ENOMEM. */
int rows_pool(struct rows *ret, const char *name, const struct board_snapshot *snapshot,
              uint64_t now_wall);
/* Fill *ret with the rows of one worker.  0 or -ENOMEM. */
int rows_worker(struct rows *ret, const struct board_slot_view *view, uint64_t now_monotonic,
                uint64_t now_wall);
/* Free the texts. */
void rows_clear(struct rows *rows);

#endif
