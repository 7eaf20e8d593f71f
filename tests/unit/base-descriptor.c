/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: forgotten when closed, born close-on-exec, whole writes over EINTR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"

static void test_close_forgets_and_keeps_errno(void **unused)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int copy = fd;

    (void)unused;
    assert_true(fd >= 0);
    errno = E2BIG;
    descriptor_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, E2BIG);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    errno = E2BIG;
    descriptor_close(&fd);
    assert_int_equal(errno, E2BIG);
}

static void test_cleanup_attribute(void **unused)
{
    int copy;

    (void)unused;
    {
        __attribute__((cleanup(descriptor_cleanup))) int fd =
            open("/dev/null", O_RDONLY | O_CLOEXEC);
        copy = fd;
        assert_true(fcntl(copy, F_GETFD) >= 0);
    }
    assert_int_equal(fcntl(copy, F_GETFD), -1);
}

static void test_copy_is_high_and_cloexec(void **unused)
{
    int standard = dup(0);
    int fd;

    (void)unused;
    close(0);
    fd = descriptor_copy(standard); /* 0 is free, and is not taken */
    dup2(standard, 0);
    close(standard);
    assert_true(fd >= 3);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(descriptor_cloexec(fd, false), 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(descriptor_cloexec(fd, true), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    descriptor_close(&fd);
    assert_int_equal(descriptor_copy(9999), -EBADF);
    assert_int_equal(descriptor_cloexec(9999, true), -EBADF);
    assert_int_equal(descriptor_nonblock(9999, true), -EBADF);
}

static void test_nonblock(void **unused)
{
    int fds[2];
    char byte;

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(descriptor_nonblock(fds[0], true), 0);
    assert_int_equal(read(fds[0], &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(descriptor_nonblock(fds[0], false), 0);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    descriptor_close(&fds[0]);
    descriptor_close(&fds[1]);
}

/* In a child: close each combination of 0, 1 and 2, and look what is there afterwards. */
static void test_open_standard(void **unused)
{
    (void)unused;
    for (int mask = 0; mask < 8; mask++) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            struct stat null;
            struct stat st;
            int bad = 0;

            for (int fd = 0; fd < 3; fd++)
                if ((mask & (1 << fd)) != 0)
                    close(fd);
            bad |= descriptor_open_standard() != 0;
            bad |= stat("/dev/null", &null) != 0;
            for (int fd = 0; fd < 3; fd++) {
                bad |= fstat(fd, &st) != 0;
                if ((mask & (1 << fd)) != 0)
                    bad |= st.st_rdev != null.st_rdev;
            }
            _exit(bad);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

/* The third interruption of a call that waits makes it go on. */
static int interruptions;
static int pipe_fds[2];
static char moved[1 << 20];

static void interrupt_and_drain(int signal_number)
{
    (void)signal_number;
    if (++interruptions == 3)
        (void)!read(pipe_fds[0], moved, sizeof(moved));
}

static void interrupt_and_feed(int signal_number)
{
    (void)signal_number;
    if (++interruptions == 3)
        (void)!write(pipe_fds[1], "abcdef", 6);
    if (interruptions == 5)
        close(pipe_fds[1]);
}

static void every_millisecond(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART */
    struct itimerval timer = {.it_interval = {0, 1000}, .it_value = {0, 1000}};

    interruptions = 0;
    if (handler == SIG_IGN)
        timer = (struct itimerval){0};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void test_interruptions(void **unused)
{
    char text[16];

    (void)unused;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(descriptor_nonblock(pipe_fds[1], true), 0);
    while (write(pipe_fds[1], moved, 4096) > 0)
        ;
    assert_int_equal(descriptor_nonblock(pipe_fds[1], false), 0);
    every_millisecond(interrupt_and_drain);
    assert_int_equal(descriptor_write_all(pipe_fds[1], "0123456789", 10), 0);
    assert_true(interruptions >= 3);
    every_millisecond(SIG_IGN);
    assert_int_equal(descriptor_read_all(pipe_fds[0], text, 10), 10);
    assert_memory_equal(text, "0123456789", 10);
    every_millisecond(interrupt_and_feed);
    assert_int_equal(descriptor_read_all(pipe_fds[0], text, 16), 6); /* to the end */
    every_millisecond(SIG_IGN);
    assert_memory_equal(text, "abcdef", 6);
    close(pipe_fds[0]);
}

static void test_more_than_a_pipe_holds(void **unused)
{
    enum { SIZE = sizeof(moved) };
    static char data[SIZE];
    int fds[2];
    pid_t pid;
    int status;

    (void)unused;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 % 251);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        _exit(descriptor_write_all(fds[1], data, SIZE) == 0 ? 0 : 1);
    }
    descriptor_close(&fds[1]);
    assert_int_equal(descriptor_read_all(fds[0], moved, 1000), 1000);
    assert_int_equal(descriptor_read_all(fds[0], moved + 1000, SIZE - 1000), SIZE - 1000);
    assert_memory_equal(moved, data, SIZE);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    descriptor_close(&fds[0]);
    assert_int_equal(descriptor_write_all(-1, "x", 1), -EBADF);
    assert_int_equal(descriptor_read_all(-1, moved, 1), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_forgets_and_keeps_errno),
        cmocka_unit_test(test_cleanup_attribute),
        cmocka_unit_test(test_copy_is_high_and_cloexec),
        cmocka_unit_test(test_nonblock),
        cmocka_unit_test(test_open_standard),
        cmocka_unit_test(test_interruptions),
        cmocka_unit_test(test_more_than_a_pipe_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
