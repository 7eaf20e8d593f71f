/* SPDX-License-Identifier: Apache-2.0 */
/* What a gang counts: why workers leave, how they die, what they cost, and that a successor goes on. */
#include "pool_world.h"

#define SERVES READY "exec sleep 60\n"

static void pass_patience(struct world *w)
{
    (void)turn(w, 0);
    w->skew += 6 * CLOCK_SEC; /* process_control_timeout is 5 s */
}

static void test_deaths_by_status_and_signal(void **unused)
{
    struct world w;

    (void)unused;
    /* The first of the pool exits with 7 once it serves, later ones stay. */
    begin_with(&w, "pm.max_children = 1", READY "test \"$2\" = 1 && exit 7\nexec sleep 60\n");
    UNTIL(&w, card(&w).exits_error == 1 && gang_serving(w.gang) == 1);
    struct gang_worker list[2];
    assert_int_equal(gang_list(w.gang, list, 2), 1);
    assert_int_equal(kill(list[0].pid, SIGUSR1), 0);
    UNTIL(&w, card(&w).exits_signal == 1 && gang_serving(w.gang) == 1);
    struct board_card c = card(&w);
    for (unsigned i = 0; i < BOARD_EXIT_CODES; i++)
        assert_int_equal(c.exit_codes[i], i == 7);
    for (unsigned i = 0; i < BOARD_EXIT_SIGNALS; i++)
        assert_int_equal(c.exit_signals[i], i == SIGUSR1);
    assert_int_equal(c.recycled_idle + c.recycled_reload + c.recycled_restart, 0);
    end(&w);
}

static void test_starts_that_fail_in_a_row(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 1", "exit 3\n");
    UNTIL(&w, card(&w).start_failures == 2);
    assert_int_equal(card(&w).exit_codes[3], 2);
    end(&w);
}

static void test_scale_down(void **unused)
{
    struct error err = ERROR_NONE;
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 3", SERVES);
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(gang_scale(w.gang, 1, now(&w), &err), 0);
    pass_patience(&w);
    UNTIL(&w, gang_alive(w.gang) == 1);
    assert_int_equal(card(&w).recycled_idle, 2);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w)); /* no cause of these */
    pass_patience(&w);
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_int_equal(card(&w).recycled_idle, 2);
    assert_int_equal(card(&w).recycled_reload + card(&w).recycled_restart, 0);
    end(&w);
}

static void test_limits_and_user(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w,
               "pm = dynamic\n pm.max_children = 5\n pm.start_servers = 2\n"
               " pm.min_spare_servers = 1\n pm.max_spare_servers = 3\n pm.max_requests = 9\n"
               " pm.max_memory = 64M\n queue_timeout = 3s\n listen.backlog = 77\n"
               " request_terminate_timeout = 4s\n pm.process_idle_timeout = 11s",
               SERVES);
    UNTIL(&w, gang_at_strength(w.gang));
    struct board_card c = card(&w);
    assert_int_equal(c.limits.start_servers, 2);
    assert_int_equal(c.limits.min_spare_servers, 1);
    assert_int_equal(c.limits.max_spare_servers, 3);
    assert_int_equal(c.limits.max_spawn_rate, w.conf->pools[0].pm_max_spawn_rate);
    assert_int_equal(c.limits.max_requests, 9);
    assert_int_equal(c.limits.queue_limit, 0);
    assert_int_equal(c.limits.backlog, 77);
    assert_int_equal(c.limits.processes, 0);
    assert_true(c.limits.max_memory == UINT64_C(64) << 20);
    assert_true(c.limits.process_idle_timeout == 11 * CLOCK_SEC);
    assert_true(c.limits.queue_timeout == 3 * CLOCK_SEC);
    assert_true(c.limits.request_terminate_timeout == 4 * CLOCK_SEC);
    if (geteuid() == 0)
        assert_string_equal(c.user, "nobody");
    end(&w);
}

static void test_what_does_not_apply(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 1", SERVES);
    w.context.process_max = 8;
    UNTIL(&w, gang_at_strength(w.gang));
    struct board_card c = card(&w);
    assert_int_equal(
        c.limits.start_servers + c.limits.min_spare_servers + c.limits.max_spare_servers, 0);
    assert_true(c.limits.process_idle_timeout == 0);
    assert_int_equal(c.limits.processes, 8);
    end(&w);
}

static struct board_slot_view view(const struct world *w)
{
    struct board_snapshot s;

    assert_int_equal(board_snapshot(gang_board(w->gang), &s), 0);
    assert_int_equal(s.slots, 1);
    struct board_slot_view v = s.views[0];
    board_snapshot_clear(&s);
    return v;
}

