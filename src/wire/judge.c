/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a record means, by its header and the state of its request id: the table of states and
 * types of the FastCGI specification as code.  A request is reported here and nowhere else: in
 * SLOT_PARAMS, on its empty PARAMS record.
 */

#include "wire/judge.h"

#include <ctype.h>
#include <errno.h>

enum { ABORTED_STATUS = 1 }; /* application status of a request aborted before it ran */

static bool looks_like_http(const uint8_t raw[FCGI_HEADER_LEN])
{
    if (raw[0] == 0x16 && raw[1] == 0x03)
        return true; /* a TLS handshake record */
    for (size_t i = 0; i < FCGI_HEADER_LEN; i++) {
        if (i < 3 ? !isupper(raw[i]) : !isprint(raw[i])) /* a method, HTTP/2's "PRI * HT" */
            return false;
    }
    return true;
}

static int fail_number(struct reader *r, struct error *err, int number, const char *what)
{
    const uint8_t *h = r->raw;

    r->dead = true;
    return error_set(err, number,
                     "FastCGI: %s, in the record at byte %llu of the connection (header %02x %02x "
                     "%02x %02x %02x %02x %02x %02x)",
                     what, (unsigned long long)r->header_start, h[0], h[1], h[2], h[3], h[4], h[5],
                     h[6], h[7]);
}

int judge_fail(struct reader *r, struct error *err, const char *what)
{
    return fail_number(r, err, EPROTO, what);
}

int judge_no_memory(struct reader *r, struct error *err)
{
    return fail_number(r, err, ENOMEM, "out of memory");
}

/* A record that changes nothing: skipped, but not without end. */
static int ignore(struct reader *r, struct error *err)
{
    r->use = USE_SKIP;
    if (++r->idle > r->limits.idle_records)
        return judge_fail(r, err, "too many records in a row that make no progress");
    return 0;
}

void judge_progress(struct reader *r)
{
    r->idle = 0;
}

void judge_event(struct reader_event *ev, enum reader_event_type type, const struct slot *s)
{
    ev->type = type;
    ev->id = s->id;
    ev->role = s->role;
    ev->flags = s->flags;
}

void judge_refuse(struct reader_event *ev, uint16_t id, uint16_t role, uint8_t flags,
                  uint8_t protocol_status, uint32_t app_status)
{
    *ev = (struct reader_event){
        .type = READER_REFUSED,
        .id = id,
        .role = role,
        .flags = flags,
        .protocol_status = protocol_status,
        .app_status = app_status,
    };
}

static int judge_begin(struct reader *r, const struct slot *s, struct error *err)
{
    if (s != NULL && s->state == SLOT_DRAIN)
        return judge_fail(r, err, "BEGIN_REQUEST for an id whose request body has not ended");
    if (s != NULL)
        return judge_fail(r, err, "BEGIN_REQUEST for an id that is active");
    if (r->header.content_length != JUDGE_BEGIN_BODY)
        return judge_fail(r, err, "BEGIN_REQUEST whose body is not 8 bytes");
    r->use = USE_BEGIN;
    r->begin_have = 0;
    return 0;
}

static int judge_abort(struct reader *r, struct slot *s, struct reader_event *ev, struct error *err)
{
    r->use = USE_SKIP;
    if (s == NULL || s->state == SLOT_DRAIN || s->aborted)
        return ignore(r, err); /* crossed our END_REQUEST on the way, or said twice */
    judge_progress(r);
    if (s->state == SLOT_PARAMS) {
        judge_refuse(ev, s->id, s->role, s->flags, FCGI_REQUEST_COMPLETE, ABORTED_STATUS);
        slots_remove(&r->slots, s);
        return 0;
    }
    s->aborted = true;
    judge_event(ev, READER_ABORT, s);
    return 0;
}

