/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_POOLS_H
#define GANGER_REPORT_POOLS_H

/* What the renderers see of a report; for this room alone. */

#include <stddef.h>
#include "report/field.h"
#include "report/report.h"
#include "report/rows.h"

/* Pool number `pool` (< report_count()), with what its fields read; good as long as the report. */
void report_pool(const struct report *r, size_t pool, struct field_pool *ret);
/* How many workers it has, and one of them. */
size_t report_pool_workers(const struct report *r, size_t pool);
void report_worker(const struct report *r, size_t pool, size_t worker, struct field_worker *ret);
/* The rows of either.  0 or -ENOBUFS. */
int report_pool_rows(const struct report *r, size_t pool, struct rows *ret);
int report_worker_rows(const struct report *r, size_t pool, size_t worker, struct rows *ret);
/* The moment that the report is of, wall clock microseconds. */
uint64_t report_now(const struct report *r);

#endif
