/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that are closed, used again and hung up in the middle of a batch of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>
#include "master/watch_table.h"

struct world {
    sd_event *loop;
    struct watch_table *table;
    unsigned fired;
    struct gang_watch last;
    struct gang_watch remove; /* when fd > 0: what the callback removes and closes */
};

static void fired(void *cookie, const struct gang_watch *w)
{
    struct world *world = cookie;

    world->fired++;
    world->last = *w;
    if (world->remove.fd > 0) {
        watch_table_remove(world->table, &world->remove);
        (void)close(world->remove.fd);
        world->remove.fd = 0;
    }
}

static int begin(void **state)
{
    static struct world w;

    w = (struct world){0};
    *state = &w;
    return sd_event_new(&w.loop) < 0 ? -1 : watch_table_new(&w.table, w.loop);
}

static int end(void **state)
{
    struct world *w = *state;

    w->table = watch_table_free(w->table);
    w->loop = sd_event_unref(w->loop);
    return 0;
}

static void turn(struct world *w)
{
    for (int i = 0; i < 8; i++)
        assert_true(sd_event_run(w->loop, 0) >= 0);
}

static void test_a_serial_is_handed_back(void **state)
{
    struct world *w = *state;
    int p[2];

    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    struct gang_watch a = {.kind = GANG_WATCH_OUTPUT, .slot = 3, .serial = 7, .fd = p[0]};
    assert_int_equal(watch_table_set(w->table, &a, fired, w), 0);
    turn(w);
    assert_int_equal(w->fired, 0);
    (void)close(p[1]);
    turn(w);
    assert_true(w->fired > 0);
    assert_int_equal(w->last.serial, 7);
    assert_int_equal(w->last.slot, 3);
    watch_table_remove(w->table, &a);
    w->fired = 0;
    turn(w);
    assert_int_equal(w->fired, 0);
    (void)close(p[0]);
}

/* Both are readable in one batch; whichever comes first removes and closes the other one. */
static void test_what_is_removed_in_the_batch_does_not_fire(void **state)
{
    struct world *w = *state;
    int p[2], q[2];

    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(pipe2(q, O_CLOEXEC), 0);
    struct gang_watch a = {.kind = GANG_WATCH_OUTPUT, .serial = 1, .fd = p[0]};
    struct gang_watch b = {.kind = GANG_WATCH_OUTPUT, .serial = 1, .fd = q[0]};
    struct world first = *w, second = *w;
    first.remove = b;
    second.remove = a;
    assert_int_equal(watch_table_set(w->table, &a, fired, &first), 0);
    assert_int_equal(watch_table_set(w->table, &b, fired, &second), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(write(q[1], "x", 1), 1);
    turn(w);
    assert_true((first.fired > 0) != (second.fired > 0));
    watch_table_remove(w->table, first.fired > 0 ? &a : &b);
    (void)close(first.fired > 0 ? p[0] : q[0]);
    (void)close(p[1]);
    (void)close(q[1]);
}

static void test_a_number_used_again_belongs_to_its_new_watcher(void **state)
{
    struct world *w = *state, other = *w;
    int p[2];

    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    struct gang_watch old = {.kind = GANG_WATCH_CHANNEL, .serial = 1, .fd = p[0]};
    struct gang_watch young = {.kind = GANG_WATCH_CHANNEL, .serial = 2, .fd = p[0]};
    assert_int_equal(watch_table_set(w->table, &old, fired, w), 0);
    assert_int_equal(watch_table_set(w->table, &young, fired, &other), 0);
    watch_table_remove(w->table, &old); /* too late: it is not the old one's any more */
    assert_int_equal(write(p[1], "x", 1), 1);
    turn(w);
    assert_int_equal(w->fired, 0);
    assert_true(other.fired > 0);
    assert_int_equal(other.last.serial, 2);
    watch_table_remove(w->table, &young);
    (void)close(p[0]);
    (void)close(p[1]);
}

static void test_what_cannot_be_watched(void **state)
{
    struct world *w = *state;
    struct gang_watch bad = {.fd = -1};

    assert_true(watch_table_set(w->table, &bad, fired, w) < 0);
    watch_table_remove(w->table, &bad);
    bad.fd = 100000;
    watch_table_remove(w->table, &bad);
    bad.fd = 900; /* closed */
    assert_true(watch_table_set(w->table, &bad, fired, w) < 0);
    watch_table_remove(w->table, &bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_serial_is_handed_back, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_removed_in_the_batch_does_not_fire, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_number_used_again_belongs_to_its_new_watcher, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_watched, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
