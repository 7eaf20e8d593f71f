/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gang that grows, shrinks and is replaced.  The workers are shells that only live and leave when
 * they are told to; the test writes on the board what they would say of themselves.
 */
#include "pool_world.h"

#include <sys/socket.h>
#include <sys/un.h>

/* Ready, and gone when a word comes. */
#define OBEDIENT                                                                                   \
    READY "until test -n \"$(dd bs=72 count=1 <&6 2>/dev/null | tr -d '\\000')\"\n"                \
          "do sleep 0.02; done\nexit 0\n"

/* Let the worker in `slot` say something. */
static void says(const struct world *w, uint32_t slot, enum board_worker_state state,
                 uint64_t requests)
{
    struct board *b = NULL;
    struct error err = ERROR_NONE;

    assert_int_equal(board_attach(&b, board_fd(gang_board(w->gang)), slot, &err), 0);
    board_worker_state(b, state, state == BOARD_WORKER_BUSY);
    atomic_store(&board_own_slot(b)->requests, requests);
    (void)board_free(b);
}

/* With how many requests the worker in `slot` is to ring. */
static uint64_t rings_at(const struct world *w, uint32_t slot)
{
    struct board *b = NULL;
    struct error err = ERROR_NONE;

    assert_int_equal(board_attach(&b, board_fd(gang_board(w->gang)), slot, &err), 0);
    uint64_t at = atomic_load(&board_own_slot(b)->ring_at);
    (void)board_free(b);
    return at;
}

/* With how many it is to wait for its successor. */
static uint64_t held_at(const struct world *w, uint32_t slot)
{
    struct board *b = NULL;
    struct error err = ERROR_NONE;

    assert_int_equal(board_attach(&b, board_fd(gang_board(w->gang)), slot, &err), 0);
    uint64_t at = atomic_load(&board_own_slot(b)->hold_at);
    (void)board_free(b);
    return at;
}

/* Everybody who is there and says nothing becomes idle; the first `busy` of them busy. */
static void all_say(struct world *w, uint32_t busy)
{
    struct board_snapshot s;

    assert_int_equal(board_snapshot(gang_board(w->gang), &s), 0);
    for (uint32_t i = 0; i < s.slots; i++)
        says(w, s.views[i].index, i < busy ? BOARD_WORKER_BUSY : BOARD_WORKER_IDLE, 0);
    board_snapshot_clear(&s);
}

/* The listening socket, while it is watched; else -1. */
static int watched(const struct world *w)
{
    for (size_t i = 0; i < w->watch_count; i++) {
        if (w->watches[i].kind == GANG_WATCH_LISTEN)
            return w->watches[i].fd;
    }
    return -1;
}

static void test_dynamic_grows_at_once_and_shrinks_after_a_while(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w,
               "pm = dynamic\n pm.max_children = 8\n pm.start_servers = 2\n"
               "pm.min_spare_servers = 2\n pm.max_spare_servers = 3\n"
               "pm.process_idle_timeout = 16s",
               OBEDIENT);
    assert_false(gang_at_strength(w.gang));
    UNTIL(&w, gang_serving(w.gang) == 2);
    assert_true(gang_at_strength(w.gang));
    all_say(&w, 0);
    assert_int_equal(gang_settle(w.gang, now(&w)), CLOCK_NEVER);
    assert_int_equal(gang_alive(w.gang), 2);
    all_say(&w, 2);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 4); /* both missing spares in one step */
    UNTIL(&w, gang_serving(w.gang) == 4);
    all_say(&w, 4);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 6);
    UNTIL(&w, gang_serving(w.gang) == 6);
    all_say(&w, 6);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 8); /* never more */
    UNTIL(&w, gang_serving(w.gang) == 8);
    all_say(&w, 0);
    uint64_t next = gang_settle(w.gang, now(&w));
    assert_true(next != CLOCK_NEVER);
    w.skew += 14 * CLOCK_SEC; /* the six are still remembered */
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_serving(w.gang), 8);
    w.skew += 3 * CLOCK_SEC;
    UNTIL(&w, gang_alive(w.gang) == 3);
    assert_int_equal(gang_settle(w.gang, now(&w)), CLOCK_NEVER);
    assert_int_equal(card(&w).exits_ok, 5);
    assert_int_equal(card(&w).max_active, 6);
    end(&w);
}

static void test_ondemand_starts_when_somebody_knocks(void **unused)
{
    struct world w;
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    (void)unused;
    begin_with(&w, "pm = ondemand\n pm.max_children = 3\n pm.process_idle_timeout = 16s", OBEDIENT);
    (void)turn(&w, 0);
    assert_int_equal(gang_alive(w.gang), 0);
    assert_true(gang_at_strength(w.gang));
    assert_int_equal(gang_state(w.gang), BOARD_POOL_RUNNING);
    int listening = watched(&w);
    assert_true(listening >= 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/sock", folder);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    (void)turn(&w, 1000);
    assert_int_equal(gang_alive(w.gang), 1);
    assert_int_equal(watched(&w), -1); /* or the loop would spin until it is ready */
    UNTIL(&w, gang_serving(w.gang) == 1);
    all_say(&w, 0);
    (void)turn(&w, 0);
    assert_int_equal(watched(&w), -1); /* somebody is idle and will take it */
    assert_int_equal(gang_alive(w.gang), 1);
    assert_int_equal(close(accept4(listening, NULL, NULL, SOCK_CLOEXEC)), 0);
    w.skew += 17 * CLOCK_SEC;
    UNTIL(&w, gang_alive(w.gang) == 0);
    assert_int_equal(watched(&w), listening);
    (void)close(client);
    end(&w);
}

static void test_a_successor_comes_first(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 3\n pm.max_requests = 2", OBEDIENT);
    UNTIL(&w, gang_serving(w.gang) == 3);
    all_say(&w, 0);
    says(&w, 0, BOARD_WORKER_IDLE, 1);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 3);
    says(&w, 0, BOARD_WORKER_BUSY, 2);
    says(&w, 1, BOARD_WORKER_IDLE, 2);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 4); /* one at a time, and nobody has been asked to leave */
    assert_int_equal(gang_serving(w.gang), 3);
    assert_int_equal(card(&w).recycled_requests, 0);
    assert_int_equal(rings_at(&w, 0), 0); /* heard: no more rings, however much it still serves */
    assert_int_equal(rings_at(&w, 2), 2);
    UNTIL(&w, card(&w).recycled_requests == 1);
    assert_int_equal(gang_serving(w.gang), 3);
    UNTIL(&w, card(&w).recycled_requests == 2 && gang_alive(w.gang) == 3);
    assert_int_equal(gang_serving(w.gang), 3);
    assert_int_equal(card(&w).spawned, 5);
    assert_int_equal(card(&w).exits_ok, 2);
    end(&w);
}

