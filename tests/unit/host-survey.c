/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring beside the loop: what comes back, and what becomes of a thread that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "host/survey.h"

static atomic_int measured, rollups, strange; /* strange: signals that a thread would take */
static int gate[2];                           /* whoever measures process 666 waits for a byte */

static int fake(pid_t pid, bool rollup, struct meter_family *ret)
{
    sigset_t blocked;
    char c;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    atomic_fetch_add(&strange, sigismember(&blocked, SIGUSR1) != 1);
    if (pid == 666 && rollup)
        (void)!read(gate[0], &c, 1);
    atomic_fetch_add(&measured, 1);
    atomic_fetch_add(&rollups, rollup);
    *ret = (struct meter_family){.resident = (uint64_t)pid * 10, .processes = 1};
    return pid == 13 ? -ESRCH : 0;
}

static bool wait_for(struct survey *s, int timeout)
{
    struct pollfd p = {.fd = survey_fd(s), .events = POLLIN};

    return poll(&p, 1, timeout) == 1;
}

static void test_in_order(void **unused)
{
    const pid_t pids[] = {7, 13, 9};
    struct survey *s = NULL;
    struct survey_result *got;
    uint64_t took = 0;
    size_t count = 0;

    (void)unused;
    assert_int_equal(survey_new(&s, fake, NULL), 0);
    assert_null(survey_take(s, &count, &took)); /* nothing was asked */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(survey_start(s, pids, 3, clock_monotonic(), NULL), 0);
        assert_int_equal(survey_start(s, pids, 3, clock_monotonic(), NULL), SURVEY_BUSY);
        assert_true(wait_for(s, 20000));
        got = survey_take(s, &count, &took);
        assert_non_null(got);
        assert_int_equal(count, 3);
        assert_true(took < 20 * CLOCK_SEC);
        assert_int_equal(got[0].family.resident, 70);
        assert_int_equal(got[1].error, -ESRCH);
        assert_int_equal(got[2].family.resident, 90);
        free(got);
        assert_null(survey_take(s, &count, &took)); /* once */
        assert_false(wait_for(s, 0));
    }
    assert_int_equal(survey_start(s, NULL, 0, clock_monotonic(), NULL), 0);
    assert_true(wait_for(s, 20000));
    got = survey_take(s, &count, &took);
    assert_non_null(got);
    assert_int_equal(count, 0);
    free(got);
    assert_int_equal(strange, 0);
    assert_null(survey_free(s));
    assert_null(survey_free(NULL));
}

static void test_a_thread_that_does_not_come_back(void **unused)
{
    const pid_t stuck[] = {1, 666, 3}, after[] = {4};
    uint64_t now = clock_monotonic(), took = 0;
    struct survey *s = NULL;
    struct survey_result *got;
    size_t count = 0;

    (void)unused;
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(survey_new(&s, fake, NULL), 0);
    measured = 0;
    assert_int_equal(survey_start(s, stuck, 3, now, NULL), 0);
    assert_int_equal(survey_start(s, after, 1, now + SURVEY_PATIENCE - 1, NULL), SURVEY_BUSY);
    assert_null(survey_take(s, &count, &took));
    while (measured < 1)
        usleep(1000);
    /* It is left, and its like is not asked again for what it waits for. */
    rollups = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            survey_start(s, i == 1 ? stuck : after, i == 1 ? 3 : 1, now + SURVEY_PATIENCE, NULL),
            0);
        assert_true(wait_for(s, 20000));
        got = survey_take(s, &count, &took);
        assert_non_null(got);
        assert_int_equal(count, i == 1 ? 3 : 1);
        assert_int_equal(got[0].error, 0);
        free(got);
    }
    assert_int_equal(rollups, 0);
    /* It comes back: nobody takes its results, and after a while all is as before. */
    assert_int_equal(write(gate[1], "!", 1), 1);
    for (int i = 0; i < 2000 && rollups < 1; i++)
        usleep(10000);
    int its = rollups;
    now += SURVEY_PATIENCE;
    for (int i = 0; i < 2000 && rollups == its; i++) {
        uint64_t at = i < 20 ? now + SURVEY_REST - 1 : now + SURVEY_REST;

        usleep(10000);
        assert_int_equal(survey_start(s, after, 1, at, NULL), 0);
        do /* the bell may be that of the one that has come back */
            assert_true(wait_for(s, 20000));
        while ((got = survey_take(s, &count, &took)) == NULL);
        free(got);
        assert_true(i >= 20 || rollups == its);
    }
    assert_true(rollups > its);
    assert_null(survey_free(s));
    close(gate[0]);
    close(gate[1]);
}

/* Freed in the middle, with its thread at work. */
static void test_freed_while_it_works(void **unused)
{
    const pid_t pids[] = {666, 1};

    (void)unused;
    for (int i = 0; i < 50; i++) {
        struct survey *s = NULL;

        assert_int_equal(pipe(gate), 0);
        assert_int_equal(survey_new(&s, fake, NULL), 0);
        assert_int_equal(survey_start(s, pids, 2, clock_monotonic(), NULL), 0);
        if (i % 2 == 0)
            assert_int_equal(write(gate[1], "!", 1), 1);
        assert_null(survey_free(s));
        close(gate[1]); /* ends the wait */
        close(gate[0]);
    }
}

static void test_a_real_one(void **unused)
{
    const pid_t self = getpid();
    struct survey *s = NULL;
    uint64_t took = 0;
    size_t count = 0;

    (void)unused;
    assert_int_equal(survey_new(&s, meter_family, NULL), 0);
    assert_int_equal(survey_start(s, &self, 1, clock_monotonic(), NULL), 0);
    assert_true(wait_for(s, 20000));
    struct survey_result *got = survey_take(s, &count, &took);
    assert_non_null(got);
    assert_int_equal(got[0].error, 0);
    assert_true(got[0].family.resident > 100000);
    assert_int_equal(got[0].family.processes, 1);
    free(got);
    assert_null(survey_free(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_a_thread_that_does_not_come_back),
        cmocka_unit_test(test_a_real_one),
        cmocka_unit_test(test_freed_while_it_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
