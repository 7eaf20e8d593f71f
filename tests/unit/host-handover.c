/* SPDX-License-Identifier: Apache-2.0 */
/* Settings in a sealed memfd: what arrives is what was sent, or an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host/handover.h"

static void test_round_trip(void **unused)
{
    static const size_t lengths[] = {0, 1, 4095, 4096, 4097, 1 << 20};
    (void)unused;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *sent = malloc(lengths[i] + 1);
        void *got = NULL;
        size_t length = 77;
        for (size_t k = 0; k < lengths[i]; k++)
            sent[k] = (char)(k * 7);
        int fd = handover_seal(sent, lengths[i], "git", NULL);
        assert_true(fd >= 3);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        for (int again = 0; again < 2; again++) { /* the offset is shared, and never moves */
            assert_int_equal(handover_read(fd, lengths[i], &got, &length, NULL), 0);
            assert_int_equal(length, lengths[i]);
            assert_memory_equal(got, sent, length);
            free(got);
        }
        if (lengths[i] > 0)
            assert_int_equal(handover_read(fd, lengths[i] - 1, &got, &length, NULL), -EFBIG);
        /* Nobody changes it any more. */
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fd, 7), -1);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
        assert_true(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        close(fd);
        free(sent);
    }
}

static void expect_refused(int fd)
{
    void *got = NULL;
    size_t length = 0;
    struct error err = ERROR_NONE;
    assert_true(handover_read(fd, 1 << 20, &got, &length, &err) < 0);
    assert_null(got);
    assert_true(err.text[0] != '\0');
}

static void test_what_is_no_settings(void **unused)
{
    static const int partly[] = {0,
                                 F_SEAL_WRITE,
                                 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
                                 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
                                 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL,
                                 F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL};
    int ends[2];
    (void)unused;
    expect_refused(-1);
    expect_refused(987);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    expect_refused(fd);
    close(fd);
    fd = open("/", O_RDONLY | O_CLOEXEC);
    expect_refused(fd);
    close(fd);
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    expect_refused(fd);
    close(fd);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    expect_refused(ends[0]);
    close(ends[0]);
    close(ends[1]);
    for (size_t i = 0; i < sizeof partly / sizeof partly[0]; i++) {
        fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(write(fd, "x=y", 4), 4);
        if (partly[i] != 0)
            assert_int_equal(fcntl(fd, F_ADD_SEALS, partly[i]), 0);
        expect_refused(fd);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_is_no_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
