/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of web servers.
 *
 * Flow control is by not reading: the socket is read only as far as every program's stdin backlog has
 * room and the output is below its mark; programs are read only while the output is.  So what one
 * connection can hold is REQUEST_BODY_MAX for each request, and OUTPUT_HIGH plus one read.
 *
 * Half-close.  A FIN says that the peer sends no more, not that it is gone.  On a unix socket a peer that is
 * gone shows as EPOLLHUP.  On TCP it does not show at all; output_probe() asks.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "serve/body.h"
#include "serve/connection.h"
#include "serve/crowd.h"
#include "serve/intake.h"
#include "serve/patience.h"

#define DISCARD_MAX (1u << 20)
#define ROOM_MIN (4u << 10) /* do not read for less: tiny reads cost more than waiting */

struct connection *connection_new(struct worker *w, int fd, bool local, const char *peer)
{
    struct reader_limits limits = reader_default_limits;
    struct connection *c = calloc(1, sizeof *c);

    limits.params.total = w->options.request_params_limit;
    if (c != NULL)
        c->reader = reader_new(&limits);
    if (c == NULL || c->reader == NULL) {
        free(c);
        descriptor_close(&fd);
        return NULL;
    }
    c->worker = w;
    c->fd = fd;
    c->local = local;
    c->created = c->idle_since = clock_monotonic();
    output_init(&c->output);
    memcpy(c->peer, peer, strnlen(peer, sizeof c->peer - 1));
    c->next = w->connections;
    if (c->next != NULL)
        c->next->previous = c;
    w->connections = c;
    w->connection_count++;
    return c;
}

void connection_free(struct connection *c)
{
    struct worker *w = c->worker;

    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        w->connections = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    reader_free(c->reader);
    output_clear(&c->output);
    free(c);
}

void connection_lost(struct connection *c)
{
    if (c->dead)
        return;
    c->dead = true;
    c->worker->tidy = true;
    c->worker->connection_count--;
    c->io = sd_event_source_disable_unref(c->io);
    descriptor_close(&c->fd);
    while (c->requests != NULL) {
        struct request *r = c->requests;
        c->requests = r->next;
        c->request_count--;
        request_detach(r);
    }
}

/* Is the peer of a TCP connection that sent its FIN still there?  On a near network the answer has come
 * before the call returns; a later one ends the request as any reset does. */
static void probe(struct connection *c)
{
    struct pollfd state = {.fd = c->fd, .events = 0};

    if (c->local || !c->fin || c->dead)
        return;
    if (output_probe(&c->output, c->fd) < 0 || poll(&state, 1, 0) > 0)
        connection_lost(c);
}

/* How much may be read from the socket now. */
static size_t room(const struct connection *c)
{
    size_t least = WORKER_BUFFER;

    if (c->eof || c->dead)
        return 0;
    if (c->lingering)
        return least;
    if (output_full(&c->output))
        return 0;
    for (const struct request *r = c->requests; r != NULL; r = r->next) {
        size_t held = body_room(r);
        if (held < least)
            least = held;
    }
    return least < ROOM_MIN ? 0 : least;
}

/* The peer sends nothing more. */
static void take_eof(struct connection *c)
{
    c->eof = c->fin = true;
    c->closing = true;
    for (struct request *r = c->requests; r != NULL; r = r->next)
        body_end(r);
    if (c->request_count > 0)
        probe(c);
}

static void note_collecting(struct connection *c)
{
    unsigned active = reader_active(c->reader);
    unsigned known = c->draining;
    bool collecting;

    for (const struct request *r = c->requests; r != NULL; r = r->next)
        known += r->state < REQUEST_FLUSHING;
    collecting = active > known || (active == 0 && !reader_is_idle(c->reader));
    if (collecting && !c->collecting)
        c->collecting_since = clock_monotonic();
    c->collecting = collecting;
}

