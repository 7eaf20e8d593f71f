/* SPDX-License-Identifier: Apache-2.0 */
/* Stamps in fixed time zones, and for absurd times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

static void test_stamps(void **unused)
{
    static const struct {
        const char *zone;
        uint64_t wall;
        const char *log, *status;
    } rows[] = {
        {"UTC0", 0, "01-Jan-1970 00:00:00", "01/Jan/1970:00:00:00 +0000"},
        {"UTC0", UINT64_C(1795300300999999), "21-Nov-2026 22:31:40", "21/Nov/2026:22:31:40 +0000"},
        {"IST-5:30", UINT64_C(1795300300000000), "22-Nov-2026 04:01:40",
         "22/Nov/2026:04:01:40 +0530"},
        {"NST3:30", UINT64_C(1795300300000000), "21-Nov-2026 19:01:40",
         "21/Nov/2026:19:01:40 -0330"},
    };
    char out[CLOCK_TEXT_MAX];

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        setenv("TZ", rows[i].zone, 1);
        tzset();
        assert_string_equal(clock_format_log(out, rows[i].wall), rows[i].log);
        assert_string_equal(clock_format_status(out, rows[i].wall), rows[i].status);
    }
}

static void test_any_number_is_a_date(void **unused)
{
    char out[CLOCK_TEXT_MAX];

    (void)unused;
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_int_equal(strlen(clock_format_log(out, (UINT64_C(1) << bit) - 1)), 20);
        assert_int_equal(strlen(clock_format_status(out, UINT64_C(1) << bit)), 26);
    }
    assert_int_equal(strlen(clock_format_log(out, UINT64_MAX)), 20);
}

static void test_clocks_run(void **unused)
{
    uint64_t before = clock_monotonic();

    (void)unused;
    assert_true(clock_monotonic() >= before);
    assert_true(clock_wall() > UINT64_C(1600000000) * CLOCK_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_any_number_is_a_date),
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
