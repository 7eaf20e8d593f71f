/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as tables, and the property that what is formatted reads back equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/number.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_parse(void **unused)
{
    static const struct {
        const char *text;
        uint64_t maximum;
        int result;
        uint64_t value;
    } rows[] = {
        {"0", 0, 0, 0},
        {"007", 10, 0, 7},
        {"10", 10, 0, 10},
        {"11", 10, -ERANGE, 0},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999", UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999x", UINT64_MAX, -EINVAL, 0},
        {"", UINT64_MAX, -EINVAL, 0},
        {" 1", UINT64_MAX, -EINVAL, 0},
        {"1 ", UINT64_MAX, -EINVAL, 0},
        {"+1", UINT64_MAX, -EINVAL, 0},
        {"-1", UINT64_MAX, -EINVAL, 0},
        {"0x10", UINT64_MAX, -EINVAL, 0},
        {"1\n", UINT64_MAX, -EINVAL, 0},
        {"\xd9\xa1", UINT64_MAX, -EINVAL, 0}, /* ARABIC-INDIC DIGIT ONE */
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value = 4711;

        assert_int_equal(number_parse(rows[i].text, rows[i].maximum, &value), rows[i].result);
        assert_int_equal(value, rows[i].result == 0 ? rows[i].value : 4711);
    }
}

static void test_parse_bytes_stops_at_the_length(void **unused)
{
    uint64_t value = 0;

    (void)unused;
    assert_int_equal(number_parse_bytes("123x", 3, 1000, &value), 0);
    assert_int_equal(value, 123);
    assert_int_equal(number_parse_bytes("1\0002", 3, 1000, &value), -EINVAL);
    assert_int_equal(number_parse_bytes("", 0, 1000, &value), -EINVAL);
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;

        assert_int_equal(number_parse_bytes(&byte, 1, 9, &value),
                         c >= '0' && c <= '9' ? 0 : -EINVAL);
    }
}

static void test_signed(void **unused)
{
    static const struct {
        const char *text;
        int64_t minimum, maximum;
        int result;
        int64_t value;
    } rows[] = {
        {"-1", -1, 5, 0, -1},
        {"+5", -1, 5, 0, 5},
        {"-0", 0, 5, 0, 0},
        {"-2", -1, 5, -ERANGE, 0},
        {"6", -1, 5, -ERANGE, 0},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX},
        {"9223372036854775808", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"--1", INT64_MIN, INT64_MAX, -EINVAL, 0},
        {"+-1", INT64_MIN, INT64_MAX, -EINVAL, 0},
        {"-", INT64_MIN, INT64_MAX, -EINVAL, 0},
        {"", INT64_MIN, INT64_MAX, -EINVAL, 0},
        {"- 1", INT64_MIN, INT64_MAX, -EINVAL, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t value = 4711;

        assert_int_equal(
            number_parse_signed(rows[i].text, rows[i].minimum, rows[i].maximum, &value),
            rows[i].result);
        assert_int_equal(value, rows[i].result == 0 ? rows[i].value : 4711);
    }
}

struct unit_row {
    const char *text;
    int result;
    uint64_t value;
};

static void check_units(const struct unit_row *rows, size_t n,
                        int (*parse)(const char *, uint64_t *))
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 4711;

        if (parse(rows[i].text, &value) != rows[i].result)
            fail_msg("\"%s\": not %d", rows[i].text, rows[i].result);
        assert_int_equal(value, rows[i].result == 0 ? rows[i].value : 4711);
    }
}

static void test_size(void **unused)
{
    static const struct unit_row rows[] = {
        {"512", 0, 512},
        {"512B", 0, 512},
        {"64k", 0, 65536},
        {"64K", 0, 65536},
        {"64kB", 0, 65536},
        {"16M", 0, 16u << 20},
        {"1g", 0, 1u << 30},
        {"0", 0, 0},
        {"0G", 0, 0},
        {"k", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"64kk", -EINVAL, 0},
        {"64 k", -EINVAL, 0},
        {"-1k", -EINVAL, 0},
        {"1.5M", -EINVAL, 0},
        {"64KiB", -EINVAL, 0},
        {"1T", -EINVAL, 0},
        {"17179869184G", -ERANGE, 0},
        {"17179869183G", 0, UINT64_C(17179869183) << 30},
        {"1BB", -EINVAL, 0},
        {"B", -EINVAL, 0},
        {"99999999999999999999", -ERANGE, 0},
    };

    (void)unused;
    check_units(rows, COUNT(rows), number_parse_size);
}

