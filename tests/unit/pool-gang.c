/* SPDX-License-Identifier: Apache-2.0 */
/* A gang from its first worker to its last. */
#include "pool_world.h"

static void begin(struct world *w, unsigned workers, const char *script)
{
    char options[64];

    (void)snprintf(options, sizeof(options), "pm = static\n pm.max_children = %u", workers);
    begin_with(w, options, script);
}

/* ---- the tests ---- */

static void test_comes_to_strength_and_stays_there(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 6, READY "exec sleep 60\n");
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 4); /* POLICY_UNPROVEN_STARTS */
    (void)gang_settle(w.gang, now(&w));      /* safe to call twice */
    assert_int_equal(gang_alive(w.gang), 4);
    UNTIL(&w, gang_serving(w.gang) == 6);
    assert_int_equal(gang_settle(w.gang, now(&w)), CLOCK_NEVER);
    struct board_card c = card(&w);
    assert_int_equal(c.state, BOARD_POOL_RUNNING);
    assert_int_equal(c.total, 6);
    assert_int_equal(c.spawned, 6);
    assert_string_equal(c.reason, "");
    end(&w);
}

static void test_C01_a_killed_worker_is_replaced(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 2, READY "echo $$ >&2\nexec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 2 && strchr(w.lines, '|') != NULL);
    assert_int_equal(kill((pid_t)atoi(w.lines + 3), SIGKILL), 0); /* "-1:PID|" */
    UNTIL(&w, card(&w).spawned == 3 && gang_serving(w.gang) == 2);
    assert_int_equal(card(&w).exits_signal, 1);
    assert_int_equal(gang_state(w.gang), BOARD_POOL_RUNNING);
    end(&w);
}

static void test_C05_workers_that_die_at_once(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 8, "echo 'no such library' >&2\nexit 3\n");
    (void)gang_settle(w.gang, now(&w));
    while (w.skew < 60 * CLOCK_SEC) {
        UNTIL(&w, gang_alive(w.gang) == 0);
        uint64_t next = gang_settle(w.gang, now(&w));
        assert_true(next != CLOCK_NEVER);
        if (next > now(&w))
            w.skew += next - now(&w);
        (void)gang_settle(w.gang, now(&w));
    }
    assert_in_range(card(&w).spawned, 5, 20);
    assert_int_equal(gang_state(w.gang), BOARD_POOL_FAILING);
    assert_string_equal(gang_reason(w.gang), "a worker exited with status 3 before it was ready; "
                                             "its last words: no such library");
    char *first = strstr(w.said, "is failing");
    assert_non_null(first);
    assert_null(strstr(first + 1, "is failing")); /* said once */
    end(&w);
}

static void test_a_failing_pool_recovers(void **unused)
{
    struct world w;
    char name[128];

    (void)unused;
    begin(&w, 2, "test -e recovered || exit 1\n" READY "exec sleep 60\n");
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_FAILING && gang_alive(w.gang) == 0);
    (void)snprintf(name, sizeof(name), "%s/recovered", folder);
    assert_true(close(open(name, O_CREAT | O_WRONLY, 0644)) == 0);
    w.skew += 30 * CLOCK_SEC;
    UNTIL(&w, gang_serving(w.gang) == 2);
    w.skew += 11 * CLOCK_SEC; /* it lives: that is proof enough */
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_RUNNING);
    assert_string_equal(gang_reason(w.gang), "");
    assert_non_null(strstr(w.said, "is running again"));
    assert_int_equal(unlink(name), 0);
    end(&w);
}

static void test_an_exec_that_fails_names_its_step(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 1, "");
    close(w.context.worker_fd);
    w.context.worker_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_FAILING);
    assert_non_null(strstr(gang_reason(w.gang), "cannot be started"));
    assert_non_null(strstr(gang_reason(w.gang), "Permission denied"));
    end(&w);
}

static void test_drain_waits_for_the_worker(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 2,
          READY "until test -n \"$(dd bs=72 count=1 <&6 2>/dev/null | tr -d '\\000')\"\n"
                "do sleep 0.02; done\nexit 0\n");
    UNTIL(&w, gang_serving(w.gang) == 2);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    assert_int_equal(access(w.conf->pools[0].listen.items[0], F_OK), -1); /* removed at once */
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_int_equal(card(&w).exits_ok, 2);
    assert_int_equal(card(&w).spawned, 2);
    end(&w);
}

