/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off of a pool whose workers die (FAULTS C01, C02, C05), on a clock made of numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "pool/throttle.h"

#define SEC UINT64_C(1000000)
#define START (1000 * SEC)

static void test_pauses_double_to_the_longest(void **unused)
{
    static const uint64_t want[] = {100000,  200000,   400000,   800000,   1600000, 3200000,
                                    6400000, 12800000, 25600000, 30000000, 30000000};
    struct throttle t = {0};
    uint64_t now = START;

    (void)unused;
    assert_true(throttle_allows(&t, now));
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(throttle_failed(&t, now), i == 0);
        assert_true(throttle_failing(&t));
        assert_false(throttle_allows(&t, now + want[i] - 1));
        assert_true(throttle_allows(&t, now + want[i]));
        now += want[i];
    }
}

static void test_c05_program_that_dies_at_once_costs_few_forks(void **unused)
{
    struct throttle t = {0};
    unsigned forks = 4; /* POLICY_UNPROVEN_STARTS, all dead in the same instant */

    (void)unused;
    for (int i = 0; i < 4; i++)
        (void)throttle_failed(&t, START);
    for (uint64_t now = START; now < START + 60 * SEC; now += 1000) {
        if (!throttle_allows(&t, now))
            continue;
        forks++; /* one at a time, dead a millisecond later */
        (void)throttle_failed(&t, now);
    }
    assert_in_range(forks, 5, 20);
}

static void test_failures_of_one_round_count_once(void **unused)
{
    struct throttle t = {0};

    (void)unused;
    assert_true(throttle_failed(&t, START));
    assert_false(throttle_failed(&t, START + 1));
    assert_false(throttle_failed(&t, START + 99999));
    assert_true(throttle_allows(&t, START + 100000));
    assert_int_equal(t.failures, 1);
}

static void test_proof_ends_it(void **unused)
{
    struct throttle t = {0};

    (void)unused;
    assert_false(throttle_proved(&t));
    (void)throttle_failed(&t, START);
    assert_true(throttle_proved(&t));
    assert_false(throttle_failing(&t));
    assert_true(throttle_allows(&t, START));
    assert_true(throttle_failed(&t, START));
    assert_true(throttle_allows(&t, START + THROTTLE_FIRST));
}

static void test_c01_c02_killing_workers_by_hand_is_no_failure(void **unused)
{
    struct throttle t = {0};

    (void)unused;
    for (uint64_t i = 0; i < 60 * 20; i++)
        assert_false(throttle_died(&t, START + i * (SEC / 20)));
    assert_false(throttle_failing(&t));
}

static void test_a_flood_of_deaths_is_a_failure(void **unused)
{
    struct throttle t = {0};
    unsigned until_held = 0;

    (void)unused;
    while (!throttle_died(&t, START + until_held * 1000))
        until_held++;
    assert_in_range(until_held, THROTTLE_BURST, THROTTLE_BURST * 2);
    assert_true(throttle_failing(&t));
    /* Whatever it claims to have served, the mean rate stays bounded. */
    unsigned deaths = 0;
    for (uint64_t now = START + SEC; now < START + 11 * SEC; now += 1000) {
        if (throttle_allows(&t, now)) {
            deaths++;
            (void)throttle_proved(&t);
            (void)throttle_died(&t, now);
        }
    }
    assert_in_range(deaths, 1, 10 * THROTTLE_RATE + THROTTLE_BURST);
}

static void test_a_clock_that_stands_or_jumps(void **unused)
{
    struct throttle t = {0};

    (void)unused;
    assert_false(throttle_died(&t, START));
    assert_false(throttle_died(&t, START - SEC));
    assert_false(throttle_died(&t, UINT64_MAX / 2));
    assert_in_range(t.bucket, 0, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses_double_to_the_longest),
        cmocka_unit_test(test_c05_program_that_dies_at_once_costs_few_forks),
        cmocka_unit_test(test_failures_of_one_round_count_once),
        cmocka_unit_test(test_proof_ends_it),
        cmocka_unit_test(test_c01_c02_killing_workers_by_hand_is_no_failure),
        cmocka_unit_test(test_a_flood_of_deaths_is_a_failure),
        cmocka_unit_test(test_a_clock_that_stands_or_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
