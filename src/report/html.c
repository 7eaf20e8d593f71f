/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as tables that need no script.  A row's text is one line of valid UTF-8 already; what HTML
 * takes for markup is escaped here. */

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "report/pools.h"

static int put(struct bytes *out, const char *text)
{
    return bytes_append(out, text, strlen(text));
}

static int put_escaped(struct bytes *out, const char *text)
{
    int rc = 0;
    while (rc == 0 && *text != '\0') {
        size_t plain = strcspn(text, "&<>\"'");
        rc = bytes_append(out, text, plain);
        text += plain;
        if (rc == 0 && *text != '\0')
            rc = bytes_printf(out, "&#%d;", *text++);
    }
    return rc;
}

static int put_value(const struct row *row, struct bytes *out)
{
    char stamp[CLOCK_TEXT_MAX];
    switch (row->type) {
    case ROW_NUMBER:
        return bytes_printf(out, "%llu", (unsigned long long)row->number);
    case ROW_STAMP:
        return put(out,
                   row->number == 0 ? "-" : clock_format_status(stamp, row->number * CLOCK_SEC));
    case ROW_DECIMAL:
        return bytes_printf(out, "%.2f", row->decimal);
    case ROW_TEXT:
    default:
        return put_escaped(out, row->text);
    }
}

static int put_table(const struct rows *rows, struct bytes *out)
{
    int rc = put(out, "<table>\n");
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        rc = put(out, "<tr><th>");
        if (rc == 0)
            rc = put_escaped(out, rows->items[i].label);
        if (rc == 0)
            rc = put(out, "</th><td>");
        if (rc == 0)
            rc = put_value(&rows->items[i], out);
        if (rc == 0)
            rc = put(out, "</td></tr>\n");
    }
    return rc < 0 ? rc : put(out, "</table>\n");
}

static int put_pool(const struct report *r, size_t pool, bool full, struct bytes *out)
{
    struct rows rows;
    int rc = report_pool_rows(r, pool, &rows);
    if (rc == 0)
        rc = put_table(&rows, out);
    rows_clear(&rows);
    for (size_t i = 0; full && rc == 0 && i < report_pool_workers(r, pool); i++) {
        rc = report_worker_rows(r, pool, i, &rows);
        if (rc == 0)
            rc = put_table(&rows, out);
        rows_clear(&rows);
    }
    return rc;
}

int report_html(const struct report *r, bool full, struct bytes *out)
{
    int rc = put(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<title>ganger</title>\n</head>\n<body>\n");
    for (size_t i = 0; rc == 0 && i < report_count(r); i++)
        rc = put_pool(r, i, full, out);
    return rc < 0 ? rc : put(out, "</body>\n</html>\n");
}