/* One that leaves only when it is made to keeps the others from being replaced. */
static void test_nobody_is_held_while_no_successor_comes(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 2\n pm.max_requests = 2", READY "exec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 2);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(held_at(&w, 0), 12);
    assert_int_equal(held_at(&w, 1), 12);
    says(&w, 0, BOARD_WORKER_BUSY, 2);
    UNTIL(&w, card(&w).recycled_requests == 1);
    says(&w, 1, BOARD_WORKER_LEAVING, 12);
    (void)gang_settle(w.gang, now(&w)); /* it is due, and there is no room for its successor */
    w.skew += CLOCK_SEC;
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(card(&w).recycled_requests, 1);
    assert_int_equal(held_at(&w, 1), 0);
    assert_int_equal(held_at(&w, 2), 0);
    end(&w);
}

static void test_nobody_is_held_in_a_pool_that_fails(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 2\n pm.max_requests = 20",
               "test $2 -gt 2 && exit 3\n" READY "exec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 2);
    (void)gang_settle(w.gang, now(&w));
    assert_in_range(held_at(&w, 0), 36, 44);
    says(&w, 0, BOARD_WORKER_LEAVING, 44);
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_FAILING);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(held_at(&w, 0), 0);
    assert_int_equal(held_at(&w, 1), 0);
    end(&w);
}

static void test_a_request_in_hand_is_not_hurried(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 1\n pm.max_requests = 1", READY "exec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 1);
    says(&w, 0, BOARD_WORKER_BUSY, 1);
    UNTIL(&w, card(&w).recycled_requests == 1);
    w.skew += 60 * CLOCK_SEC; /* process_control_timeout is 5 s */
    (void)turn(&w, 0);
    w.skew += 60 * CLOCK_SEC;
    (void)turn(&w, 0);
    assert_null(strstr(w.said, "has not left"));
    says(&w, 0, BOARD_WORKER_LEAVING, 1); /* nothing in hand, and it stays */
    w.skew += 5 * CLOCK_SEC;
    (void)turn(&w, 0);
    assert_non_null(strstr(w.said, "has not left in time; sent SIGTERM"));
    end(&w);
}

static void test_a_stop_limits_who_was_leaving_already(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 1\n pm.max_requests = 1",
               "trap '' TERM\n" READY "while :; do sleep 0.05; done\n");
    UNTIL(&w, gang_serving(w.gang) == 1);
    says(&w, 0, BOARD_WORKER_BUSY, 1);
    UNTIL(&w, card(&w).recycled_requests == 1);
    w.skew += 3 * CLOCK_SEC;
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    w.skew += 3 * CLOCK_SEC;
    (void)turn(&w, 0);
    assert_null(strstr(w.said, "has not left"));
    w.skew += 2 * CLOCK_SEC;
    (void)turn(&w, 0);
    assert_non_null(strstr(w.said, "has not left in time; sent SIGTERM"));
    end(&w);
}

static void test_all_are_replaced_in_an_emergency(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 4", OBEDIENT);
    UNTIL(&w, gang_serving(w.gang) == 4);
    gang_replace_all(w.gang);
    UNTIL(&w, card(&w).recycled_emergency == 4 && gang_alive(w.gang) == 4);
    assert_int_equal(card(&w).spawned, 8);
    end(&w);
}

static void test_process_max_bounds_the_pool(void **unused)
{
    static uint32_t processes = 5; /* of other pools */
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 4", OBEDIENT);
    w.context.process_max = 7;
    w.context.processes = &processes;
    UNTIL(&w, gang_serving(w.gang) == 2);
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 2);
    assert_int_equal(processes, 7);
    processes--; /* one of the others died */
    UNTIL(&w, gang_serving(w.gang) == 3);
    end(&w);
    assert_int_equal(processes, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dynamic_grows_at_once_and_shrinks_after_a_while),
        cmocka_unit_test(test_ondemand_starts_when_somebody_knocks),
        cmocka_unit_test(test_a_successor_comes_first),
        cmocka_unit_test(test_nobody_is_held_while_no_successor_comes),
        cmocka_unit_test(test_nobody_is_held_in_a_pool_that_fails),
        cmocka_unit_test(test_a_request_in_hand_is_not_hurried),
        cmocka_unit_test(test_a_stop_limits_who_was_leaving_already),
        cmocka_unit_test(test_all_are_replaced_in_an_emergency),
        cmocka_unit_test(test_process_max_bounds_the_pool),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
