/* SPDX-License-Identifier: Apache-2.0 */
/* A gang as records: what was written is read again, and what cannot be is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "pool/frozen.h"

static uint8_t half_line[] = {'a', 0, 0xff, '='};

static struct frozen_worker worker(uint32_t slot)
{
    return (struct frozen_worker){.state = LIFECYCLE_SERVING,
                                  .slot = slot,
                                  .serial = slot + 10,
                                  .pid = (int)slot + 1000,
                                  .pidfd = 20 + (int)slot,
                                  .report = -1,
                                  .channel = 30 + (int)slot,
                                  .output = 40 + (int)slot,
                                  .line = {half_line, sizeof(half_line)},
                                  .deadline = UINT64_MAX,
                                  .level_unsent = -1};
}

static struct frozen_gang gang(struct frozen_port *ports)
{
    return (struct frozen_gang){
        .name = "web",
        .role = 2,
        .slots = 10,
        .posts = 5,
        .surplus = 1,
        .max_children = 4,
        .generation = 3,
        .cap = UINT32_MAX,
        .room = UINT32_MAX,
        .opened = true,
        .board = 11,
        .bell_read = 12,
        .bell_write = 13,
        .gone = {.requests = 7, .times = {[2] = 5}, .buckets = {[1][15] = 9}},
        .card = {.spawned = 77,
                 .recycled_reload = 6,
                 .exit_codes = {[1] = 2, [255] = UINT32_MAX},
                 .exit_signals = {[64] = 8}},
        .inherited_card = {.recycled_restart = 5, .exit_codes = {[2] = 1}},
        .throttle = {.until = 5, .pause = 100000, .failures = 1},
        .window = {.width = 1, .buckets = {[3] = 4}},
        .reason = "a worker = odd\\n",
        .toward = "other",
        .ports = ports,
        .port_count = 2};
}

static void write_gang(struct state *s, const struct frozen_gang *g, const struct frozen_worker *w,
                       size_t count)
{
    const struct frozen_leftover l = {
        .output = 50, .pid = 999, .line = {half_line, 1}, .slot = 3, .serial = 4, .expires = 5};

    assert_int_equal(state_begin(s, 1), 0);
    assert_int_equal(frozen_put_gang(s, g), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(frozen_put_worker(s, &w[i]), 0);
    assert_int_equal(frozen_put_leftover(s, &l), 0);
    assert_int_equal(state_add(s, 99, "x", 1), 0);
    assert_int_equal(state_finish(s), 0);
}

static int read_gang(struct frozen_gang *ret, struct state *s, uint32_t *ret_next,
                     struct error *err)
{
    struct state_reader r;
    struct state_record record;

    assert_int_equal(state_open(&r, bytes_front(&s->block), bytes_held(&s->block), err), 0);
    state_next(&r, &record);
    int result = frozen_take(ret, &record, &r, err);
    *ret_next = record.kind;
    return result;
}

static void test_written_and_read(void **unused)
{
    struct frozen_port ports[2] = {{.text = "/run/a b", .fd = 14, .lent = true, .foreign = true},
                                   {.text = "127.0.0.1:9000", .fd = -1, .deaf = true}};
    const struct frozen_gang g = gang(ports);
    const struct frozen_worker workers[] = {worker(9), worker(0), worker(4)};
    struct frozen_gang back;
    struct frozen_fds fds = {0};
    struct state s;
    struct error err = ERROR_NONE;
    uint32_t next = 0;

    (void)unused;
    write_gang(&s, &g, workers, 3);
    if (read_gang(&back, &s, &next, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(next, 99);
    assert_string_equal(back.name, "web");
    assert_int_equal(back.role, 2);
    assert_string_equal(back.reason, g.reason);
    assert_string_equal(back.toward, "other");
    assert_true(back.gone.requests == 7 && back.gone.times[2] == 5 &&
                back.gone.buckets[1][15] == 9);
    assert_true(back.card.spawned == 77);
    assert_true(back.card.recycled_reload == 6 && back.inherited_card.recycled_restart == 5);
    assert_memory_equal(back.card.exit_codes, g.card.exit_codes, sizeof(g.card.exit_codes));
    assert_memory_equal(back.card.exit_signals, g.card.exit_signals, sizeof(g.card.exit_signals));
    assert_memory_equal(back.inherited_card.exit_codes, g.inherited_card.exit_codes,
                        sizeof(g.card.exit_codes));
    assert_memory_equal(&back.throttle, &g.throttle, sizeof(g.throttle));
    assert_memory_equal(&back.window, &g.window, sizeof(g.window));
    assert_int_equal(back.port_count, 2);
    assert_string_equal(back.ports[0].text, "/run/a b");
    assert_true(back.ports[0].fd == 14 && back.ports[0].lent && back.ports[0].foreign &&
                !back.ports[0].deaf);
    assert_true(back.ports[1].fd == -1 && !back.ports[1].lent && back.ports[1].deaf);
    assert_int_equal(back.worker_count, 3);
    for (uint32_t i = 0; i < 3; i++) { /* by their slots */
        const struct frozen_worker *w = &back.workers[i];
        const struct frozen_worker want = worker((const uint32_t[]){0, 4, 9}[i]);

        assert_int_equal(w->slot, want.slot);
        assert_int_equal(w->pid, want.pid);
        assert_true(w->deadline == UINT64_MAX);
        assert_int_equal(w->line.length, sizeof(half_line));
        assert_memory_equal(w->line.data, half_line, sizeof(half_line));
    }
    assert_int_equal(back.leftover_count, 1);
    assert_int_equal(back.leftovers[0].output, 50);
    assert_int_equal(frozen_list(&back, &fds), 0);
    assert_int_equal(fds.count, 4 + 9 + 1); /* no -1 among them */
    frozen_fds_clear(&fds);
    frozen_clear(&back);
    state_clear(&s);
}

