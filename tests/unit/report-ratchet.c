/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that do not go back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "report/field.h"
#include "report/ratchet.h"
#include "report_sample.h"

static struct board_snapshot of(uint64_t start, uint64_t requests)
{
    struct board_snapshot s = {.card_valid = true, .requests = requests};
    s.card.start_time = start;
    return s;
}

static void test_what_went_back_is_raised(void **state)
{
    (void)state;
    struct ratchet r = {0};
    struct board_snapshot s = of(7, 100);
    s.idle = 9;
    s.card.listen_queue = 50;
    ratchet_hold(&r, &s);
    assert_int_equal(s.requests, 100);
    s = of(7, 99);
    s.accepted = 3;
    ratchet_hold(&r, &s);
    assert_int_equal(s.requests, 100);
    assert_int_equal(s.accepted, 3);
    /* What goes up and down does. */
    assert_int_equal(s.idle, 0);
    assert_int_equal(s.card.listen_queue, 0);
    s = of(7, 101);
    ratchet_hold(&r, &s);
    assert_int_equal(s.requests, 101);
    assert_int_equal(s.accepted, 3);
}

static void test_a_pool_that_began_anew(void **state)
{
    (void)state;
    struct ratchet r = {0};
    struct board_snapshot s = of(7, 100);
    ratchet_hold(&r, &s);
    s = of(8, 1);
    ratchet_hold(&r, &s);
    assert_int_equal(s.requests, 1);
}

/* Whatever is told as a counter is held, and nothing else; what cannot be read is what it was. */
static void test_every_counter(void **state)
{
    (void)state;
    struct ratchet r = {0};
    struct board_snapshot s = sample_hostile();
    ratchet_hold(&r, &s);
    board_snapshot_clear(&s);
    ratchet_hold(&r, &s);
    assert_false(s.card_valid);
    struct field_pool p;
    field_pool(&p, "git", &s, 0, 0);
    for (size_t i = 0; i < field_pools_count; i++) {
        const struct field *f = &field_pools[i];
        bool held = f->metric == FIELD_COUNTER || strcmp(f->name, "start time") == 0;
        if (f->home == FIELD_BOARD && f->metric != FIELD_NO_METRIC &&
            (field_number(f, p.homes) != 0) != held)
            fail_msg("%s", f->name);
    }
    for (size_t i = 0; i < BOARD_TIMES; i++)
        assert_true(s.times[i] != 0 && s.buckets[i][0] != 0 &&
                    s.buckets[i][BOARD_BUCKETS - 1] != 0);
    assert_true(s.card.exit_codes[BOARD_EXIT_CODES - 1] != 0);
    assert_true(s.card.exit_signals[BOARD_EXIT_SIGNALS - 1] != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_went_back_is_raised),
        cmocka_unit_test(test_a_pool_that_began_anew),
        cmocka_unit_test(test_every_counter),
    };
    return cmocka_run_group_tests_name("report-ratchet", tests, NULL, NULL);
}
