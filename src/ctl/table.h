/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TABLE_H
#define GANGER_CTL_TABLE_H

/* Pools as lines of aligned columns, for people. */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "report/summary.h"

/*
 * Append one line for each pool under a line of headings, the reason of a pool that has one on the
 * line below it, and (`full`) its workers.  `colour` adds terminal colours.  0, -ENOBUFS, -ENOMEM.
 */
int table_print(const struct summary *s, bool full, bool colour, struct bytes *out);

#endif