static void test_the_ladder_of_a_worker_that_does_not_listen(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 1, "trap '' TERM\n" READY "while :; do sleep 0.05; done\n");
    UNTIL(&w, gang_serving(w.gang) == 1);
    uint64_t at = now(&w);
    gang_stop(w.gang, GANG_STOP_DRAIN, at);
    /* First a look whether its sockets are empty. */
    assert_in_range(gang_settle(w.gang, at), at, at + 10 * CLOCK_MSEC);
    at += 10 * CLOCK_MSEC;
    assert_in_range(gang_settle(w.gang, at), at + 4 * CLOCK_SEC, at + 5 * CLOCK_SEC);
    w.skew += 5 * CLOCK_SEC;
    (void)turn(&w, 0);
    assert_non_null(strstr(w.said, "sent SIGTERM"));
    assert_int_equal(gang_alive(w.gang), 1);
    w.skew += 1 * CLOCK_SEC;
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_non_null(strstr(w.said, "sent SIGKILL"));
    assert_int_equal(card(&w).exits_signal, 1);
    end(&w);
}

static void test_a_worker_that_is_never_ready(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 1, "exec sleep 60\n");
    (void)gang_settle(w.gang, now(&w));
    w.skew += 31 * CLOCK_SEC;
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_FAILING);
    assert_non_null(strstr(gang_reason(w.gang), "not ready within 30 seconds"));
    end(&w);
}

/* Words of the wrong size, endless words, a closed channel: nothing that harms anybody else. */
static void test_gossip(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 1,
          "i=0; while test $i -lt 100; do printf xyz >&6; i=$((i+1)); done\n" READY
          "printf '<4>marked\\n\\033plain\\n' >&2\nexec sleep 60 6>&-\n");
    UNTIL(&w, gang_serving(w.gang) == 1 && strstr(w.lines, "plain|") != NULL);
    assert_non_null(strstr(w.lines, "2:marked|-1:\033plain|"));
    for (int i = 0; i < 20; i++)
        (void)turn(&w, 0);
    assert_int_equal(gang_serving(w.gang), 1);
    struct gang_watch nobody = {.kind = GANG_WATCH_CHANNEL, .slot = 4711, .serial = 1, .fd = 0};
    gang_ready(w.gang, &nobody, now(&w));
    nobody = (struct gang_watch){.kind = GANG_WATCH_REPORT, .slot = 0, .serial = 99, .fd = 0};
    gang_ready(w.gang, &nobody, now(&w));
    end(&w);
}

/* A child of the worker holds its descriptor 2: what it writes is heard, for a while. */
static void test_output_outlives_the_worker(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 1,
          "(while kill -0 $$ 2>/dev/null; do sleep 0.02; done; echo late >&2; exec sleep 60) "
          "&\n" READY "echo $$ >&2\nexec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 1 && strchr(w.lines, '|') != NULL);
    pid_t session = (pid_t)atoi(w.lines + 3);
    assert_true(session > 1);
    gang_stop(w.gang, GANG_STOP_KILL, now(&w));
    UNTIL(&w, gang_alive(w.gang) == 0);
    UNTIL(&w, strstr(w.lines, "late|") != NULL);
    assert_int_equal(w.watch_count, 2); /* the bell and that pipe */
    w.skew += 11 * CLOCK_SEC;
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(w.watch_count, 1);
    (void)kill(-session, SIGKILL);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_to_strength_and_stays_there),
        cmocka_unit_test(test_C01_a_killed_worker_is_replaced),
        cmocka_unit_test(test_C05_workers_that_die_at_once),
        cmocka_unit_test(test_a_failing_pool_recovers),
        cmocka_unit_test(test_an_exec_that_fails_names_its_step),
        cmocka_unit_test(test_drain_waits_for_the_worker),
        cmocka_unit_test(test_the_ladder_of_a_worker_that_does_not_listen),
        cmocka_unit_test(test_a_worker_that_is_never_ready),
        cmocka_unit_test(test_gossip),
        cmocka_unit_test(test_output_outlives_the_worker),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
