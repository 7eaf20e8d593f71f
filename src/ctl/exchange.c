/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pump.  One poll() over the connection and, while it is wanted, the body's source.
 * Invariants: l->out holds whole records only (so a body may end at any moment without breaking
 * the framing), and more of the body is taken only while less than OUT_LOW is waiting in it.
 */

#include "ctl/exchange.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"

enum {
    REQUEST_ID = 1,
    OUT_MAX = 16 * 1024 * 1024, /* parameters are queued whole */
    OUT_LOW = 64 * 1024,
    PIECE = 32 * 1024,
};

struct pump {
    struct exchange *x;
    struct exchange_link *l;
    uint8_t stream;        /* what is being sent: FCGI_STDIN, then for a filter FCGI_DATA */
    struct source *source; /* of it */
    bool body_over;        /* the last stream's empty record is queued */
    bool write_over;       /* the peer takes no more; what it says still counts */
    bool ended;            /* END_REQUEST came */
    uint64_t begun;
    uint64_t moved; /* when a byte went either way, last */
};

int exchange_link_init(struct exchange_link *l, int fd, bool tracing, struct error *err)
{
    memset(l, 0, sizeof *l);
    l->fd = fd;
    l->tracing = tracing;
    bytes_init(&l->out, OUT_MAX);
    trace_init(&l->sent, ">");
    trace_init(&l->received, "<");
    l->decoder = client_new(REQUEST_ID);
    if (l->decoder == NULL) {
        exchange_link_clear(l);
        return error_set(err, ENOMEM, "no memory");
    }
    int rc = descriptor_nonblock(fd, true);
    if (rc < 0) {
        exchange_link_clear(l);
        return error_errno(err, -rc, "cannot make the connection non-blocking");
    }
    return 0;
}

void exchange_link_clear(struct exchange_link *l)
{
    descriptor_close(&l->fd);
    bytes_clear(&l->out);
    l->decoder = client_free(l->decoder);
}

/* The stream being sent ends here; what follows it begins. */
static int queue_stream_end(struct pump *p)
{
    int rc = record_stream_end(&p->l->out, p->stream, REQUEST_ID);
    if (p->stream == FCGI_STDIN && p->x->role == FCGI_FILTER) {
        p->stream = FCGI_DATA;
        p->source = p->x->data;
        if (rc == 0 && p->source == NULL)
            return queue_stream_end(p);
    } else {
        p->body_over = true;
    }
    return rc;
}

static int take_body(struct pump *p, struct error *err)
{
    uint8_t piece[PIECE];
    ssize_t got = source_read(p->source, piece, sizeof piece, err);
    if (got < 0)
        return EXCHANGE_SOURCE;
    p->moved = clock_monotonic(); /* from here on the application owes us something again */
    if (got == 0)
        return queue_stream_end(p);
    return record_stream(&p->l->out, p->stream, REQUEST_ID, piece, (size_t)got);
}

static int write_some(struct pump *p)
{
    struct exchange_link *l = p->l;
    ssize_t wrote = write(l->fd, bytes_front(&l->out), bytes_held(&l->out));
    if (wrote < 0) {
        /* EPIPE and ECONNRESET: there may be an answer to read all the same. */
        p->write_over = errno != EAGAIN && errno != EINTR;
        return 0;
    }
    if (l->tracing)
        trace_feed(&l->sent, bytes_front(&l->out), (size_t)wrote);
    bytes_consume(&l->out, (size_t)wrote);
    p->x->sent += (uint64_t)wrote;
    p->moved = clock_monotonic();
    return 0;
}

static int on_event(struct pump *p, const struct client_event *ev)
{
    struct exchange *x = p->x;
    switch (ev->type) {
    case CLIENT_STDOUT:
        if (x->first_byte == 0 && ev->length > 0)
            x->first_byte = clock_monotonic();
        x->output += ev->length;
        return x->on_stdout(x->userdata, ev->data, ev->length) == 0 ? 0 : EXCHANGE_STOPPED;
    case CLIENT_STDERR:
        return x->on_stderr(x->userdata, ev->data, ev->length) == 0 ? 0 : EXCHANGE_STOPPED;
    case CLIENT_END:
        x->app_status = ev->app_status;
        x->protocol_status = ev->protocol_status;
        p->ended = true;
        return 0;
    case CLIENT_OTHER:
    case CLIENT_MORE:
    default:
        return 0;
    }
}

static int decode(struct pump *p, const uint8_t *data, size_t length, struct error *err)
{
    while (length > 0) {
        struct client_event ev;
        if (p->ended && !p->x->keep)
            return 0; /* padding, or noise from a connection that is over anyway */
        int rc = client_next(p->l->decoder, &data, &length, &ev, err);
        if (rc == -ENOMEM)
            return rc;
        if (rc < 0)
            return EXCHANGE_PROTOCOL;
        rc = on_event(p, &ev);
        if (rc != 0)
            return rc;
        if (ev.type == CLIENT_MORE)
            return 0;
    }
    return 0;
}

