/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/clock.h"
#include "pool/overload.h"

#define MS CLOCK_MSEC
#define ROWS 8

/* One look of each history: what is seen, and what is to be the answer. */
struct look {
    unsigned at; /* milliseconds */
    uint32_t waiting;
    uint64_t accepted;
    char what; /* ' ' full; 'i' somebody is idle, 'g' may grow, 'u' unknown, 's' stopping */
    bool want;
};
static const struct {
    const char *name;
    uint32_t limit;
    unsigned timeout; /* milliseconds */
    struct look looks[ROWS];
} histories[] = {
    {"no option", 0, 0, {{0, 9, 0, ' ', false}, {9000, 999, 0, ' ', false}}},
    {"the oldest waits a quarter of the time",
     0,
     200,
     {{0, 5, 0, ' ', false}, {49, 5, 0, ' ', false}, {50, 5, 0, ' ', true}}},
    {"always full, and nobody waits long",
     0,
     200,
     {{0, 5, 0, ' ', false},
      {50, 5, 5, ' ', false},
      {100, 5, 10, ' ', false},
      {1000, 5, 100, ' ', false}}},
    {"it gets slower",
     0,
     200,
     {{0, 5, 0, ' ', false}, {50, 5, 5, ' ', false}, {100, 5, 9, ' ', true}}},
    {"somebody is idle", 0, 200, {{0, 5, 0, 'i', false}, {100, 5, 0, 'i', false}}},
    {"more workers may come",
     0,
     200,
     {{0, 5, 0, 'g', false}, {100, 5, 0, 'g', false}, {101, 5, 0, ' ', true}}},
    {"nobody tells", 0, 200, {{0, 5, 0, ' ', false}, {100, 5, 0, 'u', false}}},
    {"shedding, then nobody tells",
     1,
     0,
     {{0, 5, 0, ' ', true}, {1, 5, 0, 'u', false}, {2, 5, 0, ' ', true}}},
    {"the pool stops", 1, 200, {{0, 5, 0, 's', false}, {100, 5, 0, 's', false}}},
    {"shedding, then the pool stops", 1, 0, {{0, 5, 0, ' ', true}, {1, 5, 0, 's', false}}},
    {"longer than the limit",
     5,
     0,
     {{0, 4, 0, ' ', false}, {1, 5, 0, ' ', false}, {2, 6, 0, ' ', true}}},
    {"longer than the limit while somebody is idle", 5, 0, {{0, 99, 0, 'i', false}}},
    {"both: the limit first", 5, 10000, {{0, 6, 0, ' ', true}}},
    {"both: the time first", 5, 400, {{0, 1, 0, ' ', false}, {100, 1, 0, ' ', true}}},
    {"it goes when nothing has waited for a while",
     1,
     0,
     {{0, 5, 0, ' ', true},
      {100, 0, 5, 'i', true},
      {299, 0, 5, 'i', true},
      {300, 0, 5, 'i', false},
      {301, 0, 5, 'i', false}}},
    {"something waits again: the while begins anew",
     1,
     0,
     {{0, 5, 0, ' ', true},
      {100, 0, 5, 'i', true},
      {250, 1, 5, ' ', true},
      {300, 0, 6, 'i', true},
      {499, 0, 6, 'i', true},
      {500, 0, 6, 'i', false}}},
    {"it stays while something waits, however short",
     1,
     0,
     {{0, 5, 0, ' ', true}, {100, 1, 5, 'i', true}, {5000, 1, 9, 'g', true}}},
};

static struct overload_input input(const struct look *l, uint32_t limit, uint64_t timeout)
{
    return (struct overload_input){.now = CLOCK_SEC + l->at * MS,
                                   .known = l->what != 'u',
                                   .waiting = l->waiting,
                                   .accepted = l->accepted,
                                   .idle = l->what == 'i',
                                   .at_max = l->what != 'g',
                                   .stopping = l->what == 's',
                                   .queue_limit = limit,
                                   .queue_timeout = timeout};
}

static void test_histories(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof histories / sizeof *histories; i++) {
        struct overload o = {0};
        for (size_t k = 0; k < ROWS && histories[i].looks[k].what != '\0'; k++) {
            const struct look *l = &histories[i].looks[k];
            struct overload_input in = input(l, histories[i].limit, histories[i].timeout * MS);
            bool got = overload_decide(&o, &in);
            if (got != l->want)
                fail_msg("%s: %d at %u ms", histories[i].name, got, l->at);
            assert_int_equal(o.shedding, got);
            assert_int_equal(overload_decide(&o, &in), got); /* twice is once */
        }
    }
}

static void test_full(void **unused)
{
    static const struct {
        struct look look;
        bool want;
    } rows[] = {
        {{0, 1, 0, ' ', false}, true},  {{0, 0, 0, ' ', false}, false},
        {{0, 1, 0, 'i', false}, false}, {{0, 1, 0, 'g', false}, false},
        {{0, 1, 0, 'u', false}, false}, {{0, 1, 0, 's', false}, false},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct overload o = {0};
        struct overload_input in = input(&rows[i].look, 0, 0); /* known without the options, too */
        assert_false(overload_decide(&o, &in));
        assert_int_equal(o.full, rows[i].want);
    }
}

static void test_interval(void **unused)
{
    static const struct {
        uint32_t limit;
        uint64_t timeout, want;
    } rows[] = {
        {0, 0, 100 * MS},         {0, 1, 5 * MS},
        {0, 160 * MS, 10 * MS},   {0, 3600 * CLOCK_SEC, 100 * MS},
        {5, 0, 20 * MS},          {5, 160 * MS, 10 * MS},
        {5, UINT64_MAX, 20 * MS},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct overload_input in = {.queue_limit = rows[i].limit, .queue_timeout = rows[i].timeout};
        assert_int_equal(overload_interval(&in), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
