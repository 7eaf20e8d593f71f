/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of waiting times, against a queue in which every connection's age is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "host/queue_age.h"

static void test_rows(void **unused)
{
    static const struct {
        struct queue_note then, now;
        uint64_t age, want;
    } rows[] = {
        {{100, 5, 0}, {300, 5, 0}, 200, 5},    /* nobody took any */
        {{100, 5, 0}, {299, 5, 0}, 200, 0},    /* not yet */
        {{100, 5, 0}, {300, 9, 2}, 200, 3},    /* two were taken, six came */
        {{100, 5, 10}, {300, 9, 15}, 200, 0},  /* all were taken */
        {{100, 5, 10}, {300, 9, 900}, 200, 0}, /* and many more */
        {{100, 5, 10}, {300, 2, 10}, 200, 2},  /* three went without being counted */
        {{100, 5, 10}, {300, 5, 9}, 200, 0},   /* a counter that goes back says nothing */
        {{300, 5, 10}, {100, 5, 10}, 0, 0},    /* nor does a clock that does */
        {{100, 0, 0}, {300, 7, 0}, 200, 0},    /* the queue was empty then */
        {{100, UINT64_MAX, 0}, {300, 7, UINT64_MAX}, 200, 0},
        {{0, 5, 0}, {UINT64_MAX, 5, 0}, UINT64_MAX, 5},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct queue_age a = {0};
        queue_age_note(&a, &rows[i].then, 0);
        uint64_t got = queue_age_overdue(&a, &rows[i].now, rows[i].age);
        if (got != rows[i].want)
            fail_msg("row %zu: %llu", i, (unsigned long long)got);
    }
    struct queue_age none = {0};
    assert_int_equal(queue_age_overdue(&none, &rows[0].now, 0), 0);
}

#define QUEUE 4096

/* Random arrivals and acceptances: never more than are really overdue, and, with notes a sixteenth
 * of the age apart, all that are overdue by a sixteenth more. */
static void test_histories(void **unused)
{
    static uint64_t born[QUEUE];
    (void)unused;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct queue_age a = {0};
        uint64_t head = 0, tail = 0, now = 1000;
        const uint64_t age = 1600, apart = 100;
        unsigned in = seed % 7, out = seed % 5;
        srandom(seed);
        for (int step = 0; step < 600; step++) {
            uint64_t pause = (uint64_t)random() % 150;
            now += pause;
            for (long k = random() % (in + 1); k > 0 && tail - head < QUEUE; k--)
                born[tail++ % QUEUE] = now;
            for (long k = random() % (out + 1); k > 0 && head < tail; k--)
                head++;
            struct queue_note n = {now, tail - head, head};
            uint64_t late = 0, very_late = 0;
            for (uint64_t i = head; i < tail; i++) {
                late += now - born[i % QUEUE] >= age;
                very_late += now - born[i % QUEUE] > age + apart + 300;
            }
            uint64_t got = queue_age_overdue(&a, &n, age);
            if (got > late || got < very_late)
                fail_msg("seed %u, step %d: %llu of %llu to %llu", seed, step,
                         (unsigned long long)got, (unsigned long long)very_late,
                         (unsigned long long)late);
            queue_age_note(&a, &n, apart);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
