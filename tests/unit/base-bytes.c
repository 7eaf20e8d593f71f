/* SPDX-License-Identifier: Apache-2.0 */
/* The run of bytes against a model, its limits, and the NUL that does not count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"

static void check_invariant(const struct bytes *b)
{
    assert_true(b->start <= b->end && b->end <= b->capacity && b->capacity <= b->maximum);
    assert_int_equal(b->data == NULL, b->capacity == 0);
}

static void test_empty(void **unused)
{
    struct bytes b;

    (void)unused;
    bytes_init(&b, 10);
    assert_int_equal(bytes_held(&b), 0);
    assert_int_equal(bytes_room(&b), 10);
    assert_non_null(bytes_front(&b));
    assert_string_equal(bytes_string(&b), "");
    assert_int_equal(bytes_append(&b, NULL, 0), 0);
    bytes_consume(&b, 5);
    check_invariant(&b);
    bytes_clear(&b);
    bytes_clear(NULL);
}

static void test_the_maximum_is_exact(void **unused)
{
    struct bytes b;

    (void)unused;
    for (size_t maximum = 0; maximum < 600; maximum += maximum < 8 ? 1 : 37) {
        char data[600] = {0};

        bytes_init(&b, maximum);
        assert_int_equal(bytes_append(&b, data, maximum + 1), -ENOBUFS);
        assert_int_equal(bytes_held(&b), 0);
        assert_int_equal(bytes_append(&b, data, maximum), 0);
        assert_int_equal(bytes_append(&b, data, 1), -ENOBUFS);
        assert_null(bytes_reserve(&b, 1));
        assert_non_null(bytes_reserve(&b, 0));
        assert_int_equal(bytes_printf(&b, "x"), -ENOBUFS);
        assert_int_equal(bytes_held(&b), maximum);
        assert_int_equal(bytes_string(&b)[maximum], 0); /* the NUL fits behind a full run */
        check_invariant(&b);
        bytes_clear(&b);
        assert_int_equal(bytes_room(&b), maximum);
    }
}

static void test_absurd_lengths(void **unused)
{
    struct bytes b;

    (void)unused;
    bytes_init(&b, SIZE_MAX);
    assert_int_equal(bytes_append(&b, "abc", 3), 0);
    assert_null(bytes_reserve(&b, SIZE_MAX));
    assert_null(bytes_reserve(&b, SIZE_MAX - 3));
    assert_int_equal(bytes_append(&b, "abc", SIZE_MAX), -ENOBUFS);
    assert_memory_equal(bytes_front(&b), "abc", 3);
    bytes_clear(&b);
}

static void test_printf(void **unused)
{
    struct bytes b;

    (void)unused;
    bytes_init(&b, 8);
    assert_int_equal(bytes_printf(&b, "%s-%d", "ab", 42), 0);
    assert_int_equal(bytes_printf(&b, "%s", ""), 0);
    assert_int_equal(bytes_printf(&b, "%s", "1234"), -ENOBUFS);
    assert_int_equal(bytes_printf(&b, "%s", "123"), 0);
    assert_string_equal(bytes_string(&b), "ab-42123");
    bytes_consume(&b, 3);
    assert_string_equal(bytes_string(&b), "42123");
    check_invariant(&b);
    bytes_clear(&b);
}

static void test_commit_is_bounded(void **unused)
{
    struct bytes b;

    (void)unused;
    bytes_init(&b, 64);
    assert_non_null(bytes_reserve(&b, 4));
    memcpy(bytes_reserve(&b, 4), "abcd", 4);
    bytes_commit(&b, 4);
    bytes_commit(&b, SIZE_MAX);
    check_invariant(&b);
    bytes_consume(&b, SIZE_MAX);
    assert_int_equal(bytes_held(&b), 0);
    bytes_clear(&b);
}

/* Random appends and consumes: what comes out is what went in. */
static void test_against_a_model(void **unused)
{
    struct bytes b;
    unsigned next_in = 0;
    unsigned next_out = 0;

    (void)unused;
    srand(7);
    bytes_init(&b, 5000);
    for (int step = 0; step < 20000; step++) {
        size_t n = (size_t)rand() % 700;

        if (rand() % 2 == 0) {
            uint8_t *to = bytes_reserve(&b, n);

            if (to == NULL) {
                assert_true(n > bytes_room(&b));
                continue;
            }
            for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)(next_in++ % 251);
            bytes_commit(&b, n);
        } else {
            if (n > bytes_held(&b))
                n = bytes_held(&b);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(bytes_front(&b)[i], next_out++ % 251);
            bytes_consume(&b, n);
        }
        check_invariant(&b);
        assert_int_equal(bytes_held(&b), next_in - next_out);
    }
    bytes_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_the_maximum_is_exact),
        cmocka_unit_test(test_absurd_lengths),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_commit_is_bounded),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
