/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The web server's part of a FastCGI connection.
 *
 * The decoder is strict about what an application may send (which type, which id, nothing of a
 * stream behind its end, nothing behind END_REQUEST) and lenient about what carries no meaning
 * (reserved and padding bytes).  CLIENT_END comes after the record's padding, so that a decoder for
 * the next request on the connection may start with the byte that follows.
 */

#include "wire/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "wire/params.h"

enum { END_BODY = 8 };

struct client {
    uint16_t id;
    uint8_t raw[FCGI_HEADER_LEN];
    size_t raw_have;
    struct record_header header;
    size_t content_left;
    size_t padding_left;
    struct bytes content; /* of END_REQUEST and management records, which are reported whole */
    bool collect;         /* the record being read is one of those */
    bool open;            /* a record is being read: its header is complete, its padding is not */
    bool stdout_over;
    bool stderr_over;
    bool ended;
    bool dead;
    uint64_t taken;
    uint64_t header_start;
};

int client_begin(struct bytes *out, uint16_t id, uint16_t role, uint8_t flags,
                 const struct client_param *params, size_t count)
{
    size_t held = bytes_held(out);
    struct bytes stream;
    int r = 0;

    bytes_init(&stream, bytes_room(out));
    for (size_t i = 0; i < count && r == 0; i++)
        r = params_encode(&stream, params[i].name, strlen(params[i].name), params[i].value,
                          strlen(params[i].value));
    if (r == 0)
        r = record_begin(out, id, role, flags);
    if (r == 0)
        r = record_stream(out, FCGI_PARAMS, id, bytes_front(&stream), bytes_held(&stream));
    if (r == 0)
        r = record_stream_end(out, FCGI_PARAMS, id);
    if (r < 0)
        out->end = out->start + held; /* whole or not at all */
    bytes_clear(&stream);
    return r;
}

struct client *client_new(uint16_t id)
{
    struct client *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->id = id;
    bytes_init(&c->content, FCGI_MAX_LENGTH);
    return c;
}

struct client *client_free(struct client *c)
{
    if (c != NULL) {
        bytes_clear(&c->content);
        free(c);
    }
    return NULL;
}

static int fail(struct client *c, struct error *err, const char *what)
{
    const uint8_t *h = c->raw;

    c->dead = true;
    return error_set(err, EPROTO,
                     "FastCGI: %s, in the record at byte %llu of the answer (header %02x %02x %02x "
                     "%02x %02x %02x %02x %02x)",
                     what, (unsigned long long)c->header_start, h[0], h[1], h[2], h[3], h[4], h[5],
                     h[6], h[7]);
}

static int check_stream(struct client *c, bool *over, struct error *err)
{
    if (*over)
        return fail(c, err, "a stream goes on after its end");
    *over = c->header.content_length == 0;
    return 0;
}

static int check_header(struct client *c, struct error *err)
{
    const struct record_header *h = &c->header;

    c->collect = false;
    if (h->version != FCGI_VERSION_1)
        return fail(c, err, "the version is not 1");
    if (h->id == FCGI_NULL_REQUEST_ID) {
        if (h->type == FCGI_STDOUT || h->type == FCGI_STDERR || h->type == FCGI_END_REQUEST)
            return fail(c, err, "an application record with request id 0");
        c->collect = true;
        return 0;
    }
    if (h->id != c->id)
        return fail(c, err, "a request id that was not asked");
    if (c->ended)
        return fail(c, err, "a record after END_REQUEST");
    switch (h->type) {
    case FCGI_STDOUT:
        return check_stream(c, &c->stdout_over, err);
    case FCGI_STDERR:
        return check_stream(c, &c->stderr_over, err);
    case FCGI_END_REQUEST:
        if (h->content_length != END_BODY)
            return fail(c, err, "END_REQUEST whose body is not 8 bytes");
        c->collect = true;
        return 0;
    default:
        return fail(c, err, "a record type that applications do not send");
    }
}

/* Use `length` bytes of content. */
static int take_content(struct client *c, const uint8_t *at, size_t length, struct client_event *ev,
                        struct error *err)
{
    if (c->collect) {
        if (bytes_append(&c->content, at, length) < 0) {
            c->dead = true;
            return error_set(err, ENOMEM, "FastCGI: out of memory");
        }
        return 0;
    }
    ev->type = c->header.type == FCGI_STDOUT ? CLIENT_STDOUT : CLIENT_STDERR;
    ev->header = c->header;
    ev->data = at;
    ev->length = length;
    return 0;
}

/* Content and padding are over. */
static void record_over(struct client *c, struct client_event *ev)
{
    c->open = false;
    if (!c->collect)
        return;
    const uint8_t *body = bytes_front(&c->content);

    ev->header = c->header;
    ev->data = body;
    ev->length = bytes_held(&c->content);
    if (c->header.type == FCGI_END_REQUEST) {
        c->ended = true;
        ev->type = CLIENT_END;
        ev->app_status =
            (uint32_t)body[0] << 24 | (uint32_t)body[1] << 16 | (uint32_t)body[2] << 8 | body[3];
        ev->protocol_status = body[4];
    } else {
        ev->type = CLIENT_OTHER;
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const uint8_t *take(struct client *c, const uint8_t **data, size_t *length, size_t part)
{
    const uint8_t *at = *data;

    *data += part;
    *length -= part;
    c->taken += part;
    return at;
}

static int take_header(struct client *c, const uint8_t **data, size_t *length, struct error *err)
{
    size_t part = smaller(FCGI_HEADER_LEN - c->raw_have, *length);

    if (c->raw_have == 0)
        c->header_start = c->taken;
    memcpy(c->raw + c->raw_have, take(c, data, length, part), part);
    c->raw_have += part;
    if (c->raw_have < FCGI_HEADER_LEN)
        return 0;
    c->raw_have = 0;
    record_decode(c->raw, &c->header);
    c->content_left = c->header.content_length;
    c->padding_left = c->header.padding_length;
    c->open = true;
    bytes_clear(&c->content);
    return check_header(c, err);
}

int client_next(struct client *c, const uint8_t **data, size_t *length, struct client_event *ev,
                struct error *err)
{
    *ev = (struct client_event){.type = CLIENT_MORE};
    if (c->dead)
        return error_set(err, EPROTO, "FastCGI: the connection has already failed");
    while (*length > 0 && ev->type == CLIENT_MORE) {
        int r = 0;

        if (c->content_left > 0) {
            size_t part = smaller(c->content_left, *length);
            const uint8_t *at = take(c, data, length, part);

            c->content_left -= part;
            r = take_content(c, at, part, ev, err);
        } else if (c->padding_left > 0) {
            size_t part = smaller(c->padding_left, *length);

            take(c, data, length, part);
            c->padding_left -= part;
        } else {
            r = take_header(c, data, length, err);
        }
        if (r < 0)
            return r;
        if (c->open && c->content_left == 0 && c->padding_left == 0 && ev->type == CLIENT_MORE)
            record_over(c, ev);
    }
    return 0;
}
