/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows the records as they went by, legal or not: it frames the bytes by their lengths alone, so
 * that a stream which the decoder refuses can still be looked at.
 */

#include "ctl/trace.h"

#include <stdio.h>
#include <string.h>
#include "base/text.h"

void trace_init(struct trace *t, const char *mark)
{
    memset(t, 0, sizeof *t);
    t->mark = mark;
}

static const char *type_name(uint8_t type)
{
    static const char *const names[] = {
        "type 0",
        "BEGIN_REQUEST",
        "ABORT_REQUEST",
        "END_REQUEST",
        "PARAMS",
        "STDIN",
        "STDOUT",
        "STDERR",
        "DATA",
        "GET_VALUES",
        "GET_VALUES_RESULT",
        "UNKNOWN_TYPE",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : "unknown type";
}

static void print_record(const struct trace *t)
{
    char text[4 * TRACE_EXCERPT + 8] = "";
    const struct record_header *h = &t->header;
    const uint8_t *body = t->excerpt;
    fprintf(stderr, "%s %s id=%u length=%u padding=%u", t->mark, type_name(h->type), h->id,
            h->content_length, h->padding_length);
    if (h->version != FCGI_VERSION_1)
        fprintf(stderr, " version=%u", h->version);
    if (h->type > FCGI_UNKNOWN_TYPE)
        fprintf(stderr, " type=%u", h->type);
    if (h->type == FCGI_BEGIN_REQUEST && t->excerpt_held >= 8) {
        fprintf(stderr, " role=%u flags=%u", (unsigned)(body[0] << 8 | body[1]), body[2]);
    } else if (h->type == FCGI_END_REQUEST && t->excerpt_held >= 8) {
        fprintf(stderr, " app_status=%u protocol_status=%u",
                (unsigned)body[0] << 24 | (unsigned)body[1] << 16 | (unsigned)body[2] << 8 |
                    body[3],
                body[4]);
    } else if (t->excerpt_held > 0) {
        text_escape_fixed(text, sizeof text, body, t->excerpt_held);
        fprintf(stderr, " \"%s\"%s", text, h->content_length > t->excerpt_held ? "..." : "");
    }
    fputc('\n', stderr);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void trace_feed(struct trace *t, const void *data, size_t length)
{
    const uint8_t *p = data;
    while (length > 0) {
        size_t part;
        if (t->raw_held < FCGI_HEADER_LEN) {
            part = least(length, FCGI_HEADER_LEN - t->raw_held);
            memcpy(t->raw + t->raw_held, p, part);
            t->raw_held += part;
            if (t->raw_held == FCGI_HEADER_LEN) {
                record_decode(t->raw, &t->header);
                t->content_left = t->header.content_length;
                t->padding_left = t->header.padding_length;
                t->excerpt_held = 0;
            }
        } else if (t->content_left > 0) {
            part = least(length, t->content_left);
            size_t wanted = least(part, TRACE_EXCERPT - t->excerpt_held);
            memcpy(t->excerpt + t->excerpt_held, p, wanted);
            t->excerpt_held += wanted;
            t->content_left -= part;
        } else {
            part = least(length, t->padding_left);
            t->padding_left -= part;
        }
        p += part;
        length -= part;
        if (t->raw_held == FCGI_HEADER_LEN && t->content_left == 0 && t->padding_left == 0) {
            print_record(t);
            t->raw_held = 0;
        }
    }
}
