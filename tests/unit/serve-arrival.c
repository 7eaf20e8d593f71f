/* SPDX-License-Identifier: Apache-2.0 */
/* REQUEST_START: what it may look like, and what cannot be meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "serve/arrival.h"

#define NOW UINT64_C(1795330000500000)

static void test_since(void **unused)
{
    static const struct {
        const char *text;
        uint64_t usec;
    } rows[] = {
        {"1795330000.250", 250000},
        {"t=1795330000.250", 250000},
        {"1795330000.2", 300000},
        {"1795330000.4999999", 1},
        {"1795330000", 500000},
        {"1795330000250", 250000},
        {"t=1795330000250000", 250000},
        {"1795330001.400", 0},                /* a clock that is ahead */
        {"1795330001.501", ARRIVAL_UNKNOWN},  /* too far */
        {"1795326400.500", 3600 * CLOCK_SEC}, /* an hour */
        {"1795326400.499", ARRIVAL_UNKNOWN},
        {"0", ARRIVAL_UNKNOWN},
        {"", ARRIVAL_UNKNOWN},
        {".", ARRIVAL_UNKNOWN},
        {"1795330000.", ARRIVAL_UNKNOWN},
        {".5", ARRIVAL_UNKNOWN},
        {"1795330000.25x", ARRIVAL_UNKNOWN},
        {"-1795330000.25", ARRIVAL_UNKNOWN},
        {"1795330000.2.5", ARRIVAL_UNKNOWN},
        {"99999999999999999999.5", ARRIVAL_UNKNOWN},
        {"99999999999999999999", ARRIVAL_UNKNOWN},
        {"9223372036854775807", ARRIVAL_UNKNOWN},
        {"t=", ARRIVAL_UNKNOWN},
        {"now", ARRIVAL_UNKNOWN},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(arrival_since(rows[i].text, NOW), rows[i].usec);
    assert_int_equal(arrival_since(NULL, NOW), ARRIVAL_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_since)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
