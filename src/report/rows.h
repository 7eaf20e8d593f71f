/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_ROWS_H
#define GANGER_REPORT_ROWS_H

/*
 * The one table behind every format: what a pool or a worker has to say, as named values in the
 * order in which they are printed, clamped and escaped already.  A renderer only spells them.
 * Where they come from stands in report/field.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "board/board.h"

enum row_type {
    ROW_NUMBER,  /* number */
    ROW_STAMP,   /* number: wall clock seconds; 0 is "never" */
    ROW_DECIMAL, /* decimal, and exactly: number, in millionths */
    ROW_TEXT,    /* text */
};

struct row {
    const char *group; /* JSON: the object this value lies in; NULL: none.  Rows of a group are
                          neighbours */
    const char *name;  /* JSON: the key; PHP-FPM's, letter by letter, where PHP-FPM has one */
    const char *label; /* text: the name in front of the colon */
    const char *text;  /* one line of valid UTF-8 without controls; NULL when it is no text */
    uint64_t number;   /* at most ROWS_NUMBER_MAX */
    double decimal;
    enum row_type type;
};

#define ROWS_NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* what every reader of JSON holds exactly */

enum { ROWS_MAX = 512, ROWS_TEXTS = 16384 };
/* Owns nothing: it may be thrown away and filled again at will.  Large, and cheap: only what is
 * filled is touched. */
struct rows {
    struct row items[ROWS_MAX];
    size_t count;
    bool failed; /* a table of ours is larger than there is room for: none is */
    size_t used; /* of `texts`, which rows point into: not to be copied */
    char texts[ROWS_TEXTS];
};

struct field_pool;
struct field_worker;
/* Fill *ret with the rows of a pool or of one worker, which stays where it is.  0 or -ENOBUFS. */
int rows_pool(struct rows *ret, const struct field_pool *pool);
int rows_worker(struct rows *ret, const struct field_worker *worker);
/* Forget them. */
void rows_clear(struct rows *rows);

#endif
