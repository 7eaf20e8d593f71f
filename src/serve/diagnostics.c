/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is held until its newline (or until it is too long), so that a character that a read cut in
 * two is not mistaken for rubbish, and a log line is the program's line.
 */

#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "serve/connection.h"
#include "serve/diagnostics.h"
#include "serve/streams.h"
#include "serve/worker.h"
#include "wire/record.h"

#define LINES_PER_SECOND 50
#define LOGGED_MAX 512 /* bytes of one line that go to the log */

static void log_line(struct request *r, const char *text)
{
    struct worker *w = r->worker;
    unsigned held;

    if (!log_limit_pass(&w->chatter, clock_monotonic(), LINES_PER_SECOND, &held))
        return;
    if (held > 0)
        log_write(LOG_LEVEL_NOTICE, w->options.pool, "%u lines of programs' stderr suppressed",
                  held);
    if (w->options.decorate_workers_output)
        log_write(LOG_LEVEL_NOTICE, w->options.pool, "%s said into stderr: \"%s\"", r->label, text);
    else
        log_write(LOG_LEVEL_NOTICE, w->options.pool, "%s", text);
}

/* One line without its newline; appended, escaped and with one, to `out`. */
static void emit(struct request *r, struct bytes *out, const void *data, size_t length)
{
    char text[LOGGED_MAX + 1];

    (void)text_escape(out, data, length, (size_t)STREAMS_LINE_MAX * 4);
    (void)bytes_append(out, "\n", 1);
    if (r->worker->options.catch_workers_output)
        log_line(r, text_escape_fixed(text, sizeof text, data, length));
}

static void send_lines(struct request *r, struct bytes *lines)
{
    struct connection *c = r->connection;

    if (bytes_held(lines) == 0)
        return;
    if (c != NULL && !output_full(&c->output) && r->fate != REQUEST_GONE) {
        if (output_stream(&c->output, FCGI_STDERR, r->id, bytes_front(lines), bytes_held(lines)) ==
            0)
            r->wrote_stderr = true;
    }
    bytes_consume(lines, bytes_held(lines));
}

void diagnostics_take(struct request *r, const void *data, size_t length)
{
    struct bytes *lines = &r->worker->payload;
    const char *at = data;
    const char *end = at + length;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t part = (size_t)((newline == NULL ? end : newline) - at);

        if (part > bytes_room(&r->line)) { /* too long: cut it here */
            part = bytes_room(&r->line);
            newline = NULL;
        }
        if (bytes_append(&r->line, at, part) < 0)
            part = (size_t)(end - at);
        at += part;
        if (newline != NULL || bytes_room(&r->line) == 0) {
            emit(r, lines, bytes_front(&r->line), bytes_held(&r->line));
            bytes_consume(&r->line, bytes_held(&r->line));
        }
        if (newline != NULL)
            at++;
    }
    send_lines(r, lines);
}

void diagnostics_end(struct request *r)
{
    struct bytes *lines = &r->worker->payload;

    if (bytes_held(&r->line) == 0)
        return;
    emit(r, lines, bytes_front(&r->line), bytes_held(&r->line));
    bytes_clear(&r->line);
    send_lines(r, lines);
}

void diagnostics_malformed(struct request *r, const struct error *err)
{
    log_write(LOG_LEVEL_WARNING, r->worker->options.pool, "%s wrote a %s; the client gets 502",
              r->label, err->text);
}