static void refused(const struct frozen_gang *g, const struct frozen_worker *w, size_t count)
{
    struct frozen_gang back;
    struct state s;
    struct error err = ERROR_NONE;
    uint32_t next = 0;

    write_gang(&s, g, w, count);
    assert_true(read_gang(&back, &s, &next, &err) < 0);
    assert_non_null(strstr(err.text, "state"));
    state_clear(&s);
}

#define BREAK(change)                                                                              \
    do {                                                                                           \
        struct frozen_port ports[2] = {{.text = "/a", .fd = 14}, {.text = "/b", .fd = 15}};        \
        struct frozen_gang g = gang(ports);                                                        \
        struct frozen_worker w[] = {worker(0), worker(1)};                                         \
        size_t count = 2;                                                                          \
        change;                                                                                    \
        refused(&g, w, count);                                                                     \
        (void)count;                                                                               \
    } while (0)

static void test_what_cannot_be(void **unused)
{
    (void)unused;
    BREAK(g.name[0] = '\0');
    BREAK(g.slots = 0);
    BREAK(g.slots = BOARD_SLOTS_MAX + 1);
    BREAK(g.posts = 0);
    BREAK(g.posts = g.slots);
    BREAK(g.max_children = 0);
    BREAK(g.max_children = 5); /* and a surplus of 1 */
    BREAK(g.surplus = UINT32_MAX);
    BREAK(g.scaled = 6);
    BREAK(g.failed = true); /* and open */
    BREAK(g.opened = false);
    BREAK(g.bell_read = -1);
    BREAK(g.bell_write = 2);
    BREAK(g.board = 2);
    BREAK(g.board = -1);
    BREAK(g.window.width = 0);
    BREAK(g.throttle.pause = 0);
    BREAK(g.throttle.pause = THROTTLE_LONGEST + 1);
    BREAK(g.throttle.failures = 0);
    BREAK(g.gone.requests = UINT64_MAX);
    BREAK(g.card.spawned = UINT64_MAX);
    BREAK(g.card.exit_codes[0] = 1); /* no cause of death */
    BREAK(g.card.recycled_reload = UINT64_MAX);
    BREAK(g.cause = 3);
    BREAK(w[0].resident = UINT64_MAX);
    BREAK(ports[0].fd = 2);
    BREAK(w[0].state = LIFECYCLE_EMPTY);
    BREAK(w[0].state = LIFECYCLE_STATES);
    BREAK(w[0].slot = 5); /* neither a post nor the last */
    BREAK(w[0].slot = 10);
    BREAK(w[0].serial = 0);
    BREAK(w[0].pid = 1);
    BREAK(w[0].pid = -1);
    BREAK(w[0].pidfd = -1);
    BREAK(w[0].channel = -2);
    BREAK(w[0].due = RECYCLE_EMERGENCY + 1);
    BREAK(w[0].stop = 65);
    BREAK(w[0].level_unsent = 5);
    BREAK(w[1].slot = 0);
    BREAK(w[1].serial = w[0].serial);
    BREAK(w[1].pid = w[0].pid);
}

static void test_too_many(void **unused)
{
    struct frozen_port ports[2] = {{.text = "/a", .fd = 14}, {.text = "/b", .fd = 15}};
    const struct frozen_gang g = gang(ports);
    struct frozen_worker w[11];

    (void)unused;
    for (uint32_t i = 0; i < 11; i++)
        w[i] = worker(i);
    refused(&g, w, 11);
}

/* Records that come in the wrong order belong to nobody. */
static void test_no_gang(void **unused)
{
    const struct frozen_worker w = worker(0);
    struct frozen_gang back;
    struct state s;
    struct error err = ERROR_NONE;
    uint32_t next = 0;

    (void)unused;
    assert_int_equal(state_begin(&s, 1), 0);
    assert_int_equal(frozen_put_worker(&s, &w), 0);
    assert_int_equal(state_finish(&s), 0);
    assert_int_equal(read_gang(&back, &s, &next, &err), -EINVAL);
    state_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_no_gang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
