/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines may pass, and what is counted of those that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/pace.h"

static const struct pace_law law = {.burst = 50, .per_second = 10};

static unsigned passed(struct pace *p, unsigned tries, uint64_t now)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += pace_pass(p, &law, now);
    return n;
}

static void test_a_burst_then_so_many_a_second(void **unused)
{
    struct pace p = {0};
    uint64_t t = 77;

    (void)unused;
    assert_int_equal(passed(&p, 100, t), 50);
    assert_int_equal(pace_due(&p), t + CLOCK_SEC);
    assert_int_equal(passed(&p, 100, t + CLOCK_SEC - 1), 0);
    assert_int_equal(pace_take(&p), 150);
    assert_int_equal(pace_due(&p), CLOCK_NEVER);
    assert_int_equal(pace_take(&p), 0);
    for (unsigned second = 1; second < 5; second++) {
        assert_int_equal(passed(&p, 30, t + second * CLOCK_SEC), 10);
        assert_int_equal(pace_due(&p), t + (second + 1) * CLOCK_SEC);
        assert_int_equal(pace_take(&p), 20);
    }
    assert_int_equal(passed(&p, 100, t + 7 * CLOCK_SEC), 30); /* 5, 6 and 7 */
    assert_int_equal(passed(&p, 100, t + 1000 * CLOCK_SEC), 50);
    assert_int_equal(passed(&p, 100, UINT64_MAX / 2), 50); /* as silent as it may be, no more */
}

static void test_below_the_law_nothing_is_held(void **unused)
{
    struct pace p = {0};

    (void)unused;
    for (uint64_t i = 0; i < 10000; i++)
        assert_true(pace_pass(&p, &law, 5 + i * CLOCK_SEC / 10));
    assert_int_equal(pace_due(&p), CLOCK_NEVER);
}

static void test_what_is_due_stays_due(void **unused)
{
    struct pace p = {0};

    (void)unused;
    assert_int_equal(passed(&p, 51, 0), 50);
    assert_int_equal(pace_due(&p), CLOCK_SEC);
    assert_int_equal(passed(&p, 51, 3 * CLOCK_SEC), 30);
    assert_int_equal(pace_due(&p), CLOCK_SEC); /* not put off by those that follow */
    pace_hold(&p, 1000, 3 * CLOCK_SEC);
    pace_hold(&p, 0, 3 * CLOCK_SEC);
    assert_int_equal(pace_take(&p), 1 + 21 + 1000);
    pace_hold(&p, 5, 4 * CLOCK_SEC + 7);
    assert_int_equal(pace_due(&p), 4 * CLOCK_SEC);
}

static void test_a_clock_that_goes_back(void **unused)
{
    struct pace p = {0};

    (void)unused;
    assert_int_equal(passed(&p, 20, 100 * CLOCK_SEC), 20);
    assert_int_equal(passed(&p, 100, 3), 30);
    assert_int_equal(passed(&p, 100, 3 + CLOCK_SEC), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_then_so_many_a_second),
        cmocka_unit_test(test_below_the_law_nothing_is_held),
        cmocka_unit_test(test_what_is_due_stays_due),
        cmocka_unit_test(test_a_clock_that_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
