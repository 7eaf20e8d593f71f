/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is held until its newline (or until it is too long), so that a character that a read cut in
 * two is not mistaken for rubbish, and a log line is the program's line.
 */

#include <inttypes.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "serve/connection.h"
#include "serve/diagnostics.h"
#include "serve/streams.h"
#include "serve/worker.h"
#include "wire/record.h"

#define LOGGED_MAX (STREAMS_LINE_MAX * 4 + 4) /* a line escaped; log_limit cuts it earlier */

static const struct pace_law law = {.burst = DIAGNOSTICS_BURST, .per_second = DIAGNOSTICS_LINES};

void diagnostics_flush(struct worker *w, uint64_t now)
{
    uint64_t lines;

    if (pace_due(&w->chatter) > now)
        return;
    lines = pace_take(&w->chatter);
    log_write(LOG_LEVEL_WARNING, w->options.pool,
              "%" PRIu64 " line%s that programs wrote to stderr suppressed (they may write %u a "
              "second)",
              lines, lines == 1 ? "" : "s", DIAGNOSTICS_LINES);
}

/* `cut`: there is more of it, which is not logged. */
static void log_line(struct request *r, const void *data, size_t length, bool cut)
{
    static char text[LOGGED_MAX];
    struct worker *w = r->worker;
    const struct log_about about = {.pool = w->options.pool, .plain = true};
    const char *dots = cut ? "..." : "";
    uint64_t now = clock_monotonic();
    size_t most = log_get_limit() < sizeof text - 1 ? log_get_limit() : sizeof text - 1;

    if (length == 0 || log_get_level() < LOG_LEVEL_WARNING)
        return;
    diagnostics_flush(w, now);
    if (!pace_pass(&w->chatter, &law, now)) {
        worker_alarm(w, pace_due(&w->chatter));
        return;
    }
    (void)text_escape_fixed(text, most + 1, data, length);
    if (w->options.decorate_workers_output)
        log_write(LOG_LEVEL_WARNING, w->options.pool, "%s said into stderr: \"%s%s\"", r->label,
                  text, dots);
    else
        log_write_about(LOG_LEVEL_WARNING, &about, "%s%s", text, dots);
}

/* Whether the client is there, and takes what it is sent. */
static bool client_takes(const struct request *r)
{
    return r->connection != NULL && !output_full(&r->connection->output) && r->fate != REQUEST_GONE;
}

/* One line without its newline; appended, escaped and with one, to `out`.  `cut`: the next piece is of
 * the same line. */
static void emit(struct request *r, struct bytes *out, const void *data, size_t length, bool cut)
{
    if (client_takes(r)) {
        (void)text_escape(out, data, length, (size_t)STREAMS_LINE_MAX * 4);
        (void)bytes_append(out, "\n", 1);
    }
    if (r->worker->options.catch_workers_output && !r->line_goes_on)
        log_line(r, data, length, cut);
    r->line_goes_on = cut;
}

static void send_lines(struct request *r, struct bytes *lines)
{
    struct connection *c = r->connection;

    if (bytes_held(lines) == 0)
        return;
    if (client_takes(r)) {
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
            emit(r, lines, bytes_front(&r->line), bytes_held(&r->line), newline == NULL);
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
    emit(r, lines, bytes_front(&r->line), bytes_held(&r->line), false);
    bytes_clear(&r->line);
    send_lines(r, lines);
}

void diagnostics_malformed(struct request *r, const struct error *err)
{
    log_write(LOG_LEVEL_WARNING, r->worker->options.pool, "%s wrote a %s; the client gets 502",
              r->label, err->text);
}
