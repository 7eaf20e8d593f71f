/* SPDX-License-Identifier: Apache-2.0 */

/* Records as we write them, byte for byte, and the client that reads them back. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/client.h"
#include "wire/reader.h"
#include "wire/record.h"

static void test_bytes_of_records(void **state)
{
    (void)state;
    static const uint8_t want[] = {
        1, 1,  0xff, 0xfe, 0, 8, 0, 0, 0,    2,    1,    0,    0, 0, 0, 0, /* BEGIN 65534 r2 f1 */
        1, 2,  0,    7,    0, 0, 0, 0,                                     /* ABORT 7 */
        1, 3,  0,    7,    0, 8, 0, 0, 0x12, 0x34, 0x56, 0x78, 3, 0, 0, 0, /* END 7 */
        1, 11, 0,    0,    0, 8, 0, 0, 77,   0,    0,    0,    0, 0, 0, 0, /* UNKNOWN_TYPE 77 */
        1, 6,  0,    7,    0, 3, 5, 0, 'a',  'b',  'c',  0,    0, 0, 0, 0, /* STDOUT 7 */
        1, 6,  0,    7,    0, 0, 0, 0,                                     /* its end */
        1, 10, 0,    0,    0, 1, 7, 0, 'x',  0,    0,    0,    0, 0, 0, 0, /* GET_VALUES_RESULT */
    };
    struct bytes b;

    bytes_init(&b, sizeof want);
    assert_int_equal(record_begin(&b, 65534, FCGI_AUTHORIZER, FCGI_KEEP_CONN), 0);
    assert_int_equal(record_abort(&b, 7), 0);
    assert_int_equal(record_end(&b, 7, 0x12345678, FCGI_UNKNOWN_ROLE), 0);
    assert_int_equal(record_unknown_type(&b, 77), 0);
    assert_int_equal(record_stream(&b, FCGI_STDOUT, 7, "abc", 3), 0);
    assert_int_equal(record_stream(&b, FCGI_STDOUT, 7, "", 0), 0);
    assert_int_equal(record_stream_end(&b, FCGI_STDOUT, 7), 0);
    assert_int_equal(record_management(&b, FCGI_GET_VALUES_RESULT, "x", 1), 0);
    assert_int_equal(bytes_held(&b), sizeof want);
    assert_memory_equal(bytes_front(&b), want, sizeof want);
    assert_int_equal(record_abort(&b, 7), -ENOBUFS); /* full: nothing appended */
    assert_int_equal(bytes_held(&b), sizeof want);
    assert_int_equal(record_management(&b, 10, want, 65536), -ENOBUFS);
    bytes_clear(&b);
}

/* Lengths around every edge of splitting: the size is foretold, and no record is cut to 16 bits. */
static void test_stream_sizes(void **state)
{
    (void)state;
    static const size_t lengths[] = {1,     7,     8,     9,      65527,  65528,
                                     65529, 65535, 65536, 131056, 131057, 1000000};
    uint8_t *data = malloc(1000000);

    for (size_t i = 0; i < 1000000; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct bytes b;
        size_t at = 0, done = 0;

        bytes_init(&b, record_stream_size(lengths[i]));
        assert_int_equal(record_stream(&b, FCGI_STDOUT, 3, data, lengths[i]), 0);
        assert_int_equal(bytes_held(&b), record_stream_size(lengths[i]));
        while (at < bytes_held(&b)) {
            struct record_header h;

            record_decode(bytes_front(&b) + at, &h);
            assert_int_equal(h.version, 1);
            assert_int_equal(h.type, FCGI_STDOUT);
            assert_int_equal(h.id, 3);
            assert_true(h.content_length > 0 && h.content_length <= 65528);
            assert_int_equal((h.content_length + h.padding_length) % 8, 0);
            assert_memory_equal(bytes_front(&b) + at + 8, data + done, h.content_length);
            for (unsigned k = 0; k < h.padding_length; k++)
                assert_int_equal(bytes_front(&b)[at + 8 + h.content_length + k], 0);
            done += h.content_length;
            at += 8u + h.content_length + h.padding_length;
        }
        assert_int_equal(done, lengths[i]);
        bytes_clear(&b);
        bytes_init(&b, record_stream_size(lengths[i]) - 1);
        assert_int_equal(record_stream(&b, FCGI_STDOUT, 3, data, lengths[i]), -ENOBUFS);
        assert_int_equal(bytes_held(&b), 0);
        bytes_clear(&b);
    }
    assert_int_equal(record_stream_size(0), 0);
    assert_true(record_stream_size(SIZE_MAX) == SIZE_MAX);
    free(data);
}

