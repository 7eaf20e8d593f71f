/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CGI output, checked and written anew.
 *
 * The header is taken line by line: a line is checked when it is complete, and what may be sent
 * of it is added to `block` at once.  Nothing is put out before the blank line, so that a malformed
 * header can still become a proper error response.  Limits are judged by position in the stream,
 * so the outcome is the same however the output is cut into pieces.
 *
 * Invariant: bytes go to `out` only in STATE_BODY; sent + dropped is the number of body bytes fed;
 * sent never passes content_length when there is one.
 */

#include "wire/response.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"
#include "wire/field.h"
#include "wire/record.h"
#include "wire/status.h"

enum { SHOWN_MAX = 64 }; /* bytes of a malformed line in the error text */

const struct response_rules response_default_rules = {
    .header_limit = 64u << 10,
    .line_limit = 16u << 10,
    .lines_limit = 200,
};

enum state { STATE_HEADER, STATE_BODY, STATE_MALFORMED };

struct response {
    struct response_rules rules;
    enum state state;

    struct bytes line;  /* the part of a line that has come */
    struct bytes block; /* fields to send, CRLF behind each; without Status */
    struct bytes status_line;
    size_t length_at; /* where in block Content-Length is */
    size_t length_size;
    uint64_t seen; /* bytes of program output taken in the header */
    unsigned lines;
    unsigned status; /* 0: none named */
    bool has_type;
    bool has_location;
    bool has_length;
    uint64_t content_length;

    bool no_body; /* HEAD, 204, 304 */
    uint64_t sent;
    uint64_t dropped;
};