static int judge_params(struct reader *r, struct slot *s, struct reader_event *ev,
                        struct error *err)
{
    if (s == NULL)
        return ignore(r, err);
    if (s->state != SLOT_PARAMS)
        return judge_fail(r, err, "PARAMS after the end of the parameters");
    judge_progress(r);
    if (r->header.content_length > 0) {
        if (++s->records > r->limits.params_records)
            return judge_fail(r, err, "too many PARAMS records");
        r->use = USE_PARAMS;
        return 0;
    }
    if (params_finish(s->params) < 0)
        return judge_fail(r, err, "the parameters end inside a name-value pair");
    judge_event(ev, READER_REQUEST, s);
    if (params_feed(s->params, "", 0) == PARAMS_TOO_LARGE) {
        ev->type = READER_TOO_LARGE;
        params_free(s->params);
    } else {
        ev->params = s->params; /* the caller's from here on */
    }
    s->params = NULL;
    s->state = SLOT_BODY;
    return 0;
}

static int judge_stdin(struct reader *r, struct slot *s, struct reader_event *ev, struct error *err)
{
    if (s == NULL)
        return ignore(r, err);
    switch (s->state) {
    case SLOT_PARAMS:
        return judge_fail(r, err, "STDIN before the end of the parameters");
    case SLOT_OVER:
        if (r->header.content_length > 0)
            return judge_fail(r, err, "STDIN after the end of the request body");
        return ignore(r, err); /* ended twice: says nothing new */
    case SLOT_BODY:
    case SLOT_DRAIN:
        break;
    }
    judge_progress(r);
    if (r->header.content_length > 0) {
        r->use = USE_BODY;
        return 0;
    }
    if (s->state == SLOT_BODY) {
        judge_event(ev, READER_BODY_END, s);
        s->state = SLOT_OVER;
    } else {
        judge_event(ev, READER_DRAINED, s);
        slots_remove(&r->slots, s);
    }
    return 0;
}

/* A record of request id 0 (sections 4 and 8). */
static int judge_management(struct reader *r, struct reader_event *ev, struct error *err)
{
    switch (r->header.type) {
    case FCGI_BEGIN_REQUEST:
    case FCGI_ABORT_REQUEST:
    case FCGI_PARAMS:
    case FCGI_STDIN:
    case FCGI_DATA:
        return judge_fail(r, err, "an application record with request id 0");
    case FCGI_GET_VALUES: {
        struct params_limits limits = r->limits.params;

        if (r->header.content_length > r->limits.values_content)
            return judge_fail(r, err, "GET_VALUES is too long");
        limits.total = r->limits.values_content;
        params_free(r->values);
        r->values = params_new(&limits);
        if (r->values == NULL)
            return judge_no_memory(r, err);
        r->use = USE_VALUES;
        return 0;
    }
    case FCGI_GET_VALUES_RESULT:
    case FCGI_UNKNOWN_TYPE: /* answers to questions nobody asked */
        return ignore(r, err);
    default: {
        int e = ignore(r, err);

        if (e < 0)
            return e;
        ev->type = READER_UNKNOWN;
        ev->unknown_type = r->header.type;
        return 0;
    }
    }
}

int judge_header(struct reader *r, struct reader_event *ev, struct error *err)
{
    const struct record_header *h = &r->header;

    if (h->version != FCGI_VERSION_1)
        return judge_fail(r, err,
                          r->header_start == 0 && looks_like_http(r->raw)
                              ? "HTTP (or TLS) on a FastCGI socket? Use fastcgi_pass or "
                                "proxy:fcgi; the version is not 1"
                              : "the version is not 1");
    if (h->type == FCGI_END_REQUEST || h->type == FCGI_STDOUT || h->type == FCGI_STDERR)
        return judge_fail(r, err, "a record type that only applications send");
    if (h->id == FCGI_NULL_REQUEST_ID)
        return judge_management(r, ev, err);

    struct slot *s = slots_find(&r->slots, h->id);

    switch (h->type) {
    case FCGI_BEGIN_REQUEST:
        return judge_begin(r, s, err);
    case FCGI_ABORT_REQUEST:
        return judge_abort(r, s, ev, err);
    case FCGI_PARAMS:
        return judge_params(r, s, ev, err);
    case FCGI_STDIN:
        return judge_stdin(r, s, ev, err);
    case FCGI_GET_VALUES:
    case FCGI_GET_VALUES_RESULT:
    case FCGI_UNKNOWN_TYPE:
        if (s != NULL)
            return judge_fail(r, err, "a management record with the id of a request");
        return ignore(r, err);
    default: /* DATA, which only a Filter reads, and types that are not defined */
        return ignore(r, err);
    }
}