/* ---- the client ------------------------------------------------------------------------- */

/* What it says, as text; pieces of `step` bytes (0: whole). */
static void run_client(struct bytes *text, const struct bytes *b, uint16_t id, size_t step)
{
    struct client *c = client_new(id);
    size_t total = bytes_held(b), at = 0;
    char last = ' ';

    bytes_init(text, 1u << 22);
    while (at < total) {
        size_t piece = step == 0 || step > total - at ? total - at : step;
        uint8_t *copy = malloc(piece);
        const uint8_t *data = copy;
        size_t length = piece;
        struct client_event ev;
        struct error err = ERROR_NONE;

        memcpy(copy, bytes_front(b) + at, piece);
        at += piece;
        do {
            if (client_next(c, &data, &length, &ev, &err) < 0) {
                assert_true(err.text[0] != '\0');
                bytes_printf(text, " error");
                assert_true(client_next(c, &data, &length, &ev, NULL) < 0);
                at = total;
                break;
            }
            char now = ev.type == CLIENT_STDOUT ? 'o' : ev.type == CLIENT_STDERR ? 'e' : ' ';

            if (now != ' ' && now != last)
                bytes_printf(text, " %c:", now);
            if (now != ' ')
                bytes_append(text, ev.data, ev.length);
            if (ev.type == CLIENT_END)
                bytes_printf(text, " end%u/%u", ev.app_status, ev.protocol_status);
            if (ev.type == CLIENT_OTHER)
                bytes_printf(text, " other%u<%zu>", ev.header.type, ev.length);
            last = ev.type == CLIENT_MORE ? last : now;
        } while (ev.type != CLIENT_MORE);
        free(copy);
    }
    client_free(c);
}

static void put(struct bytes *b, unsigned type, unsigned id, const char *content, size_t length,
                unsigned padding)
{
    uint8_t header[8] = {1,
                         (uint8_t)type,
                         (uint8_t)(id >> 8),
                         (uint8_t)id,
                         (uint8_t)(length >> 8),
                         (uint8_t)length,
                         (uint8_t)padding,
                         0x55};

    bytes_append(b, header, 8);
    bytes_append(b, content, length);
    for (unsigned i = 0; i < padding; i++)
        bytes_append(b, "\x01", 1);
}

struct answer {
    unsigned type, id;
    const char *content;
    size_t length;
};
static const char end_body[8] = {0, 0, 0, 5, 0};

static const struct client_row {
    const char *name;
    const char *want;
    struct answer answers[6];
} rows[] = {
    {"a usual answer",
     " o:helloworld end5/0",
     {{6, 1, "hello", 5}, {6, 1, "world", 5}, {6, 1, "", 0}, {3, 1, end_body, 8}}},
    {"both streams",
     " o:a e:b o:c end5/0",
     {{6, 1, "a", 1},
      {7, 1, "b", 1},
      {6, 1, "c", 1},
      {7, 1, "", 0},
      {6, 1, "", 0},
      {3, 1, end_body, 8}}},
    {"streams that are not ended", " o:a end5/0", {{6, 1, "a", 1}, {3, 1, end_body, 8}}},
    {"management records",
     " other10<0> other11<8> other10<3>",
     {{10, 0, "", 0}, {11, 0, "\x4d\0\0\0\0\0\0", 8}, {10, 0, "abc", 3}}},
    {"STDOUT after its end", " error", {{6, 1, "", 0}, {6, 1, "x", 1}}},
    {"STDOUT ended twice", " error", {{6, 1, "", 0}, {6, 1, "", 0}}},
    {"STDERR after its end", " error", {{7, 1, "", 0}, {7, 1, "x", 1}}},
    {"another id", " error", {{6, 2, "x", 1}}},
    {"STDOUT with id 0", " error", {{6, 0, "x", 1}}},
    {"END_REQUEST of 7 bytes", " error", {{3, 1, end_body, 7}}},
    {"a record after END_REQUEST", " end5/0 error", {{3, 1, end_body, 8}, {6, 1, "x", 1}}},
    {"END_REQUEST twice", " end5/0 error", {{3, 1, end_body, 8}, {3, 1, end_body, 8}}},
    {"BEGIN_REQUEST from an application", " error", {{1, 1, end_body, 8}}},
    {"STDIN from an application", " error", {{5, 1, "x", 1}}},
};

