/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as PHP-FPM's text page: names padded to 22 columns, a line of stars before each worker. */

#include "base/clock.h"
#include "report/pen.h"
#include "report/pools.h"

enum { NAME_COLUMNS = 21 };

static void put_value(struct pen *p, const struct row *row)
{
    char stamp[CLOCK_TEXT_MAX];
    switch (row->type) {
    case ROW_NUMBER:
        pen_number(p, row->number);
        break;
    case ROW_STAMP:
        pen_text(p, row->number == 0 ? "-" : clock_format_status(stamp, row->number * CLOCK_SEC));
        break;
    case ROW_DECIMAL:
        pen_decimal(p, row->number, 2);
        break;
    case ROW_TEXT:
    default:
        pen_text(p, row->text[0] == '\0' ? "-" : row->text);
        break;
    }
}

static void put_rows(struct pen *p, const struct rows *rows)
{
    static const char blanks[NAME_COLUMNS + 1] = "                      ";
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        size_t length = strlen(row->label) + 1;
        pen_text(p, row->label);
        pen_text(p, ":");
        pen_bytes(p, blanks, length < NAME_COLUMNS ? NAME_COLUMNS + 1 - length : 1);
        put_value(p, row);
        pen_text(p, "\n");
    }
}

int report_text(const struct report *r, bool full, struct bytes *out)
{
    struct rows rows;
    struct pen p;
    int rc = 0;
    pen_init(&p, out);
    for (size_t i = 0; rc == 0 && i < report_count(r); i++) {
        if (i > 0)
            pen_text(&p, "\n");
        rc = report_pool_rows(r, i, &rows);
        put_rows(&p, &rows);
        for (size_t w = 0; full && rc == 0 && w < report_pool_workers(r, i); w++) {
            pen_text(&p, "\n************************\n");
            rc = report_worker_rows(r, i, w, &rows);
            put_rows(&p, &rows);
        }
    }
    int written = pen_done(&p);
    return rc < 0 ? rc : written;
}