static void test_duration(void **unused)
{
    static const struct unit_row rows[] = {
        {"10", 0, 10000000},
        {"10s", 0, 10000000},
        {"200ms", 0, 200000},
        {"1.5s", 0, 1500000},
        {"1.5", 0, 1500000},
        {"0.001ms", 0, 1},
        {"1.50000000000000s", 0, 1500000},
        {"0.5m", 0, 30000000},
        {"5m", 0, 300000000},
        {"1h", 0, UINT64_C(3600000000)},
        {"1d", 0, UINT64_C(86400000000)},
        {"0", 0, 0},
        {"0s", 0, 0},
        {"1.0000001s", -EINVAL, 0}, /* not a whole microsecond */
        {"0.333333333s", -EINVAL, 0},
        {"1.s", -EINVAL, 0},
        {".5s", -EINVAL, 0},
        {"1.5.5s", -EINVAL, 0},
        {"1,5s", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"10 s", -EINVAL, 0},
        {"-1s", -EINVAL, 0},
        {"10S", -EINVAL, 0},
        {"10sec", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"18446744073709.551615s", 0, UINT64_MAX},
        {"18446744073709.551616s", -ERANGE, 0},
        {"213503983d", -ERANGE, 0},
    };

    (void)unused;
    check_units(rows, COUNT(rows), number_parse_duration);
}

static void test_mode(void **unused)
{
    static const struct {
        const char *text;
        int result;
        uint32_t value;
    } rows[] = {
        {"0660", 0, 0660},     {"660", 0, 0660},     {"0", 0, 0},
        {"7777", 0, 07777},    {"07777", 0, 07777},  {"0000660", 0, 0660},
        {"10000", -ERANGE, 0}, {"888", -EINVAL, 0},  {"", -EINVAL, 0},
        {"0x1ff", -EINVAL, 0}, {"-660", -EINVAL, 0}, {"77777777777777777777", -ERANGE, 0},
        {"u+rw", -EINVAL, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t value = 4711;

        assert_int_equal(number_parse_mode(rows[i].text, &value), rows[i].result);
        assert_int_equal(value, rows[i].result == 0 ? rows[i].value : 4711);
    }
}

static void test_formats_are_short(void **unused)
{
    char out[NUMBER_TEXT_MAX];

    (void)unused;
    assert_string_equal(number_format_size(out, 0), "0");
    assert_string_equal(number_format_size(out, 65536), "64k");
    assert_string_equal(number_format_size(out, 65537), "65537");
    assert_string_equal(number_format_size(out, UINT64_C(3) << 30), "3G");
    assert_string_equal(number_format_duration(out, 0), "0s");
    assert_string_equal(number_format_duration(out, 200000), "200ms");
    assert_string_equal(number_format_duration(out, 1500000), "1.5s");
    assert_string_equal(number_format_duration(out, 10000000), "10s");
    assert_string_equal(number_format_duration(out, 300000000), "5m");
    assert_string_equal(number_format_duration(out, UINT64_C(86400000000)), "1d");
    assert_string_equal(number_format_duration(out, 1), "0.001ms");
}

static void check_round_trip(uint64_t value)
{
    char out[NUMBER_TEXT_MAX];
    uint64_t back = ~value;

    assert_int_equal(number_parse_size(number_format_size(out, value), &back), 0);
    assert_int_equal(back, value);
    back = ~value;
    assert_int_equal(number_parse_duration(number_format_duration(out, value), &back), 0);
    assert_int_equal(back, value);
}

static void test_what_is_formatted_reads_back(void **unused)
{
    static const uint64_t factors[] = {1,        10,       1000,     1024,       1000000,
                                       1u << 20, 60000000, 1u << 30, 3600000000u};

    (void)unused;
    srand(11);
    check_round_trip(UINT64_MAX);
    for (unsigned bit = 0; bit < 64; bit++) {
        check_round_trip(UINT64_C(1) << bit);
        check_round_trip((UINT64_C(1) << bit) - 1);
    }
    for (int i = 0; i < 50000; i++) {
        uint64_t value = ((uint64_t)rand() << 33) ^ ((uint64_t)rand() << 11) ^ (uint64_t)rand();

        value >>= rand() % 64;
        check_round_trip(value);
        check_round_trip(value % 100000 * factors[(size_t)rand() % COUNT(factors)]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_bytes_stops_at_the_length),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_formats_are_short),
        cmocka_unit_test(test_what_is_formatted_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
