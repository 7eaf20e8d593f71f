/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for browsers: one document that needs nothing from elsewhere.  What stands in it when it
 * arrives is the table below, which is all that a browser without JavaScript shows; the script
 * (src/report/page/) puts a live view of the same values in its place, which it reads as JSON.
 *
 * A row's text is one line of valid UTF-8 without controls already (rows.c).  html_escape() is the only
 * way by which it gets here, and makes it harmless as text and between double or single quotes alike.
 */

#include "report/html.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "report/assets.h"
#include "report/pen.h"

int html_put(struct bytes *out, const char *text)
{
    return bytes_append(out, text, strlen(text));
}

int html_escape(struct bytes *out, const char *text)
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

const struct row *html_find(const struct rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].group == NULL && strcmp(rows->items[i].name, name) == 0)
            return &rows->items[i];
    }
    return NULL;
}

int html_value(struct bytes *out, const struct row *row)
{
    char stamp[CLOCK_TEXT_MAX];
    struct pen p;
    if (row == NULL || (row->type == ROW_TEXT && row->text[0] == '\0'))
        return html_put(out, HTML_NONE);
    switch (row->type) {
    case ROW_NUMBER:
        pen_init(&p, out);
        pen_number(&p, row->number);
        return pen_done(&p);
    case ROW_STAMP:
        if (row->number == 0)
            return html_put(out, HTML_NONE);
        return html_put(out, clock_format_status(stamp, row->number * CLOCK_SEC));
    case ROW_DECIMAL:
        return bytes_printf(out, "%.2f", row->decimal);
    case ROW_TEXT:
    default:
        return html_escape(out, row->text);
    }
}

/* ---------------------------------------------------------------- every value of a pool */

static int put_all(const struct rows *rows, struct bytes *out)
{
    int rc = html_put(out, "<details><summary>every value</summary>\n<dl>\n");
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        rc = html_put(out, "<dt>");
        if (rc == 0)
            rc = html_escape(out, rows->items[i].label);
        if (rc == 0)
            rc = html_put(out, "</dt><dd>");
        if (rc == 0)
            rc = html_value(out, &rows->items[i]);
        if (rc == 0)
            rc = html_put(out, "</dd>\n");
    }
    return rc < 0 ? rc : html_put(out, "</dl>\n</details>\n");
}

static int put_workers(const struct report *r, size_t pool, struct bytes *out)
{
    size_t count = report_pool_workers(r, pool);
    if (count == 0)
        return html_put(out, "<p>No workers.</p>\n");
    int rc = html_put(out, "<table class=\"list\" role=\"table\">\n");
    if (rc == 0)
        rc = html_cells_worker_head(out);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct rows rows;
        rc = report_worker_rows(r, pool, i, &rows);
        if (rc == 0)
            rc = html_cells_worker(out, &rows);
        rows_clear(&rows);
    }
    return rc < 0 ? rc : html_put(out, "</table>\n");
}

static int put_pool_in_full(const struct report *r, size_t pool, struct bytes *out)
{
    struct rows rows;
    int rc = report_pool_rows(r, pool, &rows);
    if (rc == 0)
        rc = html_put(out, "<section>\n<h2>");
    if (rc == 0)
        rc = html_value(out, html_find(&rows, "pool"));
    if (rc == 0)
        rc = html_put(out, "</h2>\n");
    if (rc == 0)
        rc = put_workers(r, pool, out);
    if (rc == 0)
        rc = put_all(&rows, out);
    rows_clear(&rows);
    return rc < 0 ? rc : html_put(out, "</section>\n");
}

/* ---------------------------------------------------------------- the document */

static int put_pools(const struct report *r, struct bytes *out)
{
    if (report_count(r) == 0)
        return html_put(out, "<p>No pools.</p>\n");
    int rc = html_put(out, "<table class=\"list\" role=\"table\">\n");
    if (rc == 0)
        rc = html_cells_pool_head(out);
    for (size_t i = 0; rc == 0 && i < report_count(r); i++) {
        struct rows rows;
        rc = report_pool_rows(r, i, &rows);
        if (rc == 0)
            rc = html_cells_pool(out, &rows);
        rows_clear(&rows);
    }
    return rc < 0 ? rc : html_put(out, "</table>\n");
}

static int put_head(struct bytes *out, bool full)
{
    int rc = html_put(
        out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<title>ganger</title>\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"robots\" content=\"noindex\">\n"
             "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/"
             "2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%233b6fb6' d='M1 9h3v6H1zM6 "
             "5h3v10H6zM11 1h3v14h-3z'/%3E%3C/svg%3E\">\n");
    /* In full there are things to be opened, which a reload would close again. */
    if (rc == 0 && !full)
        rc = html_put(out, "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n");
    if (rc == 0)
        rc = html_put(out, "<style>");
    if (rc == 0)
        rc = bytes_append(out, assets_style, assets_style_length);
    return rc < 0 ? rc : html_put(out, "</style>\n</head>\n<body>\n");
}

/* The way to the other page of the same pools. */
static int put_link(struct bytes *out, const char *words, const char *pool, const char *text)
{
    int rc = bytes_printf(out, "<p><a href=\"?%s", words);
    if (rc == 0 && pool != NULL && *pool != '\0')
        rc = html_put(out, "&amp;pool=");
    for (; rc == 0 && pool != NULL && *pool != '\0'; pool++)
        rc = bytes_printf(out, isalnum((unsigned char)*pool) ? "%c" : "%%%02X",
                          (unsigned char)*pool);
    return rc < 0 ? rc : bytes_printf(out, "\">%s</a></p>\n", text);
}

int report_html(const struct report *r, bool full, const char *pool, struct bytes *out)
{
    int rc = put_head(out, full);
    if (rc == 0)
        rc = html_put(out,
                      "<main id=\"plain\">\n<h1>ganger <small>" GANGER_VERSION "</small></h1>\n");
    if (rc == 0)
        rc = full ? put_link(out, "html", pool, "the pools alone")
                  : put_link(out, "html&amp;full", pool, "with every worker");
    if (rc == 0)
        rc = put_pools(r, out);
    for (size_t i = 0; full && rc == 0 && i < report_count(r); i++)
        rc = put_pool_in_full(r, i, out);
    if (rc == 0)
        rc = html_put(out, "</main>\n<script type=\"module\">");
    if (rc == 0)
        rc = bytes_append(out, assets_script, assets_script_length);
    return rc < 0 ? rc : html_put(out, "</script>\n</body>\n</html>\n");
}

const char *report_html_headers(void)
{
    return assets_headers;
}
