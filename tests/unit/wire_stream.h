/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_WIRE_STREAM_H
#define GANGER_TESTS_WIRE_STREAM_H

/*
 * FastCGI streams written as text, run through a reader.
 *
 * A stream is words with one blank between them:
 *   B1          BEGIN_REQUEST id 1, Responder;  B1r2f1: role 2, flags 1
 *   P1:a=b,c=d  one PARAMS record with these pairs;  P1:=: the pair of two empty texts
 *   P1.         an empty record (of any stream)
 *   S1:text     STDIN with that content;  D DATA, O STDOUT, X STDERR, G GET_VALUES (names as pairs)
 *   S1*100      content of 100 bytes 'x';  P1*100: one pair that fills 100 bytes
 *   S1#00ff     content in hex
 *   A1          ABORT_REQUEST without content
 *   T77,1:text  type 77, id 1
 *   p1:… s1:…   as the capitals, but one record for every byte of content
 *   h5,1,100    only a header of type 5, id 1 that announces 100 bytes, without padding
 *   !00ff       raw bytes in hex;  !"text raw text;  !*50 raw bytes 'x'
 *   E1          not bytes: reader_end(1) when everything before it was taken
 * Padding is filled with bytes that look like record headers.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire_heard.h"
#include "base/bytes.h"
#include "wire/params.h"
#include "wire/reader.h"
#include "wire/record.h"

static void stream_need(bool good, const char *word)
{
    if (!good) {
        fprintf(stderr, "failed: %s\n", word);
        abort();
    }
}

struct stream {
    struct bytes bytes;
    struct {
        size_t at;
        uint16_t id;
    } ends[16];
    size_t count;
};

static void stream_put(struct stream *s, const void *data, size_t length)
{
    stream_need(bytes_append(&s->bytes, data, length) == 0, "(memory)");
}

static void stream_record(struct stream *s, unsigned type, unsigned id, const void *content,
                          size_t length, unsigned padding)
{
    static const uint8_t decoy[8] = {1, FCGI_STDIN, 0, 1, 0, 0, 0, 0};
    uint8_t header[8] = {1,
                         (uint8_t)type,
                         (uint8_t)(id >> 8),
                         (uint8_t)id,
                         (uint8_t)(length >> 8),
                         (uint8_t)length,
                         (uint8_t)padding,
                         0xff};

    stream_put(s, header, sizeof header);
    stream_put(s, content, length);
    for (unsigned i = 0; i < padding; i++)
        stream_put(s, &decoy[i % 8], 1);
}

static void stream_hex(struct bytes *out, const char **at)
{
    unsigned value;

    while (sscanf(*at, "%2x", &value) == 1 && **at != ' ') {
        uint8_t byte = (uint8_t)value;

        stream_need(bytes_append(out, &byte, 1) == 0, *at);
        *at += 2;
    }
}

static void stream_pairs(struct bytes *out, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma == NULL ? end : comma;
        const char *equals = memchr(text, '=', (size_t)(stop - text));
        size_t name = (size_t)((equals == NULL ? stop : equals) - text);

        params_encode(out, text, name, equals == NULL ? "" : equals + 1,
                      equals == NULL ? 0 : (size_t)(stop - equals - 1));
        text = stop + 1;
    }
}

/* Content behind the id: one of . : # * or nothing. */
static void stream_content(struct bytes *out, bool pairs, const char **at)
{
    char kind = **at;

    if (kind == '\0' || kind == ' ')
        return;
    ++*at;
    size_t length = strcspn(*at, " ");

    if (kind == '#') {
        stream_hex(out, at);
    } else if (kind == '*') {
        size_t count = strtoul(*at, NULL, 10);
        char *fill = malloc(count + 1);

        stream_need(fill != NULL, *at);
        memset(fill, 'x', count);
        if (pairs) /* 1 + 1 + 1 bytes, or 1 + 4 + 1 when the value is long */
            params_encode(out, "N", 1, fill, count - (count <= 130 ? 3 : 6));
        else
            bytes_append(out, fill, count);
        free(fill);
        *at += length;
    } else if (kind == ':') {
        if (pairs)
            stream_pairs(out, *at, length);
        else
            bytes_append(out, *at, length);
        *at += length;
    } else {
        stream_need(kind == '.', *at);
    }
}

static void stream_raw(struct stream *s, const char **at)
{
    if (**at == '"') {
        size_t length = strcspn(*at, "~");

        stream_put(s, *at + 1, length - 1);
        *at += length + ((*at)[length] == '~');
    } else if (**at == '*') {
        size_t count = strtoul(*at + 1, NULL, 10);

        for (size_t i = 0; i < count; i++)
            stream_put(s, "x", 1);
        *at += strcspn(*at, " ");
    } else {
        stream_hex(&s->bytes, at);
    }
}

