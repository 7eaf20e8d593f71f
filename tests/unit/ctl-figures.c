/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in few columns. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "ctl/figures.h"

static void test_whole(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *age, *bytes, *count;
    } cases[] = {
        {0, "0s", "0", "0"},
        {59, "59s", "0.1K", "59"},
        {60, "1m", "0.1K", "60"},
        {3599, "59m", "3.5K", "3599"},
        {3600, "1h00m", "3.5K", "3600"},
        {86399, "23h59m", "84K", "86399"},
        {86400, "1d00h", "84K", "86400"},
        {99999, "1d03h", "98K", "99999"},
        {100000, "1d03h", "98K", "100k"},
        {863999, "9d23h", "844K", "864k"},
        {864000, "10d", "844K", "864k"},
        {999499, "11d", "976K", "999k"},
        {999500, "11d", "976K", "1.0M"},
        {1047000, "12d", "1022K", "1.0M"},
        {1048064, "12d", "1.0M", "1.0M"},
        {UINT64_MAX, "99999d", "16E", "18E"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[FIGURES_MAX];
        assert_string_equal(figures_age(out, cases[i].value), cases[i].age);
        assert_string_equal(figures_bytes(out, cases[i].value), cases[i].bytes);
        assert_string_equal(figures_count(out, cases[i].value), cases[i].count);
    }
}

static void test_fractions(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *rate, *span;
    } cases[] = {
        {0, "0", "0"},
        {-1, "0", "0"},
        {4e-7, "0", "0"},
        {8.5e-5, "0", "85us"},
        {0.0012, "0", "1.2ms"},
        {0.00995, "0.01", "10ms"},
        {0.34, "0.3", "340ms"},
        {0.9994, "1.0", "999ms"},
        {0.9996, "1.0", "1.0s"},
        {31.52, "31.5", "31.5s"},
        {59.96, "60.0", "0m59s"},
        {99.94, "99.9", "1m39s"},
        {99.96, "100", "1m39s"},
        {3599, "3599", "59m59s"},
        {12345, "12345", "3h25m"},
        {123456, "123k", "1d10h"},
        {1e300, "1000000000000000000", "99999d"},
    };
    char out[FIGURES_MAX];
    for (size_t i = 0; i + 1 < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(figures_rate(out, cases[i].value), cases[i].rate);
        assert_string_equal(figures_span(out, cases[i].value), cases[i].span);
    }
    assert_string_equal(figures_rate(out, (double)NAN), "0");
    assert_string_equal(figures_span(out, (double)NAN), "0");
    assert_true(strlen(figures_rate(out, (double)INFINITY)) < 6);
    assert_true(strlen(figures_rate(out, 1e300)) < 6);
}

/* They fit into the columns that were measured for them. */
static void test_widths(void **state)
{
    (void)state;
    char out[FIGURES_MAX];
    for (double value = 1e-9; value < 1e17; value *= 1.01) {
        if (strlen(figures_rate(out, value)) > 5)
            fail_msg("rate %g: %s", value, out);
        if (value < 86400.0 * 1000 && strlen(figures_span(out, value)) > 6)
            fail_msg("span %g: %s", value, out);
        if (strlen(figures_count(out, (uint64_t)value)) > 5)
            fail_msg("count %g: %s", value, out);
        if (strlen(figures_bytes(out, (uint64_t)value)) > 5)
            fail_msg("bytes %g: %s", value, out);
        if (value < 86400.0 * 1000 && strlen(figures_age(out, (uint64_t)value)) > 6)
            fail_msg("age %g: %s", value, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole),
                                       cmocka_unit_test(test_fractions),
                                       cmocka_unit_test(test_widths)};
    return cmocka_run_group_tests_name("ctl-figures", tests, NULL, NULL);
}
