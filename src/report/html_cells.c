/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the tables that need no script. */

#include "report/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct column {
    const char *heading;
    int (*put)(struct bytes *out, const struct rows *rows);
    bool numeric;
};

static int named(struct bytes *out, const struct rows *rows, const char *name)
{
    return html_value(out, html_find(rows, name));
}

/* Bytes as people read them: "12.3 MiB". */
static int put_size(struct bytes *out, uint64_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)size;
    size_t unit = 0;
    while (value >= 1023.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    return bytes_printf(out, "%.*f %s", unit > 0 && value < 99.95 ? 1 : 0, value, units[unit]);
}

static int named_size(struct bytes *out, const struct rows *rows, const char *name)
{
    const struct row *row = html_find(rows, name);
    if (row == NULL || row->type != ROW_NUMBER || row->number == 0)
        return html_put(out, HTML_NONE);
    return put_size(out, row->number);
}

static int put_seconds(struct bytes *out, uint64_t seconds)
{
    unsigned long long s = seconds;
    if (s < 120)
        return bytes_printf(out, "%llu s", s);
    if (s < 7200)
        return bytes_printf(out, "%llu min", s / 60);
    if (s < 2ULL * 86400)
        return bytes_printf(out, "%llu h", s / 3600);
    return bytes_printf(out, "%llu d", s / 86400);
}

static int named_seconds(struct bytes *out, const struct rows *rows, const char *name)
{
    const struct row *row = html_find(rows, name);
    if (row == NULL || row->type != ROW_NUMBER)
        return html_put(out, HTML_NONE);
    return put_seconds(out, row->number);
}

/* ---------------------------------------------------------------- of a pool */

static int pool_name(struct bytes *out, const struct rows *rows)
{
    int rc = html_put(out, "<b>");
    if (rc == 0)
        rc = named(out, rows, "pool");
    if (rc == 0)
        rc = html_put(out, "</b><br><small>");
    if (rc == 0)
        rc = named(out, rows, "kind");
    if (rc == 0)
        rc = html_put(out, ", ");
    if (rc == 0)
        rc = named(out, rows, "process manager");
    return rc < 0 ? rc : html_put(out, "</small>");
}

static int pool_state(struct bytes *out, const struct rows *rows)
{
    const struct row *reason = html_find(rows, "reason");
    int rc = html_put(out, "<b class=\"state\" data-state=\"");
    if (rc == 0)
        rc = named(out, rows, "state");
    if (rc == 0)
        rc = html_put(out, "\">");
    if (rc == 0)
        rc = named(out, rows, "state");
    if (rc == 0)
        rc = html_put(out, "</b>");
    if (rc < 0 || reason == NULL || reason->type != ROW_TEXT || reason->text[0] == '\0')
        return rc;
    rc = html_put(out, "<br><small>");
    if (rc == 0)
        rc = html_value(out, reason);
    return rc < 0 ? rc : html_put(out, "</small>");
}

/* "3 of 8 busy" of the workers that there are, which may be fewer than the pool may have. */
static int pool_workers(struct bytes *out, const struct rows *rows)
{
    int rc = named(out, rows, "active processes");
    if (rc == 0)
        rc = html_put(out, " of ");
    if (rc == 0)
        rc = named(out, rows, "total processes");
    if (rc == 0)
        rc = html_put(out, " busy<br><small>at most ");
    if (rc == 0)
        rc = named(out, rows, "max children");
    return rc < 0 ? rc : html_put(out, "</small>");
}

static int pool_queue(struct bytes *out, const struct rows *rows)
{
    int rc = named(out, rows, "listen queue");
    if (rc == 0)
        rc = html_put(out, "<br><small>peak ");
    if (rc == 0)
        rc = named(out, rows, "max listen queue");
    if (rc == 0)
        rc = html_put(out, ", limit ");
    if (rc == 0)
        rc = named(out, rows, "listen queue len");
    return rc < 0 ? rc : html_put(out, "</small>");
}

static int pool_rate(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "requests per second");
}

static int pool_requests(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "requests");
}

static int pool_failed(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "failed requests");
}

/* The bucket that nineteen of twenty requests do not pass. */
static int pool_quantile(struct bytes *out, const struct rows *rows)
{
    static const char group[] = "request duration histogram";
    uint64_t total = 0;
    uint64_t passed = 0;
    const struct row *last = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        if (row->group != NULL && strcmp(row->group, group) == 0)
            total += row->number;
    }
    for (size_t i = 0; i < rows->count && passed * 20 < total * 19; i++) {
        const struct row *row = &rows->items[i];
        if (row->group != NULL && strcmp(row->group, group) == 0) {
            passed += row->number;
            last = row;
        }
    }
    if (last == NULL)
        return html_put(out, HTML_NONE);
    double seconds = strtod(last->name, NULL);
    if (isinf(seconds))
        return html_put(out, "longer");
    return seconds < 1 ? bytes_printf(out, "%g ms", seconds * 1000)
                       : bytes_printf(out, "%g s", seconds);
}

