/* SPDX-License-Identifier: Apache-2.0 */
/* The table is complete, and keeps the three rules that its file states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "pool/lifecycle.h"

#define EACH_CELL(s, e)                                                                            \
    for (int s = 0; s < LIFECYCLE_STATES; s++)                                                     \
        for (int e = 0; e < LIFECYCLE_EVENTS; e++)

static struct lifecycle_cell cell(int state, int event)
{
    return lifecycle_step((enum lifecycle_state)state, (enum lifecycle_event)event);
}

/* A cell that was forgotten would be {EMPTY, DO_NOTHING}: outside the EMPTY row that would lose a
 * living worker, so no cell but an EXITED one may lead there. */
static void test_only_the_exit_empties_a_slot(void **unused)
{
    (void)unused;
    EACH_CELL(s, e)
    {
        struct lifecycle_cell c = cell(s, e);
        if (s == LIFECYCLE_EMPTY)
            continue;
        assert_int_equal(c.next == LIFECYCLE_EMPTY, e == LIFECYCLE_EXITED);
    }
}

static void test_every_exit_is_a_burial(void **unused)
{
    (void)unused;
    for (int s = LIFECYCLE_STARTING; s < LIFECYCLE_STATES; s++) {
        enum lifecycle_action a = cell(s, LIFECYCLE_EXITED).action;
        assert_true(a == LIFECYCLE_DO_BURY_EARLY || a == LIFECYCLE_DO_BURY_LOST ||
                    a == LIFECYCLE_DO_BURY_ASKED);
    }
    assert_int_equal(cell(LIFECYCLE_STARTING, LIFECYCLE_EXITED).action, LIFECYCLE_DO_BURY_EARLY);
    assert_int_equal(cell(LIFECYCLE_WARMING, LIFECYCLE_EXITED).action, LIFECYCLE_DO_BURY_EARLY);
    assert_int_equal(cell(LIFECYCLE_SERVING, LIFECYCLE_EXITED).action, LIFECYCLE_DO_BURY_LOST);
    assert_int_equal(cell(LIFECYCLE_DRAINING, LIFECYCLE_EXITED).action, LIFECYCLE_DO_BURY_ASKED);
}

static void test_states_only_go_forward(void **unused)
{
    (void)unused;
    EACH_CELL(s, e)
    {
        if (e != LIFECYCLE_EXITED)
            assert_true(cell(s, e).next >= (enum lifecycle_state)s);
    }
}

static void test_stronger_orders_always_go_through(void **unused)
{
    (void)unused;
    for (int s = LIFECYCLE_STARTING; s < LIFECYCLE_KILLED; s++) {
        struct lifecycle_cell c = cell(s, LIFECYCLE_KILL);
        assert_int_equal(c.next, LIFECYCLE_KILLED);
        assert_int_equal(c.action, LIFECYCLE_DO_KILL);
        if (s < LIFECYCLE_TERMINATING) {
            c = cell(s, LIFECYCLE_TERM);
            assert_int_equal(c.next, LIFECYCLE_TERMINATING);
            assert_int_equal(c.action, LIFECYCLE_DO_TERMINATE);
        }
        if (s < LIFECYCLE_DRAINING) {
            c = cell(s, LIFECYCLE_DRAIN);
            assert_int_equal(c.next, LIFECYCLE_DRAINING);
            assert_int_equal(c.action, LIFECYCLE_DO_ASK);
        }
    }
}

static void test_repeated_orders_do_nothing(void **unused)
{
    static const int done[][2] = {
        {LIFECYCLE_DRAINING, LIFECYCLE_DRAIN},   {LIFECYCLE_TERMINATING, LIFECYCLE_DRAIN},
        {LIFECYCLE_TERMINATING, LIFECYCLE_TERM}, {LIFECYCLE_KILLED, LIFECYCLE_DRAIN},
        {LIFECYCLE_KILLED, LIFECYCLE_TERM},      {LIFECYCLE_KILLED, LIFECYCLE_KILL},
        {LIFECYCLE_EMPTY, LIFECYCLE_DRAIN},      {LIFECYCLE_EMPTY, LIFECYCLE_TERM},
        {LIFECYCLE_EMPTY, LIFECYCLE_KILL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++) {
        struct lifecycle_cell c = cell(done[i][0], done[i][1]);
        assert_int_equal(c.next, done[i][0]);
        assert_int_equal(c.action, LIFECYCLE_DO_NOTHING);
    }
}

/* What may arrive late or out of order from a living worker is never an alarm. */
static void test_late_reports_are_tolerated(void **unused)
{
    (void)unused;
    for (int s = LIFECYCLE_STARTING; s < LIFECYCLE_STATES; s++) {
        assert_int_not_equal(cell(s, LIFECYCLE_READY).action, LIFECYCLE_DO_ALARM);
        assert_int_not_equal(cell(s, LIFECYCLE_EXEC_OK).action, LIFECYCLE_DO_ALARM);
        assert_int_equal(cell(s, LIFECYCLE_SPAWNED).action, LIFECYCLE_DO_ALARM);
    }
    assert_int_equal(cell(LIFECYCLE_STARTING, LIFECYCLE_READY).next, LIFECYCLE_SERVING);
}

static void test_the_ladder(void **unused)
{
    (void)unused;
    assert_int_equal(cell(LIFECYCLE_DRAINING, LIFECYCLE_DEADLINE).action, LIFECYCLE_DO_TERMINATE);
    assert_int_equal(cell(LIFECYCLE_TERMINATING, LIFECYCLE_DEADLINE).action, LIFECYCLE_DO_KILL);
    assert_int_equal(cell(LIFECYCLE_WARMING, LIFECYCLE_DEADLINE).action, LIFECYCLE_DO_GIVE_UP);
    assert_int_equal(cell(LIFECYCLE_WARMING, LIFECYCLE_DEADLINE).next, LIFECYCLE_KILLED);
}

static void test_outside_the_table(void **unused)
{
    (void)unused;
    assert_int_equal(cell(LIFECYCLE_STATES, 0).action, LIFECYCLE_DO_ALARM);
    assert_int_equal(cell(0, LIFECYCLE_EVENTS).action, LIFECYCLE_DO_ALARM);
    assert_int_equal(cell(-1, -1).action, LIFECYCLE_DO_ALARM);
    EACH_CELL(s, e)
    {
        assert_true(strlen(lifecycle_state_name((enum lifecycle_state)s)) > 0);
        assert_true(strcmp(lifecycle_event_name((enum lifecycle_event)e), "unknown") != 0);
        assert_true(cell(s, e).action < LIFECYCLE_ACTIONS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_exit_empties_a_slot),
        cmocka_unit_test(test_every_exit_is_a_burial),
        cmocka_unit_test(test_states_only_go_forward),
        cmocka_unit_test(test_stronger_orders_always_go_through),
        cmocka_unit_test(test_repeated_orders_do_nothing),
        cmocka_unit_test(test_late_reports_are_tolerated),
        cmocka_unit_test(test_the_ladder),
        cmocka_unit_test(test_outside_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
