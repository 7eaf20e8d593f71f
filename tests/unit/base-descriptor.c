/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: forgotten when closed, born close-on-exec, whole writes over EINTR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
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

enum { WRITERS = 4, ROUNDS = 60 };

/* One of several writers to a pipe, until the other end of `stop` is closed. */
static int write_on(int pipe, int stop, _Atomic unsigned *turns)
{
    static char line[PIPE_BUF];
    char end;

    memset(line, 'x', sizeof line);
    while (read(stop, &end, 1) < 0) {
        ssize_t n = descriptor_write_now(pipe, line, sizeof line);

        if (n != -EAGAIN && n != (ssize_t)sizeof line)
            return 1;
        ++*turns;
    }
    return 0;
}

/* While nobody reads each of them comes back from its write. */
static bool all_turn(_Atomic unsigned *turns)
{
    unsigned before[WRITERS];

    for (int i = 0; i < WRITERS; i++)
        before[i] = turns[i];
    for (int i = 0; i < WRITERS; i++)
        for (int patience = 20000; turns[i] - before[i] < 2; patience--) {
            if (patience == 0)
                return false;
            (void)usleep(1000);
        }
    return true;
}

/* A pipe that is blocking, with room for one line now and then: nobody may wait for the reader. */
static void test_write_now_waits_for_nobody(void **unused)
{
    static char page[PIPE_BUF];
    _Atomic unsigned *turns = mmap(NULL, WRITERS * sizeof *turns, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct iovec piece = {.iov_base = page, .iov_len = 1};
    pid_t writers[WRITERS];
    int lines[2], stop[2];

    (void)unused;
    assert_true(turns != MAP_FAILED);
    assert_int_equal(pipe2(lines, O_CLOEXEC), 0);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    if (pwritev2(lines[1], &piece, 1, -1, (int)RWF_NOWAIT) < 0)
        skip(); /* this kernel cannot */
    assert_int_equal(read(lines[0], page, 1), 1);
    assert_int_equal(descriptor_nonblock(stop[0], true), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            close(stop[1]);
            close(lines[0]);
            _exit(write_on(lines[1], stop[0], &turns[i]));
        }
        assert_true(writers[i] > 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < 8; k++) {
            assert_int_equal(read(lines[0], page, sizeof page), sizeof page);
            (void)usleep(100);
        }
        assert_true(all_turn(turns));
    }
    close(stop[1]);
    for (int i = 0; i < WRITERS; i++) {
        int status;

        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    close(stop[0]);
    close(lines[0]);
    close(lines[1]);
    munmap((void *)turns, WRITERS * sizeof *turns);
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
        cmocka_unit_test(test_write_now_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