static unsigned stream_type(char word)
{
    switch (word) {
    case 'P':
    case 'p':
        return FCGI_PARAMS;
    case 'S':
    case 's':
        return FCGI_STDIN;
    case 'D':
        return FCGI_DATA;
    case 'O':
        return FCGI_STDOUT;
    case 'X':
        return FCGI_STDERR;
    case 'G':
        return FCGI_GET_VALUES;
    case 'A':
        return FCGI_ABORT_REQUEST;
    default:
        return 0;
    }
}

static void stream_word(struct stream *s, const char **at, unsigned padding)
{
    char word = *(*at)++;
    char *after = NULL;

    if (word == '!') {
        stream_raw(s, at);
        return;
    }
    unsigned number = (unsigned)strtoul(*at, &after, 10);

    if (word == 'E') {
        stream_need(s->count < 16, *at);
        s->ends[s->count].at = bytes_held(&s->bytes);
        s->ends[s->count++].id = (uint16_t)number;
    } else if (word == 'B') {
        uint8_t body[8] = {0, FCGI_RESPONDER, 0, 0xff, 0xff, 0xff, 0xff, 0xff};

        if (*after == 'r') {
            unsigned role = (unsigned)strtoul(after + 1, &after, 10);

            body[0] = (uint8_t)(role >> 8);
            body[1] = (uint8_t)role;
        }
        if (*after == 'f')
            body[2] = (uint8_t)strtoul(after + 1, &after, 10);
        stream_record(s, FCGI_BEGIN_REQUEST, number, body, 8, padding);
    } else if (word == 'h') {
        unsigned id = (unsigned)strtoul(after + 1, &after, 10);
        unsigned length = (unsigned)strtoul(after + 1, &after, 10);
        uint8_t header[8] = {1,
                             (uint8_t)number,
                             (uint8_t)(id >> 8),
                             (uint8_t)id,
                             (uint8_t)(length >> 8),
                             (uint8_t)length,
                             0,
                             0};

        stream_put(s, header, 8);
    } else {
        unsigned type = word == 'T' ? number : stream_type(word);
        unsigned id = word == 'T' ? (unsigned)strtoul(after + 1, &after, 10) : number;
        const char *content = after;
        struct bytes body;

        stream_need(type != 0 || word == 'T', *at);
        bytes_init(&body, 1u << 24);
        stream_content(&body, type == FCGI_PARAMS || type == FCGI_GET_VALUES, &content);
        if (word == 'p' || word == 's') {
            for (size_t i = 0; i < bytes_held(&body); i++)
                stream_record(s, type, id, bytes_front(&body) + i, 1, padding);
        } else {
            stream_record(s, type, id, bytes_front(&body), bytes_held(&body), padding);
        }
        bytes_clear(&body);
        *at = content;
        return;
    }
    *at = after;
}

static void stream_build(struct stream *s, const char *text, unsigned padding)
{
    *s = (struct stream){.count = 0};
    bytes_init(&s->bytes, 1u << 26);
    while (*text != '\0') {
        if (*text == ' ')
            text++;
        else
            stream_word(s, &text, padding);
    }
}

static void stream_clear(struct stream *s)
{
    bytes_clear(&s->bytes);
}

/* Feed one piece; false when the reader has failed.  Every byte of it must have been taken. */
static bool heard_feed(struct heard *h, struct reader *r, const uint8_t *data, size_t length,
                       struct error *err)
{
    struct reader_event ev;

    do {
        if (reader_next(r, &data, &length, &ev, err) < 0) {
            heard_close_body(h);
            bytes_printf(&h->text, " error");
            return false;
        }
        if (ev.type != READER_MORE)
            heard_event(h, &ev);
    } while (ev.type != READER_MORE);
    stream_need(length == 0, "(reader_next left bytes)");
    return true;
}

/*
 * Run a stream through a new reader in pieces: cuts at `split` (0: none), or of `step` bytes each
 * (0: whole).  What was heard is left in h->text, with " idle" at the end when the reader is idle.
 */
static void heard_run(struct heard *h, const struct stream *s, const struct reader_limits *limits,
                      size_t split, size_t step, struct error *err)
{
    struct reader *r = reader_new(limits);
    size_t total = bytes_held(&s->bytes);
    size_t at = 0, next_end = 0;
    bool alive = true;

    bytes_init(&h->text, 1u << 20);
    h->in_body = false;
    while (alive) {
        while (next_end < s->count && s->ends[next_end].at == at)
            reader_end(r, s->ends[next_end++].id);
        if (at == total)
            break;
        size_t stop = step == 0 || total - at < step ? total : at + step;

        if (split > at && split < stop)
            stop = split;
        if (next_end < s->count && s->ends[next_end].at < stop)
            stop = s->ends[next_end].at;
        /* a copy of exactly that size, so that the sanitizer sees any step outside */
        uint8_t *piece = malloc(stop - at);

        stream_need(piece != NULL, "(memory)");
        memcpy(piece, bytes_front(&s->bytes) + at, stop - at);
        alive = heard_feed(h, r, piece, stop - at, err);
        free(piece);
        at = stop;
    }
    heard_close_body(h);
    if (alive && reader_is_idle(r))
        bytes_printf(&h->text, " idle");
    reader_free(r);
}

#endif
