/* SPDX-License-Identifier: Apache-2.0 */
/* When workers are replaced: their limits, how many at a time, and the last resort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include "pool/emergency.h"
#include "pool/recycle.h"

#define SECOND UINT64_C(1000000)

static void test_limits_differ_by_a_tenth(void **unused)
{
    static const uint32_t configured[] = {10, 99, 100, 500, 1000, 1000000000};

    (void)unused;
    for (uint32_t serial = 0; serial < 1000; serial++) {
        for (uint32_t few = 0; few < 10; few++)
            assert_int_equal(recycle_limit(few, serial), few);
        for (size_t i = 0; i < sizeof(configured) / sizeof(configured[0]); i++) {
            uint32_t limit = recycle_limit(configured[i], serial), tenth = configured[i] / 10;
            assert_in_range(limit, configured[i] - tenth, configured[i] + tenth);
        }
    }
}

/* Workers that are started together do not come to their limits together. */
static void test_neighbours_are_apart(void **unused)
{
    (void)unused;
    for (uint32_t first = 1; first < 1000; first += 16) {
        unsigned same = 0;

        for (uint32_t i = 0; i < 16; i++) {
            for (uint32_t k = 0; k < i; k++)
                same += recycle_limit(1000, first + i) == recycle_limit(1000, first + k);
        }
        assert_int_equal(same, 0);
    }
}

static void test_nobody_serves_for_ever(void **unused)
{
    static const struct {
        uint32_t limit;
        uint64_t bound;
    } cases[] = {{0, 0},   {1, 11},  {3, 13},     {9, 19},
                 {10, 20}, {11, 22}, {500, 1000}, {UINT32_MAX, UINT64_C(2) * UINT32_MAX}};

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(recycle_bound(cases[i].limit) == cases[i].bound);
}

static void test_who_is_held_is_waited_for_by_a_successor(void **unused)
{
    struct recycle_hold h = {0};
    uint64_t now = 5 * SECOND;

    (void)unused;
    assert_true(recycle_may_hold(&h, true, true, now));
    assert_true(recycle_hold_next(&h) == UINT64_MAX);
    /* none is on the way: for a moment that is so after each that has come */
    assert_true(recycle_may_hold(&h, true, false, now));
    assert_true(recycle_hold_next(&h) == now + RECYCLE_DRY);
    assert_true(recycle_may_hold(&h, true, false, now + RECYCLE_DRY - 1));
    assert_true(recycle_may_hold(&h, true, true, now + RECYCLE_DRY));
    now += SECOND;
    assert_true(recycle_may_hold(&h, true, false, now));
    assert_false(recycle_may_hold(&h, true, false, now + RECYCLE_DRY));
    assert_false(recycle_may_hold(&h, true, false, now + SECOND));
    assert_true(recycle_may_hold(&h, true, true, now + SECOND));
    /* none can be started */
    assert_false(recycle_may_hold(&h, false, true, now));
    assert_false(recycle_may_hold(&h, false, false, now));
    assert_true(recycle_may_hold(&h, true, false, now));
    h = (struct recycle_hold){0};
    assert_true(recycle_may_hold(&h, true, false, 0));
    assert_false(recycle_may_hold(&h, true, false, 1 + RECYCLE_DRY));
}

static void test_budget(void **unused)
{
    struct recycle_budget b;
    uint64_t now = 5 * SECOND, spent = 0;

    (void)unused;
    recycle_budget_init(&b, now);
    assert_int_equal(recycle_budget_left(&b, now), RECYCLE_BURST);
    while (recycle_budget_left(&b, now) > 0)
        recycle_budget_spend(&b);
    assert_true(recycle_budget_next(&b, now) > now);
    assert_int_equal(recycle_budget_left(&b, recycle_budget_next(&b, now)), 1);
    for (uint64_t end = now + 10 * SECOND; now < end; now += 777) {
        while (recycle_budget_left(&b, now) > 0) {
            recycle_budget_spend(&b);
            spent++;
        }
    }
    assert_in_range(spent, 10 * RECYCLE_RATE - 2, 10 * RECYCLE_RATE + 2);
    assert_int_equal(recycle_budget_left(&b, UINT64_MAX), RECYCLE_BURST);
    assert_int_equal(recycle_budget_left(&b, 0), RECYCLE_BURST); /* a clock that goes back */
}

static void test_emergency(void **unused)
{
    static struct emergency e;

    (void)unused;
    emergency_init(&e, 3, SECOND);
    assert_false(emergency_fault(&e, SIGSEGV, 10 * SECOND));
    assert_false(emergency_fault(&e, SIGKILL, 10 * SECOND));
    assert_false(emergency_fault(&e, SIGBUS, 10 * SECOND));
    assert_true(emergency_fault(&e, SIGSEGV, 11 * SECOND));
    assert_false(emergency_fault(&e, SIGSEGV, 11 * SECOND)); /* begins anew */
    assert_false(emergency_fault(&e, SIGSEGV, 11 * SECOND));
    assert_false(emergency_fault(&e, SIGSEGV, 12 * SECOND + 1)); /* too far apart */
    assert_false(emergency_fault(&e, SIGSEGV, 14 * SECOND));
    emergency_init(&e, 1, 1);
    assert_true(emergency_fault(&e, SIGSEGV, 0));
    emergency_init(&e, 0, SECOND);
    assert_false(emergency_fault(&e, SIGSEGV, 0));
    emergency_init(&e, 1, 0);
    assert_false(emergency_fault(&e, SIGSEGV, 0));
    emergency_init(&e, UINT32_MAX, SECOND);
    for (unsigned i = 1; i < EMERGENCY_MAX; i++)
        assert_false(emergency_fault(&e, SIGSEGV, 0));
    assert_true(emergency_fault(&e, SIGSEGV, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_differ_by_a_tenth),
        cmocka_unit_test(test_neighbours_are_apart),
        cmocka_unit_test(test_nobody_serves_for_ever),
        cmocka_unit_test(test_who_is_held_is_waited_for_by_a_successor),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_emergency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
