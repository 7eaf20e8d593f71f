/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/meter.h"

#define BLOCK ((size_t)16 << 20)

static void test_grows_with_what_is_touched(void **unused)
{
    struct meter_memory before, after;
    uint64_t resident = 0;
    (void)unused;
    assert_int_equal(meter_memory(getpid(), &before), 0);
    char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(block, MAP_FAILED);
    assert_int_equal(meter_resident(getpid(), &resident), 0);
    assert_true(resident < before.resident + BLOCK / 2); /* reserved is not used */
    memset(block, 1, BLOCK);
    assert_int_equal(meter_memory(getpid(), &after), 0);
    assert_in_range(after.resident - before.resident, BLOCK - (BLOCK >> 3), BLOCK + (BLOCK >> 2));
    if (after.proportional > 0) {
        assert_true(after.proportional >= BLOCK);
        assert_true(after.proportional <= after.resident + (1u << 20));
        assert_true(after.private >= BLOCK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_with_what_is_touched),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
