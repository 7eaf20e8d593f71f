/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_REPORT_H
#define GANGER_REPORT_REPORT_H

/*
 * The status page: snapshots of the boards of many pools in, one page out.  Pure:
 * no descriptor, no clock.  All formats are made from the same tables (report/field.h), so they cannot
 * disagree.  PHP-FPM's field names come first, letter by letter and in PHP-FPM's order; ganger's
 * own follow.
 *
 * A board is writable by the pool's user: every number is clamped, every string escaped
 * (base/text.h), every enumeration that is none of ours printed as "unknown".  The worst a lying
 * pool can do is lie about itself.
 *
 * Use, for the status responder:
 *
 *     report_query_parse(&query, QUERY_STRING);
 *     report_accept(&query, HTTP_ACCEPT);
 *     r = report_new(clock_monotonic(), clock_wall());
 *     for each pool (or the one with query.pool): board_snapshot(), report_add()
 *     when query.has_pool and report_count(r) == 0: answer 404
 *     report_render(r, &query, &out), with report_content_type(&query)
 *     report_free(r)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "board/board.h"

enum report_format {
    REPORT_TEXT = 0, /* also when nobody said what he wants */
    REPORT_JSON = 1,
    REPORT_UNSUPPORTED = 2, /* xml asked for: answer 501, do not pretend */
    REPORT_HTML = 3,
    REPORT_OPENMETRICS = 4, /* 1.0.0 */
    REPORT_PROMETHEUS = 5,  /* the text format 0.0.4, for readers that know no other */
};
#define REPORT_FORMATS 6

struct report_query {
    enum report_format format;
    bool chosen;           /* the format was asked for by a word */
    bool full;             /* every worker, too */
    bool has_pool;         /* pool=NAME: that pool alone, as PHP-FPM's own object */
    char pool[BOARD_NAME]; /* decoded; "" when longer than any pool's name (so it matches none) */
    /* Of readiness alone: not ready with more than so many connections that wait, or with fewer
     * workers than so many that are idle or may be started. */
    bool has_queue, has_idle;
    uint64_t queue, idle;
};

/* "json&full&pool=NAME" in any order (and html, openmetrics, prometheus, text for json), each also as
 * "json=…"; %XX and '+' are decoded in NAME.  "queue=N" and "idle=N" too; an N that is no number is as
 * if it were not there.  Unknown words are ignored, as PHP-FPM does.  `query` may be NULL.  Never
 * fails. */
void report_query_parse(struct report_query *ret, const char *query);
/*
 * The format that an Accept field wants (RFC 9110 section 12.5.1), unless the query chose one: of
 * those that are named in it, the one of the highest weight, and of equal ones the first: text/html,
 * application/json, application/openmetrics-text, text/plain with a version; text/plain as such
 * and anything else is text.  `accept` may be NULL.
 */
void report_accept(struct report_query *q, const char *accept);
/* As it is to stand in the answer's Content-Type. */
const char *report_content_type(const struct report_query *query);

struct report;

/* An empty report for this moment (microseconds).  NULL: no memory.  report_free(NULL) is allowed
 * and returns NULL. */
struct report *report_new(uint64_t now_monotonic, uint64_t now_wall);
struct report *report_free(struct report *r);
/*
 * Add one pool.  `name` is the pool's name as the master gave it with the board (copied): the name
 * in the card is not believed, or one pool could pose as another; NULL: the card's after all.
 * The snapshot is MOVED: *snapshot is zeroed and its memory is the report's, also on failure.
 * 0 or -ENOMEM.
 */
int report_add(struct report *r, const char *name, struct board_snapshot *snapshot);
/* What report_add() added last answers so many requests a second, in millionths; by itself a report
 * tells the mean since the pool's start. */
void report_set_rate(struct report *r, uint64_t rate);
/* Pools added so far. */
size_t report_count(const struct report *r);

/* One of those below, as the query asks (an unsupported format renders as text). */
int report_render(const struct report *r, const struct report_query *query, struct bytes *out);
/*
 * Append PHP-FPM's aligned "name:   value" lines, pools separated by an empty line; `full` adds a
 * block for each worker behind its pool.  0; -ENOBUFS when the page is larger than out->maximum
 * (about 1 KiB for a pool and for each worker; 64 MiB is enough for anything); -ENOMEM.
 */
int report_text(const struct report *r, bool full, struct bytes *out);
/*
 * Append the JSON, on one line with a newline behind it.  `single`: the object of the first pool,
 * as PHP-FPM prints it ({} when there is none); otherwise {"ganger": { … }, "pools": [ … ]}.
 * `full` adds "processes" to each.  0, -ENOBUFS, -ENOMEM.
 */
int report_json(const struct report *r, bool full, bool single, struct bytes *out);
/* Append metrics of every pool, and of every worker when `full`; `old`: as text format 0.0.4.  As
 * above. */
int report_openmetrics(const struct report *r, bool full, bool old, struct bytes *out);
/* Append the page for a browser: the same rows, every byte of a board's escaped.  `pool`: what the
 * page was asked for alone, any text; NULL or "": all.  0, -ENOBUFS, -ENOMEM. */
int report_html(const struct report *r, bool full, const char *pool, struct bytes *out);
/* What the answer with that page needs besides its Content-Type: header lines, each with its CR LF; its
 * Content-Security-Policy has the browser run and show what is in the page, and nothing else. */
const char *report_html_headers(void);

#endif
