/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_POOLS_H
#define GANGER_REPORT_POOLS_H

/* What the renderers see of a report; for this room alone. */

#include <stddef.h>
#include "report/report.h"
#include "report/rows.h"

/* The rows of pool number `pool` (< report_count()); *ret is to be cleared also on failure.
 * 0 or -ENOMEM. */
int report_pool_rows(const struct report *r, size_t pool, struct rows *ret);
/* How many workers that pool has … */
size_t report_pool_workers(const struct report *r, size_t pool);
/* … and the rows of one of them.  As report_pool_rows(). */
int report_worker_rows(const struct report *r, size_t pool, size_t worker, struct rows *ret);

#endif
