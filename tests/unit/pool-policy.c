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
        cmocka_unit_test(test_it_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
