/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces one behind the other, up to a page's end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "report/pen.h"

static const struct {
    uint64_t millionths;
    unsigned least;
    const char *want;
} decimals[] = {
    {0, 0, "0"},
    {0, 1, "0.0"},
    {0, 2, "0.00"},
    {1, 0, "0.000001"},
    {1500000, 1, "1.5"},
    {1500000, 2, "1.50"},
    {1500000, 6, "1.500000"},
    {25000000, 0, "25"},
    {25000000, 1, "25.0"},
    {999999, 2, "0.999999"},
    {1000001, 2, "1.000001"},
    {10010, 2, "0.01001"},
    {UINT64_MAX, 1, "18446744073709.551615"},
};

static void test_decimals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++) {
        struct bytes out;
        struct pen p;
        bytes_init(&out, 64);
        pen_init(&p, &out);
        pen_decimal(&p, decimals[i].millionths, decimals[i].least);
        assert_int_equal(pen_done(&p), 0);
        assert_string_equal(bytes_string(&out), decimals[i].want);
        bytes_clear(&out);
    }
}

static void test_numbers_and_quotes(void **state)
{
    (void)state;
    struct bytes out;
    struct pen p;
    bytes_init(&out, 256);
    pen_init(&p, &out);
    pen_number(&p, 0);
    pen_text(&p, " ");
    pen_number(&p, UINT64_MAX);
    pen_quoted(&p, "");
    pen_quoted(&p, "a\"b\\c<\xc3\xa9>");
    assert_int_equal(pen_held(&p), bytes_held(&out) + (size_t)(p.at - p.from));
    assert_int_equal(pen_done(&p), 0);
    assert_string_equal(bytes_string(&out), "0 18446744073709551615\"\"\"a\\\"b\\\\c<\xc3\xa9>\"");
    bytes_clear(&out);
}

/* Behind what was there before, never past the maximum, and the first error stays. */
static void test_the_end(void **state)
{
    (void)state;
    for (size_t maximum = 0; maximum < 300; maximum++) {
        struct bytes out;
        struct pen p;
        bytes_init(&out, maximum);
        bool fits = bytes_append(&out, "front", 5) == 0;
        pen_init(&p, &out);
        for (unsigned i = 0; i < 20; i++) {
            pen_text(&p, "0123456789");
            pen_quoted(&p, "");
        }
        int rc = pen_done(&p);
        assert_int_equal(rc, maximum < 245 - (fits ? 0 : 5) ? -ENOBUFS : 0);
        assert_true(bytes_held(&out) <= maximum);
        if (fits)
            assert_memory_equal(bytes_front(&out), "front0123456789", maximum < 15 ? 5 : 15);
        bytes_clear(&out);
    }
}

static void test_much(void **state)
{
    (void)state;
    struct bytes out;
    struct pen p;
    bytes_init(&out, 4 << 20);
    pen_init(&p, &out);
    for (unsigned i = 0; i < 100000; i++)
        pen_text(&p, "0123456789abcdef");
    assert_int_equal(pen_done(&p), 0);
    assert_int_equal(bytes_held(&out), 1600000);
    for (size_t i = 0; i < 1600000; i += 16)
        assert_memory_equal(bytes_front(&out) + i, "0123456789abcdef", 16);
    bytes_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_numbers_and_quotes),
        cmocka_unit_test(test_the_end),
        cmocka_unit_test(test_much),
    };
    return cmocka_run_group_tests_name("report-pen", tests, NULL, NULL);
}
