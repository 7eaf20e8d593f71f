/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One connection's byte stream: header, content, padding, header …
 *
 * What a record may do is decided once, when its header is complete (judge.c), and the content then
 * follows that decision.  The id is looked up again for every piece of content, because the
 * caller may have called reader_end() in between.
 *
 * Invariant: content and padding are always counted down in full, whatever becomes of the request
 * they belong to, so bytes of a body are never taken for a header.
 */

#include "wire/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "wire/judge.h"

const struct reader_limits reader_default_limits = {
    .params = {.total = 2u << 20, .name = 1024, .value = 131000, .count = 4096},
    .params_pending = 4u << 20,
    .requests = 64,
    .idle_records = 64,
    .values_content = 4096,
    .params_records = 4096,
};

struct reader *reader_new(const struct reader_limits *limits)
{
    struct reader *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->limits = limits == NULL ? reader_default_limits : *limits;
    return r;
}

struct reader *reader_free(struct reader *r)
{
    if (r != NULL) {
        slots_clear(&r->slots);
        params_free(r->values);
        free(r);
    }
    return NULL;
}

/* The 8 bytes of BEGIN_REQUEST are there (section 5.1). */
static int begin_complete(struct reader *r, struct reader_event *ev, struct error *err)
{
    uint16_t role = (uint16_t)(r->begin[0] << 8 | r->begin[1]);
    uint8_t flags = r->begin[2];

    judge_progress(r);
    if (role != FCGI_RESPONDER && role != FCGI_AUTHORIZER) {
        judge_refuse(ev, r->header.id, role, flags, FCGI_UNKNOWN_ROLE, 0);
        return 0;
    }
    if (r->slots.count >= r->limits.requests) {
        judge_refuse(ev, r->header.id, role, flags, FCGI_CANT_MPX_CONN, 0);
        return 0;
    }
    struct slot *s = slots_add(&r->slots, r->header.id, &r->limits.params);

    if (s == NULL)
        return judge_no_memory(r, err);
    s->role = role;
    s->flags = flags;
    judge_event(ev, READER_BEGAN, s);
    return 0;
}

static int take_params(struct reader *r, const uint8_t *data, size_t length, struct error *err)
{
    struct slot *s = slots_find(&r->slots, r->header.id);

    if (s == NULL || s->state != SLOT_PARAMS)
        return 0; /* given up by reader_end() in the middle of the record */
    if (params_feed(s->params, data, length) < 0)
        return judge_no_memory(r, err);
    /* Many ids that collect at once share one budget: the one that passes it is too large. */
    if (r->slots.count > 1 && slots_pending(&r->slots) > r->limits.params_pending)
        params_overflow(s->params);
    return 0;
}

static int values_complete(struct reader *r, struct reader_event *ev, struct error *err)
{
    if (params_feed(r->values, "", 0) == PARAMS_TOO_LARGE)
        return judge_fail(r, err, "GET_VALUES is past the limits");
    if (params_finish(r->values) < 0)
        return judge_fail(r, err, "GET_VALUES ends inside a name-value pair");
    ev->type = READER_VALUES;
    ev->params = r->values;
    r->values = NULL;
    return 0;
}

/* Use `length` (> 0) bytes of content, which are already counted down. */
static int take_content(struct reader *r, const uint8_t *data, size_t length,
                        struct reader_event *ev, struct error *err)
{
    switch (r->use) {
    case USE_SKIP:
        return 0;
    case USE_BEGIN:
        memcpy(r->begin + r->begin_have, data, length);
        r->begin_have += length;
        return r->content_left == 0 ? begin_complete(r, ev, err) : 0;
    case USE_PARAMS:
        return take_params(r, data, length, err);
    case USE_BODY: {
        const struct slot *s = slots_find(&r->slots, r->header.id);

        if (s != NULL && s->state == SLOT_BODY) {
            judge_event(ev, READER_BODY, s);
            ev->data = data;
            ev->length = length;
        }
        return 0;
    }
    case USE_VALUES:
        if (params_feed(r->values, data, length) < 0)
            return judge_no_memory(r, err);
        return r->content_left == 0 ? values_complete(r, ev, err) : 0;
    }
    return 0;
}

static const uint8_t *take(struct reader *r, const uint8_t **data, size_t *length, size_t part)
{
    const uint8_t *at = *data;

    *data += part;
    *length -= part;
    r->taken += part;
    return at;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int header_complete(struct reader *r, struct reader_event *ev, struct error *err)
{
    r->raw_have = 0;
    record_decode(r->raw, &r->header);
    r->content_left = r->header.content_length;
    r->padding_left = r->header.padding_length;
    r->use = USE_SKIP;
    int e = judge_header(r, ev, err);

    if (e < 0)
        return e;
    if (r->use == USE_VALUES && r->content_left == 0)
        return values_complete(r, ev, err); /* asks for nothing, and is answered with nothing */
    return 0;
}

int reader_next(struct reader *r, const uint8_t **data, size_t *length, struct reader_event *ev,
                struct error *err)
{
    *ev = (struct reader_event){.type = READER_MORE};
    if (r->dead)
        return error_set(err, EPROTO, "FastCGI: the connection has already failed");
    while (*length > 0 && ev->type == READER_MORE) {
        int e = 0;

        if (r->content_left > 0) {
            size_t part = smaller(r->content_left, *length);
            const uint8_t *at = take(r, data, length, part);

            r->content_left -= part;
            e = take_content(r, at, part, ev, err);
        } else if (r->padding_left > 0) {
            size_t part = smaller(r->padding_left, *length);

            take(r, data, length, part);
            r->padding_left -= part;
        } else {
            size_t part = smaller(FCGI_HEADER_LEN - r->raw_have, *length);

            if (r->raw_have == 0)
                r->header_start = r->taken;
            memcpy(r->raw + r->raw_have, take(r, data, length, part), part);
            r->raw_have += part;
            if (r->raw_have == FCGI_HEADER_LEN)
                e = header_complete(r, ev, err);
        }
        if (e < 0)
            return e;
    }
    return 0;
}

void reader_end(struct reader *r, uint16_t id)
{
    struct slot *s = slots_find(&r->slots, id);

    if (s == NULL)
        return;
    if (s->state == SLOT_BODY)
        s->state = SLOT_DRAIN;
    else if (s->state != SLOT_DRAIN)
        slots_remove(&r->slots, s);
}

bool reader_is_idle(const struct reader *r)
{
    return r->slots.count == 0 && r->raw_have == 0 && r->content_left == 0 && r->padding_left == 0;
}

bool reader_body_over(const struct reader *r, uint16_t id)
{
    const struct slot *s = slots_find(&r->slots, id);

    return s == NULL || s->state == SLOT_OVER;
}

unsigned reader_active(const struct reader *r)
{
    return r->slots.count;
}

bool reader_began(const struct reader *r)
{
    return r->taken > 0;
}
