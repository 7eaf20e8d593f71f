/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: fd >= 0 exactly while an answer is awaited.  The page keeps its memory from one answer
 * to the next: they are of one size.
 */

#include "ctl/sampler.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "ctl/place.h"
#include "host/socket.h"
#include "wire/client.h"

enum {
    REQUEST_ID = 1,
    PAGE_MAX = 64 * 1024 * 1024,
    QUERY_MAX = 4096,
    QUESTION_MAX = 16 * 1024,
    PIECE = 64 * 1024,
    PIECES_A_TURN = 16,
};
static const uint64_t patience = 10 * CLOCK_SEC;

struct sampler {
    char *path;
    struct address address;
    int fd; /* non-blocking */
    uint64_t deadline;
    struct client *decoder;
    struct bytes out; /* of the question, what is not written yet */
    struct head head;
    struct bytes page;
};

struct sampler *sampler_new(const char *directory, struct error *err)
{
    struct sampler *s = calloc(1, sizeof *s);
    if (s == NULL) {
        error_set(err, ENOMEM, "no memory");
        return NULL;
    }
    s->fd = -1;
    head_init(&s->head);
    bytes_init(&s->page, PAGE_MAX);
    bytes_init(&s->out, QUESTION_MAX);
    s->path = place_runtime(directory, "status.sock", err);
    if (s->path == NULL)
        return sampler_free(s);
    return s;
}

void sampler_drop(struct sampler *s)
{
    descriptor_close(&s->fd);
    s->decoder = client_free(s->decoder);
    bytes_consume(&s->out, bytes_held(&s->out));
}

struct sampler *sampler_free(struct sampler *s)
{
    if (s == NULL)
        return NULL;
    sampler_drop(s);
    head_clear(&s->head);
    bytes_clear(&s->page);
    bytes_clear(&s->out);
    free(s->path);
    free(s);
    return NULL;
}

const char *sampler_path(const struct sampler *s)
{
    return s->path;
}

/* "json&full&pool=NAME", the name with %XX. */
static const char *make_query(struct bytes *out, const char *pool, bool full)
{
    int rc = bytes_printf(out, "json%s%s", full ? "&full" : "", pool != NULL ? "&pool=" : "");
    for (const char *c = pool == NULL ? "" : pool; rc == 0 && *c != '\0'; c++)
        rc = bytes_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    return rc < 0 ? NULL : bytes_string(out);
}

/* The whole request, into s->out. */
static int write_question(struct sampler *s, const char *pool, bool full)
{
    struct bytes query;
    struct bytes uri;
    bytes_init(&query, QUERY_MAX);
    bytes_init(&uri, QUERY_MAX);
    const char *words = make_query(&query, pool, full);
    int rc = words == NULL ? -ENOBUFS : bytes_printf(&uri, "/status?%s", words);
    const char *whole = rc == 0 ? bytes_string(&uri) : NULL;
    if (whole == NULL) {
        rc = -ENOBUFS;
    } else {
        const struct client_param params[] = {
            {"REQUEST_METHOD", "GET"},        {"SCRIPT_NAME", "/status"},
            {"SCRIPT_FILENAME", "/status"},   {"REQUEST_URI", whole},
            {"QUERY_STRING", words},          {"SERVER_PROTOCOL", "HTTP/1.1"},
            {"GATEWAY_INTERFACE", "CGI/1.1"}, {"SERVER_SOFTWARE", "gangerctl/" GANGER_VERSION},
            {"REMOTE_ADDR", "127.0.0.1"},     {"HTTP_ACCEPT", "application/json"},
        };
        rc = client_begin(&s->out, REQUEST_ID, FCGI_RESPONDER, 0, params,
                          sizeof params / sizeof *params);
    }
    if (rc == 0)
        rc = record_stream_end(&s->out, FCGI_STDIN, REQUEST_ID);
    bytes_clear(&query);
    bytes_clear(&uri);
    return rc;
}

static int ask(struct sampler *s, const char *pool, bool full, uint64_t timeout, struct error *err)
{
    sampler_drop(s);
    head_clear(&s->head);
    head_init(&s->head);
    bytes_consume(&s->page, bytes_held(&s->page));
    int rc = place_parse(&s->address, s->path, err);
    if (rc < 0)
        return rc;
    if (write_question(s, pool, full) < 0)
        return error_set(err, EINVAL, "the name of the pool is too long");
    s->decoder = client_new(REQUEST_ID);
    if (s->decoder == NULL)
        return error_set(err, ENOMEM, "no memory");
    int fd = socket_connect(&s->address, timeout, err);
    rc = fd < 0 ? fd : descriptor_nonblock(fd, true);
    if (rc < 0) {
        if (fd >= 0)
            error_errno(err, -rc, "cannot make the connection non-blocking");
        descriptor_close(&fd);
        sampler_drop(s);
        return rc;
    }
    s->fd = fd;
    s->deadline = clock_monotonic() + patience;
    return 0;
}