static void test_what_workers_cost(void **unused)
{
    struct world w;
    struct gang_worker list[4], gone;

    (void)unused;
    begin_with(&w, "pm.max_children = 1", SERVES);
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(card(&w).measured, 0);
    assert_int_equal(gang_list(w.gang, list, 0), 0);
    assert_int_equal(gang_list(w.gang, list, 4), 1);
    gone = list[0];
    gang_measured(w.gang, &gone, &(struct gang_cost){1000, 400, 70}, now(&w));
    gang_measured(w.gang, &gone, &(struct gang_cost){900, 500, 60},
                  now(&w)); /* time never shrinks */
    (void)turn(&w, 0);
    struct board_card c = card(&w);
    assert_true(c.measured > 0);
    assert_int_equal(c.memory_resident, 900);
    assert_int_equal(c.memory_proportional, 500);
    assert_int_equal(c.process_cpu, 70);
    assert_int_equal(view(&w).resident, 900);
    assert_int_equal(view(&w).proportional, 500);
    /* Of one that is gone nothing is left but the time that it used; what comes too late is nobody's. */
    assert_int_equal(kill(gone.pid, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)gone.pid, &info, WEXITED), 0);
    assert_true(gang_reaped(w.gang, gone.pid, CLD_KILLED, SIGKILL, 100, now(&w)));
    gang_measured(w.gang, &gone, &(struct gang_cost){1, 1, 1000}, now(&w));
    UNTIL(&w, gang_at_strength(w.gang) && gang_serving(w.gang) == 1);
    gang_measured(w.gang, &gone, &(struct gang_cost){1, 1, 1000}, now(&w));
    (void)turn(&w, 0);
    c = card(&w);
    assert_int_equal(c.memory_resident, 0);
    assert_int_equal(c.memory_proportional, 0);
    assert_int_equal(c.process_cpu, 100);
    assert_int_equal(view(&w).resident, 0);
    /* Those who still finish elsewhere. */
    const struct gang_elders elders = {2, 50, 5};
    assert_true(gang_set_elders(w.gang, &elders));
    assert_false(gang_set_elders(w.gang, &elders));
    (void)turn(&w, 0);
    c = card(&w);
    assert_int_equal(c.leaving, 2);
    assert_int_equal(c.memory_resident, 50);
    assert_int_equal(c.memory_proportional, 5);
    end(&w);
}

static struct gang *successor(struct world *w, enum gang_cause cause)
{
    const struct gang_hooks hooks = {
        .cookie = w, .watch = watch, .unwatch = unwatch, .line = line, .say = say};
    struct error err = ERROR_NONE;
    struct gang *new = NULL, *old = w->gang;

    assert_int_equal(
        gang_new(&new, &w->conf->pools[0], &w->context, &hooks, now(w), clock_wall(), &err), 0);
    if (gang_open_beside(new, &old, 1, &err) < 0)
        fail_msg("%s", err.text);
    gang_set_cause(new, cause);
    gang_inherit(new, old);
    return new;
}

/* Two successors, one for each cause; the second counts what the first one counted. */
static void test_a_successor_goes_on(void **unused)
{
    static const enum gang_cause causes[] = {GANG_CAUSE_RELOAD, GANG_CAUSE_RESTART};
    struct world w;
    struct gang_worker list[4];

    (void)unused;
    begin_with(&w, "pm.max_children = 2", SERVES);
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(gang_list(w.gang, list, 4), 2);
    gang_measured(w.gang, &list[0], &(struct gang_cost){10, 10, 30}, now(&w));
    assert_int_equal(kill(list[1].pid, SIGKILL), 0);
    UNTIL(&w, card(&w).exits_signal == 1 && gang_at_strength(w.gang));
    for (unsigned i = 0; i < 2; i++) {
        struct gang *old = w.gang, *new = successor(&w, causes[i]);

        /* As it rolls … */
        assert_true(gang_set_cap(old, 1));
        pass_patience(&w);
        UNTIL(&w, gang_alive(old) == 1);
        gang_inherit_counts(new, old);
        /* … and then ends. */
        gang_stop(old, GANG_STOP_RETIRE, now(&w));
        pass_patience(&w);
        UNTIL(&w, gang_ended(old));
        gang_inherit_counts(new, old);
        gang_inherit_counts(new, old);
        (void)gang_free(old);
        w.gang = new;
        UNTIL(&w, gang_at_strength(new));
    }
    struct board_card c = card(&w);
    assert_int_equal(c.spawned, 7);
    assert_int_equal(c.recycled_reload, 2);
    assert_int_equal(c.recycled_restart, 2);
    assert_int_equal(c.recycled_idle, 0);
    assert_int_equal(c.exit_signals[SIGKILL], 1);
    assert_int_equal(c.process_cpu, 30);
    assert_true(c.measured > 0);
    assert_int_equal(c.memory_resident, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deaths_by_status_and_signal),
        cmocka_unit_test(test_starts_that_fail_in_a_row),
        cmocka_unit_test(test_scale_down),
        cmocka_unit_test(test_limits_and_user),
        cmocka_unit_test(test_what_does_not_apply),
        cmocka_unit_test(test_what_workers_cost),
        cmocka_unit_test(test_a_successor_goes_on),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
