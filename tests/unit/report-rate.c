/* SPDX-License-Identifier: Apache-2.0 */
/* Requests a second, told from looks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/clock.h"
#include "report/rate.h"

#define T(seconds) ((uint64_t)((seconds)*1e6) + 100 * CLOCK_SEC)
#define PER_SECOND(n) ((uint64_t)((n)*1e6))

static void test_first_look_is_the_mean_since_the_start(void **state)
{
    (void)state;
    struct rate r = {0};
    assert_int_equal(rate_look(&r, 500, T(50), T(0)), PER_SECOND(10));
}

static void test_a_steady_pool(void **state)
{
    (void)state;
    struct rate r = {0};
    (void)rate_look(&r, 1000000, T(0), 1);
    for (unsigned i = 1; i < 100; i++)
        assert_int_equal(rate_look(&r, 1000000 + i * 20, T(i), 1), PER_SECOND(20));
    assert_true(r.count <= RATE_LOOKS);
}

/* It is a mean of the last ten seconds, and forgets what was before. */
static void test_the_window(void **state)
{
    (void)state;
    struct rate r = {0};
    (void)rate_look(&r, 0, T(0), 1);
    assert_int_equal(rate_look(&r, 100, T(1), 1), PER_SECOND(100));
    assert_int_equal(rate_look(&r, 100, T(10), 1), PER_SECOND(10));
    assert_int_equal(rate_look(&r, 100, T(12), 1), 0);
}

static void test_rare_looks_are_compared_with_the_last(void **state)
{
    (void)state;
    struct rate r = {0};
    (void)rate_look(&r, 0, T(0), 1);
    assert_int_equal(rate_look(&r, 600, T(60), 1), PER_SECOND(10));
    assert_int_equal(rate_look(&r, 600, T(120), 1), 0);
    assert_int_equal(rate_look(&r, 660, T(180), 1), PER_SECOND(1));
}

static void test_looks_at_once_tell_the_same(void **state)
{
    (void)state;
    struct rate r = {0};
    (void)rate_look(&r, 0, T(0), 1);
    assert_int_equal(rate_look(&r, 100, T(5), 1), PER_SECOND(20));
    for (unsigned i = 1; i < 400; i++)
        assert_int_equal(rate_look(&r, 100 + i, T(5) + i * 1000, 1), PER_SECOND(20));
    /* However many there were, they pushed nothing out of the window. */
    assert_int_equal(rate_look(&r, 1000, T(10), 1), PER_SECOND(100));
}

static void test_many_looks_in_the_window(void **state)
{
    (void)state;
    struct rate r = {0};
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t rate = rate_look(&r, i * 3, T(0) + i * RATE_STEP, T(0));
        if (i > 1)
            assert_int_equal(rate, PER_SECOND(6));
        assert_true(r.count <= RATE_LOOKS);
    }
}

static void test_what_goes_back_starts_anew(void **state)
{
    (void)state;
    struct rate r = {0};
    (void)rate_look(&r, 5000, T(0), 1);
    (void)rate_look(&r, 6000, T(1), 1);
    assert_int_equal(rate_look(&r, 10, T(2), T(1)), PER_SECOND(10));
    assert_int_equal(rate_look(&r, 20, T(3), T(1)), PER_SECOND(10));
    assert_int_equal(rate_look(&r, 30, T(1), T(1)), 0);
    assert_int_equal(rate_between(0, 5, UINT64_MAX, 6), UINT64_C(1) << 53);
    assert_int_equal(rate_between(9, 5, 8, 6), 0);
    assert_int_equal(rate_between(0, 6, 8, 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_look_is_the_mean_since_the_start),
        cmocka_unit_test(test_a_steady_pool),
        cmocka_unit_test(test_the_window),
        cmocka_unit_test(test_rare_looks_are_compared_with_the_last),
        cmocka_unit_test(test_looks_at_once_tell_the_same),
        cmocka_unit_test(test_many_looks_in_the_window),
        cmocka_unit_test(test_what_goes_back_starts_anew),
    };
    return cmocka_run_group_tests_name("report-rate", tests, NULL, NULL);
}
