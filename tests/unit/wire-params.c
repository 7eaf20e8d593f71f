/* SPDX-License-Identifier: Apache-2.0 */

/* Name-value pairs: every form of length, limits, and encode → decode as identity. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/params.h"

static const struct params_limits wide = {
    .total = 1u << 22, .name = 1u << 20, .value = 1u << 20, .count = 10000};

static uint32_t random_state = 20261121;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

/* Feed an encoded run in random pieces; the last result. */
static int feed_pieces(struct params *p, const struct bytes *b)
{
    size_t at = 0, total = bytes_held(b);
    int r = PARAMS_OK;

    while (at < total && r >= 0) {
        size_t piece = 1 + next_random(next_random(4) == 0 ? 700 : 9);

        if (piece > total - at)
            piece = total - at;
        uint8_t *copy = malloc(piece);

        memcpy(copy, bytes_front(b) + at, piece);
        r = params_feed(p, copy, piece);
        free(copy);
        at += piece;
    }
    return r;
}

static void test_identity(void **state)
{
    (void)state;
    static const size_t edges[] = {0, 1, 2, 126, 127, 128, 129, 255, 256, 65535, 65536};
    enum { EDGES = sizeof edges / sizeof edges[0] };

    for (unsigned round = 0; round < 300; round++) {
        struct bytes b;
        struct params *p = params_new(&wide);
        size_t count = next_random(12);
        char *names[12], *values[12];
        size_t name_lengths[12], value_lengths[12];

        bytes_init(&b, 1u << 23);
        for (size_t i = 0; i < count; i++) {
            name_lengths[i] = next_random(3) == 0 ? edges[next_random(EDGES - 2)] : next_random(40);
            value_lengths[i] = next_random(3) == 0 ? edges[next_random(EDGES)] : next_random(400);
            names[i] = malloc(name_lengths[i] + 1);
            values[i] = malloc(value_lengths[i] + 1);
            for (size_t k = 0; k < name_lengths[i]; k++)
                names[i][k] = (char)next_random(256);
            for (size_t k = 0; k < value_lengths[i]; k++)
                values[i][k] = (char)next_random(256);
            assert_int_equal(
                params_encode(&b, names[i], name_lengths[i], values[i], value_lengths[i]), 0);
        }
        assert_int_equal(feed_pieces(p, &b), PARAMS_OK);
        assert_int_equal(params_finish(p), 0);
        assert_int_equal(params_count(p), count);
        for (size_t i = 0; i < count; i++) {
            const char *name, *value;
            size_t name_length, value_length;

            params_get(p, i, &name, &name_length, &value, &value_length);
            assert_int_equal(name_length, name_lengths[i]);
            assert_int_equal(value_length, value_lengths[i]);
            assert_memory_equal(name, names[i], name_length);
            assert_memory_equal(value, values[i], value_length);
            assert_int_equal(name[name_length], '\0');
            assert_int_equal(value[value_length], '\0');
            free(names[i]);
            free(values[i]);
        }
        params_free(p);
        bytes_clear(&b);
    }
}

static void test_d48_length_forms(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        const char *want;
        size_t want_length;
    } forms[] = {
        {0, "\x00", 1},
        {127, "\x7f", 1},
        {128, "\x80\x00\x00\x80", 4},
        {65536, "\x80\x01\x00\x00", 4},
    };
    char *text = calloc(1, 65536);

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct bytes b;

        bytes_init(&b, 1u << 20);
        assert_int_equal(params_encode(&b, text, forms[i].length, "", 0), 0);
        assert_memory_equal(bytes_front(&b), forms[i].want, forms[i].want_length);
        assert_int_equal(bytes_held(&b), forms[i].want_length + 1 + forms[i].length);
        bytes_clear(&b);
    }
    free(text);
}