static void test_client_row(void **state)
{
    static const unsigned paddings[] = {0, 1, 7, 8, 255};
    const struct client_row *row = *state;

    for (size_t p = 0; p < sizeof paddings / sizeof paddings[0]; p++) {
        struct bytes b, text;

        bytes_init(&b, 1u << 16);
        for (size_t i = 0; i < 6 && row->answers[i].content != NULL; i++)
            put(&b, row->answers[i].type, row->answers[i].id, row->answers[i].content,
                row->answers[i].length, paddings[p]);
        for (size_t step = 0; step < bytes_held(&b); step++) {
            run_client(&text, &b, 1, step);
            assert_string_equal(bytes_string(&text), row->want);
            bytes_clear(&text);
        }
        bytes_clear(&b);
    }
}

/* After CLIENT_END the next byte belongs to another answer. */
static void test_end_takes_padding(void **state)
{
    (void)state;
    struct bytes b;
    struct client *c = client_new(1);
    struct client_event ev;

    bytes_init(&b, 4096);
    put(&b, 3, 1, end_body, 8, 200);
    size_t first = bytes_held(&b);

    put(&b, 6, 2, "next", 4, 0);
    const uint8_t *data = bytes_front(&b);
    size_t length = bytes_held(&b);

    assert_int_equal(client_next(c, &data, &length, &ev, NULL), 0);
    assert_int_equal(ev.type, CLIENT_END);
    assert_ptr_equal(data, bytes_front(&b) + first);
    client_free(c);
    assert_null(client_free(NULL));
    bytes_clear(&b);
}

/* Client → reader: what the one writes the other reads; and it is written whole or not at all. */
static void test_begin(void **state)
{
    (void)state;
    static const struct client_param params[] = {{"A", "b"}, {"EMPTY", ""}, {"PATH_INFO", "/x"}};
    struct bytes b;
    struct reader *r = reader_new(NULL);
    struct reader_event ev;

    bytes_init(&b, 1000);
    bytes_append(&b, "before", 6);
    assert_int_equal(client_begin(&b, 300, FCGI_RESPONDER, FCGI_KEEP_CONN, params, 3), 0);
    size_t whole = bytes_held(&b);

    bytes_consume(&b, 6);
    const uint8_t *data = bytes_front(&b);
    size_t length = bytes_held(&b);

    assert_int_equal(reader_next(r, &data, &length, &ev, NULL), 0);
    assert_int_equal(ev.type, READER_BEGAN);
    assert_int_equal(reader_next(r, &data, &length, &ev, NULL), 0);
    assert_int_equal(ev.type, READER_REQUEST);
    assert_int_equal(ev.id, 300);
    assert_int_equal(ev.flags, FCGI_KEEP_CONN);
    assert_int_equal(params_count(ev.params), 3);
    assert_string_equal(params_find(ev.params, "PATH_INFO", NULL), "/x");
    assert_string_equal(params_find(ev.params, "EMPTY", NULL), "");
    assert_int_equal(length, 0);
    params_free(ev.params);
    reader_free(r);
    bytes_clear(&b);
    for (size_t room = 6; room < whole; room++) {
        bytes_init(&b, room);
        bytes_append(&b, "before", 6);
        assert_int_equal(client_begin(&b, 300, FCGI_RESPONDER, 0, params, 3), -ENOBUFS);
        assert_int_equal(bytes_held(&b), 6);
        bytes_clear(&b);
    }
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(test_bytes_of_records),
        cmocka_unit_test(test_stream_sizes),
        cmocka_unit_test(test_end_takes_padding),
        cmocka_unit_test(test_begin),
    };
    static struct CMUnitTest tests[ROWS + sizeof more / sizeof more[0]];

    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = test_client_row,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    memcpy(tests + ROWS, more, sizeof more);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