void connection_receive(struct connection *c)
{
    size_t length = room(c);
    ssize_t n;

    if (length == 0)
        return;
    do
        n = recv(c->fd, c->worker->buffer, length, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        atomic_fetch_add_explicit(&board_own_slot(c->worker->board)->bytes_in, (uint64_t)n,
                                  memory_order_relaxed);
    if (n < 0) {
        if (errno != EAGAIN)
            connection_lost(c);
        return;
    }
    if (n == 0) {
        take_eof(c);
        return;
    }
    if (c->lingering || (c->draining > 0 && c->request_count == 0)) {
        c->discarded += (size_t)n;
        if (c->discarded > DISCARD_MAX) {
            connection_lost(c);
            return;
        }
    }
    if (c->lingering)
        return;
    intake_feed(c, c->worker->buffer, (size_t)n);
    if (!c->dead)
        note_collecting(c);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct connection *c = userdata;

    (void)s;
    (void)fd;
    if (c->dead)
        return 0;
    if (revents & (EPOLLHUP | EPOLLERR)) {
        connection_lost(c);
        return 0;
    }
    if ((revents & EPOLLRDHUP) && !c->fin) {
        c->fin = true;
        if (c->request_count > 0)
            probe(c);
    }
    if ((revents & EPOLLIN) && !c->dead)
        connection_receive(c);
    connection_settle(c);
    return 0;
}

void connection_request_ended(struct connection *c, const struct request *r, bool broken)
{
    bool over = reader_body_over(c->reader, r->id);

    reader_end(c->reader, r->id);
    if (!over) {
        if (c->draining++ == 0) {
            c->draining_since = clock_monotonic();
            c->discarded = 0;
        }
    }
    c->broken |= broken;
    if (broken || !r->keep)
        c->closing = true;
}

static void start_waiting(struct connection *c)
{
    for (struct request *r = c->requests; r != NULL && !c->dead; r = r->next) {
        if (r->state != REQUEST_WAITING)
            continue;
        probe(c);
        if (!c->dead)
            request_start(r);
    }
}

static void flush(struct connection *c)
{
    uint64_t before = c->output.sent;
    bool moved;

    if (output_empty(&c->output))
        return;
    int r = output_flush(&c->output, c->fd, &moved);
    atomic_fetch_add_explicit(&board_own_slot(c->worker->board)->bytes_out, c->output.sent - before,
                              memory_order_relaxed);
    if (r < 0) {
        connection_lost(c);
        return;
    }
    if (moved || c->progress == 0)
        c->progress = clock_monotonic();
    if (output_empty(&c->output))
        c->progress = 0;
}

/* Requests whose last byte the socket has taken leave the list. */
static void release(struct connection *c)
{
    struct request **link = &c->requests;

    while (*link != NULL) {
        struct request *r = *link;
        if (r->state == REQUEST_FLUSHING && c->output.sent >= r->end_mark) {
            *link = r->next;
            c->request_count--;
            c->idle_since = clock_monotonic();
            r->connection = NULL;
            r->state = REQUEST_OVER;
            worker_ended(c->worker);
            request_free(r);
        } else {
            link = &r->next;
        }
    }
}

/* Stop or go on reading the programs. */
static void regulate(struct connection *c)
{
    size_t held = bytes_held(&c->output.queue);
    bool paused = c->paused ? held >= OUTPUT_LOW : held >= OUTPUT_HIGH;

    if (paused == c->paused)
        return;
    c->paused = paused;
    for (struct request *r = c->requests; r != NULL; r = r->next)
        request_pause(r, paused);
}

/* Nothing is in hand and everything is sent: close, or keep. */
static void rest(struct connection *c)
{
    if (c->eof || (c->closing && c->draining == 0 && !c->unread)) {
        connection_lost(c);
    } else if (c->closing && !c->lingering) {
        /* The peer is still sending a body that nobody wants.  Closing now would answer it with a
         * reset, which can destroy the response on its way. */
        (void)shutdown(c->fd, SHUT_WR);
        c->lingering = true;
        c->lingering_since = clock_monotonic();
        c->discarded = 0;
    } else if (!c->closing) {
        bytes_clear(&c->output.queue);
        if (c->worker->leaving && connection_is_idle(c) && reader_began(c->reader)) {
            /* A request that was sent at this very moment is still served. */
            connection_receive(c);
            if (!c->dead && connection_is_idle(c) && c->draining == 0)
                connection_lost(c);
        } else {
            crowd_trim(c->worker);
        }
    }
}

/* The peer could not say more while we did not read: its time begins now. */
static void note_reading(struct connection *c)
{
    uint64_t now = clock_monotonic();

    c->collecting_since = now;
    for (struct request *r = c->requests; r != NULL; r = r->next)
        r->body_at = now;
}

static void watch(struct connection *c)
{
    uint32_t wanted = 0;
    int r;

    if (room(c) > 0)
        wanted |= EPOLLIN;
    if (!c->fin)
        wanted |= EPOLLRDHUP;
    if (!output_empty(&c->output))
        wanted |= EPOLLOUT;
    if (c->io == NULL)
        r = sd_event_add_io(c->worker->event, &c->io, c->fd, wanted, on_io, c);
    else if (wanted != c->events)
        r = sd_event_source_set_io_events(c->io, wanted);
    else
        return;
    if (c->io != NULL && (wanted & EPOLLIN) && !connection_is_read(c))
        note_reading(c);
    c->events = wanted;
    if (r < 0)
        connection_lost(c);
}

void connection_settle(struct connection *c)
{
    if (c->dead)
        return;
    start_waiting(c);
    for (int again = 1; again && !c->dead;) {
        flush(c);
        if (c->dead)
            return;
        release(c);
        bool was = c->paused;
        regulate(c);
        /* Answers of our own wait for room: hand on what fits now. */
        again = 0;
        for (struct request *r = c->requests; r != NULL && !c->dead; r = r->next)
            if (r->state == REQUEST_ANSWERING && !output_full(&c->output)) {
                uint64_t before = c->output.queued;
                request_settle(r);
                again |= c->output.queued != before;
            }
        again |= was && !c->paused && !output_empty(&c->output);
    }
    if (!c->dead && c->request_count == 0 && output_empty(&c->output))
        rest(c);
    if (c->dead)
        return;
    if (c->requests != NULL && c->requests->state == REQUEST_WAITING) {
        connection_settle(c); /* came in the last read before we leave */
        return;
    }
    note_collecting(c);
    watch(c);
    if (c->dead)
        return;
    worker_alarm(c->worker, patience_deadline(c));
    for (const struct request *r = c->requests; r != NULL; r = r->next)
        worker_alarm(c->worker, request_deadline(r));
}

bool connection_is_idle(const struct connection *c)
{
    return !c->dead && c->request_count == 0 && output_empty(&c->output) && !c->collecting;
}

void connection_leave(struct connection *c)
{
    if (c->dead)
        return;
    /* What arrived at this very moment is still served. */
    if (c->request_count == 0)
        connection_receive(c);
    if (!c->dead && connection_is_idle(c) && c->draining == 0 && reader_began(c->reader))
        connection_lost(c);
    connection_settle(c);
}