static size_t sum(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

struct response *response_new(const struct response_rules *rules)
{
    struct response *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->rules = *rules;
    bytes_init(&r->line, sum(rules->line_limit, 2));
    bytes_init(&r->block, rules->header_limit);
    bytes_init(&r->status_line, sum(rules->line_limit, 64));
    return r;
}

static void clear(struct response *r)
{
    bytes_clear(&r->line);
    bytes_clear(&r->block);
    bytes_clear(&r->status_line);
}

struct response *response_free(struct response *r)
{
    if (r != NULL) {
        clear(r);
        free(r);
    }
    return NULL;
}

static int malformed(struct response *r, struct error *err, const char *what)
{
    char shown[SHOWN_MAX * 4 + 8];
    size_t held = bytes_held(&r->line);

    text_escape_fixed(shown, sizeof shown, bytes_front(&r->line),
                      held < SHOWN_MAX ? held : SHOWN_MAX);
    error_set(err, EPROTO, "malformed response header: %s, in line %u (byte %" PRIu64 "): \"%s\"",
              what, r->lines + 1, r->seen, shown);
    r->state = STATE_MALFORMED;
    clear(r);
    return RESPONSE_MALFORMED;
}

static int no_memory(struct response *r, struct error *err, int number)
{
    r->state = STATE_MALFORMED;
    clear(r);
    return error_set(err, -number, "out of memory for a response header");
}

static int put(struct response *r, struct error *err, const char *name, size_t name_length,
               const char *value, size_t value_length)
{
    struct bytes *b = &r->block;
    size_t needed = sum(sum(name_length, value_length), 4);

    if (needed > bytes_room(b))
        return malformed(r, err, "the header is too large");
    if (bytes_append(b, name, name_length) < 0 || bytes_append(b, ": ", 2) < 0 ||
        bytes_append(b, value, value_length) < 0 || bytes_append(b, "\r\n", 2) < 0)
        return no_memory(r, err, -ENOMEM);
    if (r->rules.field != NULL)
        r->rules.field(r->rules.cookie, name, name_length, value, value_length);
    return RESPONSE_OK;
}

static int put_status(struct response *r, const char *reason, size_t length)
{
    return bytes_printf(&r->status_line, "Status: %03u %.*s\r\n", r->status, (int)length, reason);
}

static int take_status(struct response *r, const struct field *f, struct error *err)
{
    if (r->status != 0)
        return malformed(r, err, "Status twice");
    r->status = field_status(f);
    if (r->status == 0)
        return malformed(r, err, "a Status that is not a final HTTP status (200 to 599)");
    const char *reason = f->value + 3;
    size_t length = f->value_length - 3;

    while (length > 0 && (*reason == ' ' || *reason == '\t')) {
        reason++;
        length--;
    }
    if (length == 0) {
        reason = response_reason(r->status);
        length = strlen(reason);
    }
    return put_status(r, reason, length) < 0 ? no_memory(r, err, -ENOMEM) : RESPONSE_OK;
}

static int take_length(struct response *r, const struct field *f, struct error *err)
{
    char text[NUMBER_TEXT_MAX];
    uint64_t length;

    if (number_parse_bytes(f->value, f->value_length, INT64_MAX, &length) < 0)
        return malformed(r, err, "a Content-Length that is not a number");
    if (r->has_length)
        return length == r->content_length ? RESPONSE_OK
                                           : malformed(r, err, "two different Content-Length");
    r->has_length = true;
    r->content_length = length;
    r->length_at = bytes_held(&r->block);
    int n = snprintf(text, sizeof text, "%" PRIu64, length);
    int e = put(r, err, f->name, f->name_length, text, (size_t)n);

    r->length_size = bytes_held(&r->block) - r->length_at;
    return e;
}

/* r->line holds one line that is not empty. */
static int take_field(struct response *r, struct error *err)
{
    struct field f;
    const char *wrong = field_parse((const char *)bytes_front(&r->line), bytes_held(&r->line), &f);

    if (wrong != NULL)
        return malformed(r, err, wrong);
    if (field_is(&f, "Status"))
        return take_status(r, &f, err);
    if (field_is(&f, "Content-Length"))
        return take_length(r, &f, err);
    if (field_is(&f, "Content-Type")) {
        if (r->has_type)
            return malformed(r, err, "Content-Type twice");
        r->has_type = true;
    } else if (field_is(&f, "Location")) {
        if (r->has_location)
            return malformed(r, err, "Location twice");
        if (!field_location_valid(&f))
            return malformed(r, err, "a Location that is empty or holds a blank");
        r->has_location = true;
    } else if (field_is_hop(&f)) {
        return RESPONSE_OK;
    }
    return put(r, err, f.name, f.name_length, f.value, f.value_length);
}

/* The blank line has come: decide, and put the header out. */
static int header_complete(struct response *r, struct bytes *out, struct error *err)
{
    const uint8_t *block = bytes_front(&r->block);
    size_t held = bytes_held(&r->block);
    int e = 0;

    if (r->status == 0 && !r->has_type && !r->has_location)
        return malformed(r, err, "none of Content-Type, Location and Status");
    if (r->status == 0 && r->has_location) { /* sections 6.2.2 and 6.2.3 */
        r->status = 302;
        e = put_status(r, "Found", 5);
    }
    if (bytes_held(&r->status_line) + held + 2 > r->rules.header_limit)
        return malformed(r, err, "the header is too large");
    if (e == 0)
        e = bytes_append(out, bytes_front(&r->status_line), bytes_held(&r->status_line));
    if (e == 0 && r->status == 204 && r->has_length) { /* RFC 9110 section 8.6 forbids it */
        e = bytes_append(out, block, r->length_at);
        block += r->length_at + r->length_size;
        held -= r->length_at + r->length_size;
    }
    if (e == 0)
        e = bytes_append(out, block, held);
    if (e == 0)
        e = bytes_append(out, "\r\n", 2);
    if (e < 0)
        return no_memory(r, err, e);
    r->no_body = r->rules.head || r->status == 204 || r->status == 304;
    if (r->status == 0)
        r->status = 200;
    r->state = STATE_BODY;
    clear(r);
    return RESPONSE_OK;
}

/* The beginning of a record that a FastCGI application would send. */
static bool is_record(const struct response *r)
{
    const uint8_t *at = bytes_front(&r->line);

    return r->lines == 0 && bytes_held(&r->line) >= 2 && at[0] == FCGI_VERSION_1 &&
           (at[1] == FCGI_STDOUT || at[1] == FCGI_STDERR || at[1] == FCGI_END_REQUEST);
}

/* How many of `length` bytes may be added to the line before a limit is certainly passed. */
static size_t line_room(const struct response *r, size_t length)
{
    size_t room = bytes_room(&r->line);
    uint64_t header_room = r->rules.header_limit - r->seen;

    room = room < length ? room : length;
    return room < header_room ? room : (size_t)header_room;
}

/* Take what belongs to the current line; *used bytes of it. */
static int take_line(struct response *r, const uint8_t *data, size_t length, size_t *used,
                     struct bytes *out, struct error *err)
{
    size_t room = line_room(r, length);
    const uint8_t *newline = room == 0 ? NULL : memchr(data, '\n', room);
    size_t part = newline == NULL ? room : (size_t)(newline - data);
    int e = bytes_append(&r->line, data, part);

    if (e < 0)
        return no_memory(r, err, e);
    r->seen += part;
    *used = part;
    if (is_record(r))
        return malformed(r, err,
                         "a FastCGI record (is this a native FastCGI program, run as CGI?)");
    if (newline == NULL)
        return part == length ? RESPONSE_OK : malformed(r, err, "the header is too large");
    r->seen++;
    ++*used;
    size_t held = bytes_held(&r->line);

    if (held > 0 && bytes_front(&r->line)[held - 1] == '\r')
        r->line.end--;
    held = bytes_held(&r->line);
    if (held > r->rules.line_limit)
        return malformed(r, err, "the line is too long");
    if (held == 0)
        return r->lines == 0 ? malformed(r, err, "a blank line before any header field")
                             : header_complete(r, out, err);
    if (r->lines >= r->rules.lines_limit)
        return malformed(r, err, "too many lines");
    e = take_field(r, err);
    if (e != RESPONSE_OK)
        return e;
    r->lines++;
    bytes_consume(&r->line, bytes_held(&r->line));
    return RESPONSE_OK;
}

static int take_body(struct response *r, const uint8_t *data, size_t length, struct bytes *out,
                     struct error *err)
{
    size_t part = length;

    if (r->no_body)
        part = 0;
    else if (r->has_length && r->content_length - r->sent < length)
        part = (size_t)(r->content_length - r->sent);
    int e = bytes_append(out, data, part);

    if (e < 0)
        return error_set(err, -e, "no room for a response body");
    r->sent += part;
    r->dropped += length - part;
    return RESPONSE_OK;
}

int response_feed(struct response *r, const void *data, size_t length, struct bytes *out,
                  struct error *err)
{
    const uint8_t *at = data;

    while (length > 0 && r->state == STATE_HEADER) {
        size_t used = 0;
        int e = take_line(r, at, length, &used, out, err);

        if (e != RESPONSE_OK)
            return e;
        at += used;
        length -= used;
    }
    if (r->state == STATE_MALFORMED) {
        error_set(err, EPROTO, "malformed response header");
        return RESPONSE_MALFORMED;
    }
    return length == 0 ? RESPONSE_OK : take_body(r, at, length, out, err);
}

int response_finish(struct response *r)
{
    if (r->state != STATE_BODY)
        return r->seen == 0 ? RESPONSE_EMPTY : RESPONSE_NO_HEADER;
    return !r->no_body && r->has_length && r->sent < r->content_length ? RESPONSE_TRUNCATED
                                                                       : RESPONSE_COMPLETE;
}

bool response_header_sent(const struct response *r)
{
    return r->state == STATE_BODY;
}

bool response_body_full(const struct response *r)
{
    return r->state == STATE_BODY &&
           (r->no_body || (r->has_length && r->sent == r->content_length));
}

unsigned response_status(const struct response *r)
{
    return r->state == STATE_BODY ? r->status : 0;
}

uint64_t response_dropped(const struct response *r)
{
    return r->dropped;
}

int response_error(struct bytes *out, unsigned status, const char *extra, bool head)
{
    const char *reason = response_reason(status);
    size_t held = bytes_held(out);
    int e = bytes_printf(out, "Status: %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n%s\r\n",
                         status, reason, extra == NULL ? "" : extra);

    if (e == 0 && !head)
        e = bytes_printf(out, "%u %s\n", status, reason);
    if (e < 0)
        out->end = out->start + held; /* whole or not at all */
    return e;
}

const char *response_reason(unsigned status)
{
    return wire_status_name(status);
}
