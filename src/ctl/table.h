/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TABLE_H
#define GANGER_CTL_TABLE_H

/* Pools as lines of aligned columns, for people. */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "report/summary.h"

struct table_style {
    bool full;      /* the workers of each pool, too */
    bool colour;    /* terminal colours */
    bool ascii;     /* everything else becomes '?' */
    unsigned width; /* cells of a line: columns that do not fit are left out; 0: no limit */
    bool cut;       /* reasons are cut there, too: no line is ever longer */
};

/*
 * Append one line for each pool under a line of headings, the reason of a pool that has one on the
 * line below it, and its workers.  0, -ENOBUFS, -ENOMEM.
 */
int table_print(const struct summary *s, const struct table_style *style, struct bytes *out);

#endif
