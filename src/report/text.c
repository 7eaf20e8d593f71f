/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as PHP-FPM's text page: names padded to 22 columns, a line of stars before each worker. */

#include <stddef.h>
#include <stdio.h>
#include "base/clock.h"
#include "report/pools.h"

enum { NAME_COLUMNS = 21 };

static int put_value(const struct row *row, struct bytes *out)
{
    char stamp[CLOCK_TEXT_MAX];
    switch (row->type) {
    case ROW_NUMBER:
        return bytes_printf(out, "%llu\n", (unsigned long long)row->number);
    case ROW_STAMP:
        if (row->number == 0)
            return bytes_printf(out, "-\n");
        return bytes_printf(out, "%s\n", clock_format_status(stamp, row->number * CLOCK_SEC));
    case ROW_DECIMAL:
        return bytes_printf(out, "%.2f\n", row->decimal);
    case ROW_TEXT:
    default:
        return bytes_printf(out, "%s\n", row->text[0] == '\0' ? "-" : row->text);
    }
}

static int put_rows(const struct rows *rows, struct bytes *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        char name[sizeof row->label + 1];
        snprintf(name, sizeof name, "%s:", row->label);
        rc = bytes_printf(out, "%-*s ", NAME_COLUMNS, name);
        if (rc == 0)
            rc = put_value(row, out);
    }
    return rc;
}

static int put_workers(const struct report *r, size_t pool, struct bytes *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < report_pool_workers(r, pool); i++) {
        struct rows rows;
        rc = report_worker_rows(r, pool, i, &rows);
        if (rc == 0)
            rc = bytes_printf(out, "\n************************\n");
        if (rc == 0)
            rc = put_rows(&rows, out);
        rows_clear(&rows);
    }
    return rc;
}

int report_text(const struct report *r, bool full, struct bytes *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < report_count(r); i++) {
        struct rows rows;
        rc = report_pool_rows(r, i, &rows);
        if (rc == 0 && i > 0)
            rc = bytes_append(out, "\n", 1);
        if (rc == 0)
            rc = put_rows(&rows, out);
        rows_clear(&rows);
        if (rc == 0 && full)
            rc = put_workers(r, i, out);
    }
    return rc;
}