static void test_encode_limits(void **state)
{
    (void)state;
    struct bytes b;

    bytes_init(&b, 10);
    assert_int_equal(params_encode(&b, "abc", 3, "12345", 5), 0); /* exactly 10 */
    assert_int_equal(params_encode(&b, "", 0, "", 0), -ENOBUFS);
    bytes_clear(&b);
    bytes_init(&b, 9);
    assert_int_equal(params_encode(&b, "abc", 3, "12345", 5), -ENOBUFS);
    assert_int_equal(bytes_held(&b), 0);
    assert_int_equal(params_encode(&b, "", (size_t)INT32_MAX + 1, "", 0), -EINVAL);
    assert_int_equal(params_encode(&b, "", 0, "", SIZE_MAX), -EINVAL);
    assert_int_equal(params_encode(&b, "", INT32_MAX, "", INT32_MAX), -ENOBUFS);
    bytes_clear(&b);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct params_limits tight = {.total = 20, .name = 8, .value = 10, .count = 3};
    static const struct {
        const char *what;
        const char *data;
        size_t length;
        int want;
        int finish;
    } rows[] = {
        {"all at their limits",
         "\x08\x0aNNNNNNNNvvvvvvvvvv\x01\x01"
         "ab\x00\x00",
         26, PARAMS_OK, 0},
        {"name", "\x09\x00NNNNNNNNN", 11, PARAMS_TOO_LARGE, 0},
        {"value", "\x00\x0bvvvvvvvvvvv", 13, PARAMS_TOO_LARGE, 0},
        {"total",
         "\x08\x0aNNNNNNNNvvvvvvvvvv\x01\x02"
         "abc",
         25, PARAMS_TOO_LARGE, 0},
        {"count", "\0\0\0\0\0\0\0\0", 8, PARAMS_TOO_LARGE, 0},
        {"announced only", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, PARAMS_TOO_LARGE, -EPROTO},
        {"too large and cut", "\x09\x00NNNN", 6, PARAMS_TOO_LARGE, -EPROTO},
        {"too large, then more",
         "\x09\x00NNNNNNNNN\x01\x01"
         "ab",
         15, PARAMS_TOO_LARGE, 0},
        {"inside a long length", "\x80\x00", 2, PARAMS_OK, -EPROTO},
        {"one byte", "\x01", 1, PARAMS_OK, -EPROTO},
        {"nothing", "", 0, PARAMS_OK, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t split = 0; split <= rows[i].length; split++) {
            struct params *p = params_new(&tight);

            params_feed(p, rows[i].data, split);
            int r = params_feed(p, rows[i].data + split, rows[i].length - split);

            if (r != rows[i].want || params_finish(p) != rows[i].finish)
                print_error("%s, split at %zu\n", rows[i].what, split);
            assert_int_equal(r, rows[i].want);
            assert_int_equal(params_finish(p), rows[i].finish);
            if (r == PARAMS_TOO_LARGE) {
                assert_int_equal(params_count(p), 0);
                assert_int_equal(params_held(p), 0);
            }
            params_free(p);
        }
    }
}

static void test_find_and_cut(void **state)
{
    (void)state;
    struct params *p = params_new(&wide);
    struct bytes b;
    size_t length = 99;

    bytes_init(&b, 1000);
    params_encode(&b, "A", 1, "first", 5);
    params_encode(&b, "B", 1, "", 0);
    params_encode(&b, "A", 1, "last?x", 6);
    params_encode(&b, "AB", 2, "other", 5);
    params_feed(p, bytes_front(&b), bytes_held(&b));
    assert_string_equal(params_find(p, "A", &length), "last?x");
    assert_int_equal(length, 6);
    assert_string_equal(params_find(p, "B", NULL), "");
    assert_null(params_find(p, "a", NULL));
    assert_null(params_find(p, "", NULL));
    params_cut(p, "A", 6);
    params_cut(p, "A", 100);
    params_cut(p, "nowhere", 0);
    assert_string_equal(params_find(p, "A", NULL), "last?x");
    params_cut(p, "A", 4);
    assert_string_equal(params_find(p, "A", &length), "last");
    assert_int_equal(length, 4);
    assert_true(params_held(p) > 0);
    params_overflow(p);
    params_overflow(p);
    assert_int_equal(params_feed(p, "", 0), PARAMS_TOO_LARGE);
    assert_int_equal(params_count(p), 0);
    assert_null(params_find(p, "A", NULL));
    assert_null(params_free(p));
    assert_null(params_free(NULL));
    bytes_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),      cmocka_unit_test(test_d48_length_forms),
        cmocka_unit_test(test_encode_limits), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_find_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
