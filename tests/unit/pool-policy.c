/* SPDX-License-Identifier: Apache-2.0 */
/* How many workers a pool wants, as a table of numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "pool/policy.h"

struct row {
    const char *what;
    struct policy_input in;
    uint32_t wanted, start, retire;
};

#define STATIC(n)                                                                                  \
    .pm = CONF_PM_STATIC, .max_children = (n), .max_spawn_rate = 32, .allowed = POLICY_UNBOUNDED

static const struct row rows[] = {
    {"a new pool tries a few", {STATIC(50)}, 50, 4, 0},
    {"a small new pool starts whole", {STATIC(3)}, 3, 3, 0},
    {"the few are on their way", {STATIC(50), .pending = 4}, 50, 0, 0},
    {"one is ready: the rest", {STATIC(50), .pending = 3, .serving = 1, .proven = true}, 50, 29, 0},
    {"full", {STATIC(4), .serving = 4, .proven = true}, 4, 0, 0},
    {"one was killed", {STATIC(4), .serving = 3, .proven = true}, 4, 1, 0},
    {"failing: one at a time", {STATIC(4), .proven = true, .failing = true}, 4, 1, 0},
    {"failing: it is on its way", {STATIC(4), .pending = 1, .failing = true}, 4, 0, 0},
    {"failing: the others still serve",
     {STATIC(4), .serving = 3, .proven = true, .failing = true},
     4,
     1,
     0},
    {"held", {STATIC(4), .proven = true, .failing = true, .held = true}, 4, 0, 0},
    {"stopping", {STATIC(4), .pending = 1, .serving = 3, .stopping = true}, 0, 0, 4},
    {"stopping, they leave", {STATIC(4), .leaving = 4, .stopping = true}, 0, 0, 0},
    {"leaving ones keep their slot",
     {STATIC(4), .serving = 2, .leaving = 2, .proven = true},
     4,
     0,
     0},
    {"one slot came free", {STATIC(4), .serving = 2, .leaving = 1, .proven = true}, 4, 1, 0},
    {"too many", {STATIC(4), .serving = 6, .proven = true}, 4, 0, 2},
    {"huge numbers do not wrap",
     {STATIC(4), .pending = UINT32_MAX, .serving = UINT32_MAX, .leaving = UINT32_MAX},
     4,
     0,
     UINT32_MAX},
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy_answer a = policy_decide(&rows[i].in);
        if (a.wanted != rows[i].wanted || a.start != rows[i].start ||
            (a.retire != rows[i].retire && rows[i].retire != UINT32_MAX))
            fail_msg("%s: wanted %u start %u retire %u", rows[i].what, a.wanted, a.start, a.retire);
        if (rows[i].retire == UINT32_MAX)
            assert_true(a.retire > 0);
    }
}

#define DYNAMIC(n, low, high)                                                                      \
    .pm = CONF_PM_DYNAMIC, .max_children = (n), .min_spare = (low), .max_spare = (high),           \
    .max_spawn_rate = 32, .allowed = POLICY_UNBOUNDED, .proven = true
#define ONDEMAND(n)                                                                                \
    .pm = CONF_PM_ONDEMAND, .max_children = (n), .max_spawn_rate = 32,                             \
    .allowed = POLICY_UNBOUNDED, .proven = true

static const struct size_row {
    const char *what;
    struct policy_input in;
    struct policy_answer out;
} size_rows[] = {
    {"start_servers", {DYNAMIC(20, 2, 6), .size = 4}, {.wanted = 4, .start = 4, .spare_wanted = 2}},
    {"enough",
     {DYNAMIC(20, 2, 6), .size = 4, .serving = 4, .busy = 2, .peak = 2, .noted = 2},
     {.wanted = 4, .spare_wanted = 2}},
    {"one spare is missing",
     {DYNAMIC(20, 2, 6), .size = 4, .serving = 4, .busy = 3, .peak = 3, .noted = 3},
     {.wanted = 5, .start = 1, .spare_wanted = 2}},
    {"it is on its way",
     {DYNAMIC(20, 2, 6), .size = 5, .serving = 4, .pending = 1, .busy = 3, .peak = 3, .noted = 3},
     {.wanted = 5, .spare_wanted = 2}},
    {"all that wait, at once",
     {DYNAMIC(100, 5, 9), .size = 5, .serving = 5, .busy = 5, .waiting = 20, .peak = 25,
      .noted = 25},
     {.wanted = 30, .start = 25, .spare_wanted = 5, .shrinkable = true}},
    {"as many as may be on their way",
     {DYNAMIC(100, 5, 9), .size = 5, .serving = 5, .busy = 5, .waiting = 80, .peak = 85,
      .noted = 85},
     {.wanted = 90, .start = 32, .spare_wanted = 5, .shrinkable = true}},
    {"max_children is reached",
     {DYNAMIC(10, 5, 9), .size = 10, .serving = 10, .busy = 10, .waiting = 3, .peak = 10,
      .noted = 10},
     {.wanted = 10, .reached = true, .shrinkable = true}},
    {"the peak holds them",
     {DYNAMIC(50, 2, 6), .size = 40, .serving = 40, .busy = 1, .peak = 38, .noted = 1},
     {.wanted = 40, .spare_wanted = 39, .shrinkable = true}},
    {"it is forgotten",
     {DYNAMIC(50, 2, 6), .size = 40, .serving = 40, .busy = 1, .peak = 1, .noted = 1},
     {.wanted = 7, .retire = 33, .spare_wanted = 39, .shrinkable = true}},
    {"nothing to do: max_spare remain",
     {DYNAMIC(50, 2, 6), .size = 7, .serving = 7},
     {.wanted = 6, .retire = 1, .spare_wanted = 7}},
    {"nobody asks", {ONDEMAND(9), .size = 0}, {.wanted = 0, .spare_wanted = 1}},
    {"one asks",
     {ONDEMAND(9), .waiting = 1, .peak = 1, .noted = 1},
     {.wanted = 1, .start = 1, .spare_wanted = 1, .shrinkable = true}},
    {"more than there may be",
     {ONDEMAND(9), .waiting = 9, .busy = 3, .serving = 3, .peak = 9, .noted = 9},
     {.wanted = 9, .start = 6, .spare_wanted = 1, .shrinkable = true}},
    {"the last leaves",
     {ONDEMAND(9), .size = 1, .serving = 1},
     {.wanted = 0, .retire = 1, .spare_wanted = 1}},
    {"one died: nobody asked for another",
     {ONDEMAND(9), .size = 1, .peak = 1},
     {.spare_wanted = 1}},
    {"due: the successor first",
     {STATIC(4), .surplus = 1, .size = 4, .serving = 4, .due = 3, .noted = 4, .proven = true},
     {.wanted = 4, .start = 1}},
    {"due: it is on its way",
     {STATIC(4), .surplus = 1, .size = 4, .serving = 4, .pending = 1, .due = 3, .noted = 4,
      .proven = true},
     {.wanted = 4}},
    {"due: it is ready",
     {STATIC(4), .surplus = 1, .size = 4, .serving = 5, .due = 3, .noted = 5, .proven = true},
     {.wanted = 4, .retire_due = 1}},
    {"due: the next, when the first is gone",
     {STATIC(4), .surplus = 1, .size = 4, .serving = 4, .leaving = 1, .due = 2, .noted = 4,
      .proven = true},
     {.wanted = 4}},
    {"due: a quarter",
     {STATIC(40), .surplus = 10, .size = 40, .serving = 40, .due = 30, .noted = 40, .proven = true},
     {.wanted = 40, .start = 10}},
    {"due: a quarter of what is wanted",
     {DYNAMIC(50, 2, 8), .surplus = 12, .size = 8, .serving = 8, .due = 8, .busy = 1, .noted = 8},
     {.wanted = 8, .start = 2, .spare_wanted = 2}},
    {"due: no start is possible, they stay",
     {STATIC(40), .surplus = 10, .size = 40, .serving = 40, .due = 30, .noted = 40, .held = true},
     {.wanted = 40}},
    {"due: process.max leaves no room",
     {.pm = CONF_PM_STATIC,
      .max_children = 4,
      .max_spawn_rate = 32,
      .surplus = 1,
      .size = 4,
      .serving = 4,
      .due = 2,
      .noted = 4,
      .proven = true},
     {.wanted = 4, .retire_due = 1}},
    {"too many: the due go first",
     {DYNAMIC(50, 2, 6), .surplus = 12, .size = 10, .serving = 10, .due = 3},
     {.wanted = 6, .retire_due = 3, .retire = 1, .spare_wanted = 10}},
    {"process.max",
     {.pm = CONF_PM_DYNAMIC,
      .max_children = 50,
      .min_spare = 2,
      .max_spare = 6,
      .max_spawn_rate = 32,
      .proven = true,
      .size = 4,
      .serving = 4,
      .busy = 4,
      .peak = 4,
      .noted = 4,
      .allowed = 1},
     {.wanted = 6, .start = 1, .spare_wanted = 2}},
};

static void test_sizes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(size_rows) / sizeof(size_rows[0]); i++) {
        const struct size_row *row = &size_rows[i];
        struct policy_answer a = policy_decide(&row->in);

        if (a.wanted != row->out.wanted || a.start != row->out.start ||
            a.retire != row->out.retire || a.retire_due != row->out.retire_due ||
            a.spare_wanted != row->out.spare_wanted || a.reached != row->out.reached ||
            a.shrinkable != row->out.shrinkable)
            fail_msg("%s: wanted %u start %u retire %u due %u spare %u%s", row->what, a.wanted,
                     a.start, a.retire, a.retire_due, a.spare_wanted,
                     a.shrinkable ? " shrinkable" : "");
    }
}

/* Obeying makes the next answer "nothing", and max_children bounds the processes at every step. */
static void test_it_settles(void **unused)
{
    (void)unused;
    for (uint32_t max = 1; max <= 200; max++) {
        struct policy_input in = {STATIC(max)};
        for (unsigned step = 0; step < 1000 && in.serving < max; step++) {
            struct policy_answer a = policy_decide(&in);
            in.pending += a.start;
            assert_true(in.pending + in.serving <= max);
            assert_int_equal(policy_decide(&in).start, 0);
            assert_true(in.pending > 0);
            in.pending--;
            in.serving++;
            in.proven = true;
        }
        assert_int_equal(in.serving, max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_it_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