int sampler_ask(struct sampler *s, const char *pool, bool full, struct error *err)
{
    /* A unix socket's connection is there at once, or not to be had now. */
    return ask(s, pool, full, 0, err);
}

bool sampler_asking(const struct sampler *s)
{
    return s->fd >= 0;
}

int sampler_fd(const struct sampler *s)
{
    return s->fd;
}

short sampler_events(const struct sampler *s)
{
    return (short)(POLLIN | (bytes_held(&s->out) > 0 ? POLLOUT : 0));
}

uint64_t sampler_deadline(const struct sampler *s)
{
    return s->fd < 0 ? CLOCK_NEVER : s->deadline;
}

static void write_some(struct sampler *s)
{
    ssize_t wrote = write(s->fd, bytes_front(&s->out), bytes_held(&s->out));
    if (wrote >= 0)
        bytes_consume(&s->out, (size_t)wrote);
    else if (errno != EAGAIN && errno != EINTR)
        bytes_consume(&s->out, bytes_held(&s->out)); /* it may have answered all the same */
}

static int take_output(struct sampler *s, const void *data, size_t length, struct error *err)
{
    if (!s->head.done && head_feed(&s->head, &data, &length, err) < 0)
        return -EPROTO;
    if (s->head.done && bytes_append(&s->page, data, length) < 0)
        return error_set(err, EMSGSIZE, "the status is too large");
    return 0;
}

static int decode(struct sampler *s, const uint8_t *data, size_t length, struct error *err)
{
    for (;;) {
        struct client_event ev;
        int rc = client_next(s->decoder, &data, &length, &ev, err);
        if (rc < 0)
            return rc;
        if (ev.type == CLIENT_MORE)
            return SAMPLER_MORE;
        if (ev.type == CLIENT_STDOUT && ev.length > 0)
            rc = take_output(s, ev.data, ev.length, err);
        if (rc < 0)
            return rc;
        if (ev.type != CLIENT_END)
            continue;
        if (ev.protocol_status != FCGI_REQUEST_COMPLETE || !s->head.done)
            return error_set(err, EPROTO, "the status socket gave no proper answer");
        return SAMPLER_ANSWERED;
    }
}

/* A bounded part of what is there; the keys want their turn, too. */
static int read_some(struct sampler *s, struct error *err)
{
    static uint8_t piece[PIECE];
    for (unsigned i = 0; i < PIECES_A_TURN; i++) {
        ssize_t got = read(s->fd, piece, sizeof piece);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got < 0)
            return error_errno(err, errno, "the connection broke before the answer was complete");
        if (got == 0)
            return error_set(err, ECONNRESET,
                             "the connection was closed before the answer was complete");
        int rc = decode(s, piece, (size_t)got, err);
        if (rc != SAMPLER_MORE)
            return rc;
    }
    if (clock_monotonic() >= s->deadline)
        return error_set(err, ETIMEDOUT, "the answer was not complete in time");
    return SAMPLER_MORE;
}

int sampler_turn(struct sampler *s, struct error *err)
{
    if (s->fd < 0)
        return error_set(err, EINVAL, "nothing was asked");
    if (bytes_held(&s->out) > 0)
        write_some(s);
    int rc = read_some(s, err);
    if (rc != SAMPLER_MORE)
        sampler_drop(s);
    return rc;
}

unsigned sampler_status(const struct sampler *s)
{
    return s->head.status;
}

const struct bytes *sampler_page(const struct sampler *s)
{
    return &s->page;
}

int sampler_wait(struct sampler *s, const char *pool, bool full, struct error *err)
{
    int rc = ask(s, pool, full, patience, err);
    while (rc == SAMPLER_MORE) {
        struct pollfd p = {.fd = s->fd, .events = sampler_events(s)};
        uint64_t now = clock_monotonic();
        if (poll(&p, 1, now >= s->deadline ? 0 : (int)((s->deadline - now) / CLOCK_MSEC) + 1) < 0 &&
            errno != EINTR)
            return error_errno(err, errno, "poll");
        rc = sampler_turn(s, err);
    }
    return rc < 0 ? rc : 0;
}

const char *sampler_remedy(int rc)
{
    switch (-rc) {
    case EACCES:
    case EPERM:
        return "; try as root, or as a member of the socket's group";
    case ETIMEDOUT:
    case EAGAIN:
        return "; its status pool is too busy: try again";
    default:
        return "; is ganger running, with this runtime directory? (-r DIR names another)";
    }
}