static int pool_memory(struct bytes *out, const struct rows *rows)
{
    return named_size(out, rows, "memory proportional");
}

static int pool_up(struct bytes *out, const struct rows *rows)
{
    return named_seconds(out, rows, "start since");
}

static const struct column pool_columns[] = {
    {"Pool", pool_name, false},       {"State", pool_state, false},
    {"Workers", pool_workers, false}, {"Queue", pool_queue, true},
    {"Requests/s", pool_rate, true},  {"Requests", pool_requests, true},
    {"Failed", pool_failed, true},    {"95 % within", pool_quantile, true},
    {"Memory", pool_memory, true},    {"Up", pool_up, true},
};

/* ---------------------------------------------------------------- of a worker */

static int worker_pid(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "pid");
}

static int worker_state(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "state");
}

static int worker_requests(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "requests");
}

static int worker_time(struct bytes *out, const struct rows *rows)
{
    const struct row *row = html_find(rows, "request duration");
    if (row == NULL || row->type != ROW_NUMBER)
        return html_put(out, HTML_NONE);
    return bytes_printf(out, "%.3f s", (double)row->number / 1e6);
}

static int worker_request(struct bytes *out, const struct rows *rows)
{
    const struct row *method = html_find(rows, "request method");
    if (method != NULL && method->type == ROW_TEXT && strcmp(method->text, "-") == 0)
        return html_put(out, HTML_NONE);
    int rc = html_value(out, method);
    if (rc == 0)
        rc = html_put(out, " ");
    return rc < 0 ? rc : named(out, rows, "request uri");
}

static int worker_script(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "script");
}

static int worker_user(struct bytes *out, const struct rows *rows)
{
    return named(out, rows, "user");
}

static int worker_status(struct bytes *out, const struct rows *rows)
{
    const struct row *row = html_find(rows, "last request status");
    return row == NULL || row->number == 0 ? html_put(out, HTML_NONE) : html_value(out, row);
}

static int worker_memory(struct bytes *out, const struct rows *rows)
{
    return named_size(out, rows, "memory proportional");
}

static const struct column worker_columns[] = {
    {"Pid", worker_pid, true},           {"State", worker_state, false},
    {"Requests", worker_requests, true}, {"Time", worker_time, true},
    {"Request", worker_request, false},  {"Script", worker_script, false},
    {"User", worker_user, false},        {"Status", worker_status, true},
    {"Memory", worker_memory, true},
};

/* ---------------------------------------------------------------- */

/* A narrow window shows each line as a block, and the heading of each value beside it: hence the roles
 * (a table that is not laid out as one loses its own) and data-name. */
static int put_head(struct bytes *out, const struct column *columns, size_t count)
{
    int rc = html_put(out, "<thead role=\"rowgroup\"><tr role=\"row\">");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = bytes_printf(out, "<th scope=\"col\" role=\"columnheader\"%s>%s</th>",
                          columns[i].numeric ? " class=\"number\"" : "", columns[i].heading);
    return rc < 0 ? rc : html_put(out, "</tr></thead>\n");
}

static int put_line(struct bytes *out, const struct column *columns, size_t count,
                    const struct rows *rows)
{
    int rc = html_put(out, "<tr role=\"row\">");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = html_put(out, "<td role=\"cell\" data-name=\"");
        if (rc == 0)
            rc = html_put(out, columns[i].heading);
        if (rc == 0)
            rc = html_put(out, columns[i].numeric ? "\" class=\"number\">" : "\">");
        if (rc == 0)
            rc = columns[i].put(out, rows);
        if (rc == 0)
            rc = html_put(out, "</td>");
    }
    return rc < 0 ? rc : html_put(out, "</tr>\n");
}

int html_cells_pool_head(struct bytes *out)
{
    return put_head(out, pool_columns, sizeof pool_columns / sizeof pool_columns[0]);
}

int html_cells_pool(struct bytes *out, const struct rows *rows)
{
    return put_line(out, pool_columns, sizeof pool_columns / sizeof pool_columns[0], rows);
}

int html_cells_worker_head(struct bytes *out)
{
    return put_head(out, worker_columns, sizeof worker_columns / sizeof worker_columns[0]);
}

int html_cells_worker(struct bytes *out, const struct rows *rows)
{
    return put_line(out, worker_columns, sizeof worker_columns / sizeof worker_columns[0], rows);
}