static int read_some(struct pump *p, struct error *err)
{
    uint8_t piece[PIECE];
    struct exchange_link *l = p->l;
    ssize_t got = read(l->fd, piece, sizeof piece);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        bool stale = l->requests > 0 && p->x->received == 0;
        if (got < 0)
            error_errno(err, errno, "the connection broke before the response was complete");
        else
            error_set(err, ECONNRESET,
                      "the connection was closed before the response was complete");
        return stale ? EXCHANGE_STALE : EXCHANGE_CLOSED;
    }
    p->moved = clock_monotonic();
    p->x->received += (uint64_t)got;
    if (l->tracing)
        trace_feed(&l->received, piece, (size_t)got);
    return decode(p, piece, (size_t)got, err);
}

/* When to give up, or CLOCK_NEVER. */
static uint64_t deadline_of(const struct pump *p, bool waiting_for_source)
{
    uint64_t deadline = waiting_for_source ? CLOCK_NEVER : p->moved + p->x->timeout;
    if (p->x->max_time > 0 && p->begun + p->x->max_time < deadline)
        deadline = p->begun + p->x->max_time;
    return deadline;
}

static int wait_for(struct pollfd *fds, nfds_t count, uint64_t deadline)
{
    uint64_t now = clock_monotonic();
    int timeout = -1;
    if (deadline != CLOCK_NEVER) {
        uint64_t left = deadline > now ? (deadline - now + CLOCK_MSEC - 1) / CLOCK_MSEC : 0;
        timeout = left > 3600000 ? 3600000 : (int)left;
    }
    if (poll(fds, count, timeout) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

static bool is_late(const struct pump *p, uint64_t deadline, bool moving, struct error *err)
{
    uint64_t now = clock_monotonic();
    if (p->x->max_time > 0 && now >= p->begun + p->x->max_time) {
        error_set(err, ETIMEDOUT, "the response was not complete within --max-time");
        return true;
    }
    if (moving || now < deadline)
        return false;
    if (bytes_held(&p->l->out) > 0 && !p->write_over && p->x->received == 0)
        error_set(err, ETIMEDOUT, "the application did not read the request in time");
    else if (p->x->received == 0)
        error_set(err, ETIMEDOUT, "the application did not answer in time");
    else
        error_set(err, ETIMEDOUT, "the response began but was not complete in time");
    return true;
}

/* One turn: wait, then do what is possible.  0 to go on. */
static int turn(struct pump *p, struct error *err)
{
    struct exchange_link *l = p->l;
    bool wants_body = !p->body_over && !p->write_over && bytes_held(&l->out) < OUT_LOW;
    int source = wants_body ? source_fd(p->source) : -1;
    struct pollfd fds[2] = {{.fd = l->fd, .events = POLLIN}, {.fd = source, .events = POLLIN}};

    if (wants_body && source < 0) {
        int rc = take_body(p, err);
        if (rc != 0)
            return rc;
    }
    if (bytes_held(&l->out) > 0 && !p->write_over)
        fds[0].events |= POLLOUT;
    uint64_t deadline = deadline_of(p, source >= 0 && bytes_held(&l->out) == 0);
    int rc = wait_for(fds, 2, deadline);
    if (rc < 0)
        return error_errno(err, -rc, "poll");
    if (is_late(p, deadline, fds[0].revents != 0, err))
        return EXCHANGE_TIMEOUT;
    if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0)
        rc = take_body(p, err);
    if (rc == 0 && (fds[0].revents & (POLLOUT | POLLERR)) != 0 && bytes_held(&l->out) > 0 &&
        !p->write_over)
        rc = write_some(p);
    if (rc == 0 && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        rc = read_some(p, err);
    return rc;
}

int exchange_run(struct exchange *x, struct exchange_link *l, struct error *err)
{
    struct pump p = {
        .x = x, .l = l, .stream = FCGI_STDIN, .source = x->body, .begun = clock_monotonic()};
    p.moved = p.begun;
    x->first_byte = x->sent = x->received = x->output = 0;

    /* A decoder knows one request. */
    if (l->requests > 0) {
        client_free(l->decoder);
        l->decoder = client_new(REQUEST_ID);
        if (l->decoder == NULL)
            return error_set(err, ENOMEM, "no memory");
    }
    int rc = client_begin(&l->out, REQUEST_ID, x->role, x->keep ? FCGI_KEEP_CONN : 0, x->params,
                          x->param_count);
    if (rc == 0 && x->body == NULL)
        rc = queue_stream_end(&p);
    if (rc < 0)
        return error_errno(err, -rc, "the request cannot be built");
    while (rc == 0 && !p.ended)
        rc = turn(&p, err);
    if (rc != 0)
        return rc;
    l->requests++;
    /* An answer before the body was sent: the rest of it stays here, but the stream must end
     * before the id may be used again. */
    while (rc == 0 && x->keep && !p.body_over)
        rc = queue_stream_end(&p);
    return rc;
}
