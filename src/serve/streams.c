/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full duplex: stdin is written while stdout and stderr are read, each as its other end allows.
 *
 *  stdin   a program need not read it: EPIPE means "discard the rest", and is no error.
 *  stdout  goes through wire/response to the connection; left in the pipe while the client is slow.
 *  stderr  is read always, or a chatty program would block; what the client does not take in time
 *          is dropped (it is in the log, when the pool says so).
 */

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "serve/connection.h"
#include "serve/diagnostics.h"
#include "serve/holdback.h"
#include "serve/streams.h"
#include "serve/worker.h"

#define READS 4        /* of one pipe in a row, then others have their turn */
#define DRAIN_READS 64 /* once the program has ended: a pipe holds less */
#define STDERR_PIECE (16u << 10)

/* The last look at a request after one of its events. */
static int settle(struct request *r)
{
    struct connection *c = r->connection;

    request_settle(r);
    if (c != NULL)
        connection_settle(c);
    return 0;
}

static void close_in(struct request *r)
{
    r->in_source = sd_event_source_disable_unref(r->in_source);
    descriptor_close(&r->program.in);
    bytes_clear(&r->body);
}

static void close_out(struct request *r)
{
    r->out_source = sd_event_source_disable_unref(r->out_source);
    descriptor_close(&r->program.out);
}

static void close_err(struct request *r)
{
    r->err_source = sd_event_source_disable_unref(r->err_source);
    descriptor_close(&r->program.err);
}

static int on_in(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct request *r = userdata;

    (void)s;
    (void)fd;
    (void)revents;
    streams_feed(r);
    return settle(r);
}

void streams_feed(struct request *r)
{
    struct program *p = &r->program;

    if (p->in < 0) {
        bytes_consume(&r->body, bytes_held(&r->body));
        return;
    }
    while (bytes_held(&r->body) > 0) {
        ssize_t n = write(p->in, bytes_front(&r->body), bytes_held(&r->body));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            close_in(r);
            return;
        }
        bytes_consume(&r->body, (size_t)n);
        r->body_at = clock_monotonic();
    }
    if (bytes_held(&r->body) == 0) {
        if (r->body_over || r->body_left == 0)
            close_in(r);
        else if (r->in_source != NULL)
            (void)sd_event_source_set_enabled(r->in_source, SD_EVENT_OFF);
        return;
    }
    int e = r->in_source == NULL
                ? sd_event_add_io(r->worker->event, &r->in_source, p->in, EPOLLOUT, on_in, r)
                : sd_event_source_set_enabled(r->in_source, SD_EVENT_ON);
    if (e < 0)
        request_doom(r, REQUEST_NO_MEMORY);
}

/* Program bytes to the client. */
static void take_output(struct request *r, const void *data, size_t length)
{
    struct bytes *payload = &r->worker->payload;
    struct error err = ERROR_NONE;

    if (r->connection == NULL || r->response == NULL || r->fate == REQUEST_MALFORMED)
        return;
    int e = response_feed(r->response, data, length, payload, &err);
    if (e == RESPONSE_MALFORMED) {
        diagnostics_malformed(r, &err);
        request_doom(r, REQUEST_MALFORMED);
    } else if (e < 0 || (bytes_held(payload) > 0 &&
                         holdback_pass(r, bytes_front(payload), bytes_held(payload)) < 0)) {
        request_doom(r, REQUEST_NO_MEMORY);
    }
    bytes_consume(payload, bytes_held(payload));
}

static bool client_slow(const struct request *r)
{
    return r->connection != NULL && output_full(&r->connection->output);
}

/* `to_end`: until there is nothing or no more; else a read that was not filled says as much. */
static void read_out(struct request *r, int reads, bool to_end)
{
    struct worker *w = r->worker;

    while (r->program.out >= 0 && reads-- > 0 && !client_slow(r)) {
        ssize_t n = read(r->program.out, w->buffer, sizeof w->buffer);
        if (n > 0) {
            take_output(r, w->buffer, (size_t)n);
            if (!to_end && (size_t)n < sizeof w->buffer)
                return;
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_out(r);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void read_err(struct request *r, int reads)
{
    struct worker *w = r->worker;

    while (r->program.err >= 0 && reads-- > 0) {
        ssize_t n = read(r->program.err, w->buffer, STDERR_PIECE);
        if (n > 0) {
            diagnostics_take(r, w->buffer, (size_t)n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_err(r);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static int on_out(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct request *r = userdata;

    (void)s;
    (void)fd;
    read_out(r, READS, (revents & (EPOLLHUP | EPOLLERR)) != 0);
    /* A program that ends closes both: save the loop two more rounds. */
    if (r->program.out < 0)
        read_err(r, READS);
    return settle(r);
}

static int on_err(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct request *r = userdata;

    (void)s;
    (void)fd;
    (void)revents;
    read_err(r, READS);
    return settle(r);
}

static int on_exit_event(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct request *r = userdata;

    (void)fd;
    (void)revents;
    if (program_ended(&r->program))
        (void)sd_event_source_set_enabled(s, SD_EVENT_OFF);
    return settle(r);
}

int streams_open(struct request *r)
{
    sd_event *e = r->worker->event;
    struct program *p = &r->program;

    int result = sd_event_add_io(e, &r->out_source, p->out, EPOLLIN, on_out, r);
    if (result >= 0)
        result = sd_event_add_io(e, &r->err_source, p->err, EPOLLIN, on_err, r);
    if (result >= 0)
        result = sd_event_add_io(e, &r->exit_source, p->pidfd, EPOLLIN, on_exit_event, r);
    return result < 0 ? result : 0;
}

void streams_drain(struct request *r)
{
    read_out(r, DRAIN_READS, true);
    read_err(r, DRAIN_READS);
}

void streams_finish(struct request *r)
{
    streams_drain(r);
    diagnostics_end(r);
    streams_close(r);
}

void streams_pause(struct request *r, bool paused)
{
    r->out_paused = paused;
    if (r->out_source == NULL)
        return;
    (void)sd_event_source_set_enabled(r->out_source, paused ? SD_EVENT_OFF : SD_EVENT_ON);
}

void streams_close(struct request *r)
{
    r->out_paused = false;
    close_in(r);
    close_out(r);
    close_err(r);
    if (r->program.exited || r->state == REQUEST_OVER)
        r->exit_source = sd_event_source_disable_unref(r->exit_source);
}
