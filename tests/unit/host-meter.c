/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "host/meter.h"

#define BLOCK ((size_t)16 << 20)

static void test_grows_with_what_is_touched(void **unused)
{
    struct meter_family before, after;
    uint64_t resident = 0;
    (void)unused;
    assert_int_equal(meter_family(getpid(), true, &before), 0);
    char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(block, MAP_FAILED);
    assert_int_equal(meter_resident(getpid(), &resident), 0);
    assert_true(resident < before.resident + BLOCK / 2); /* reserved is not used */
    memset(block, 1, BLOCK);
    assert_int_equal(meter_family(getpid(), true, &after), 0);
    assert_in_range(after.resident - before.resident, BLOCK - (BLOCK >> 3), BLOCK + (BLOCK >> 2));
    if (after.proportional > 0) {
        assert_true(after.proportional >= BLOCK);
        assert_true(after.proportional <= after.resident + (1u << 20));
    }
    munmap(block, BLOCK);
}

static void test_gone(void **unused)
{
    uint64_t resident = 1;
    siginfo_t info;
    pid_t child = fork();
    (void)unused;
    if (child == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(meter_resident(child, &resident), -ESRCH); /* a zombie */
    assert_int_equal(resident, 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(meter_resident(child, &resident), -ESRCH);
    assert_int_equal(meter_resident(-5, &resident), -ESRCH);
}

/* A child that has a child of its own; both tell that they are there, and wait for the end of `hold`. */
static pid_t family(const int hold[2])
{
    int ready[2];
    char c;

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        close(hold[1]);
        (void)fork();
        volatile clock_t end = clock() + CLOCKS_PER_SEC / 20;
        while (clock() < end)
            ;
        (void)!write(ready[1], "!", 1);
        (void)!read(hold[0], &c, 1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void test_a_family(void **unused)
{
    struct meter_family with, without;
    uint64_t alone;
    siginfo_t info;
    int hold[2];

    (void)unused;
    assert_int_equal(pipe(hold), 0);
    pid_t child = family(hold);
    assert_int_equal(meter_family(child, true, &with), 0);
    assert_int_equal(meter_family(child, false, &without), 0);
    assert_int_equal(meter_resident(child, &alone), 0);
    assert_int_equal(without.proportional, 0);
    assert_true(with.cpu >= 40000 && with.cpu < 20000000); /* of the child alone */
    assert_true(with.resident >= alone);
    if (access("/proc/self/task/1/children", F_OK) == 0 || with.processes != 1) {
        assert_int_equal(with.processes, 2);
        assert_true(with.resident >= alone + alone / 4);
    }
    assert_true(with.proportional <= with.resident);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(meter_family(child, true, &with), -ESRCH); /* a zombie … */
    assert_int_equal(with.resident, 0);
    assert_true(with.cpu >= 40000); /* … whose time is still known */
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(meter_family(child, true, &with), -ESRCH);
    close(hold[0]);
    close(hold[1]); /* the grandchild ends */
}

/* Children of all threads; not more than there is room for. */
static void *bear(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50; i++) {
        if (fork() == 0) {
            for (;;)
                (void)pause();
        }
    }
    (void)pause();
    return NULL;
}

static void test_a_large_family_of_threads(void **unused)
{
    struct meter_family family = {0};
    int count = 0;

    (void)unused;
    pid_t child = fork();
    if (child == 0) {
        pthread_t threads[2];

        (void)setpgid(0, 0);
        for (int i = 0; i < 2; i++)
            (void)pthread_create(&threads[i], NULL, bear, NULL);
        for (;;)
            (void)pause();
    }
    for (uint32_t i = 0; i < 2000 && family.processes < METER_FAMILY_MAX; i++) {
        assert_int_equal(meter_family(child, false, &family), 0);
        if (family.processes == 1 && i > 100 && access("/proc/self/task/1/children", F_OK) < 0)
            break; /* a kernel that does not tell */
        usleep(10000);
    }
    if (family.processes > 1)
        assert_int_equal(family.processes, METER_FAMILY_MAX);
    assert_int_equal(kill(-child, SIGKILL), 0);
    while (waitpid(-child, NULL, 0) > 0)
        count++;
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_with_what_is_touched),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_a_family),
        cmocka_unit_test(test_a_large_family_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
