/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of target: whole lines or none, never waiting, debts paid first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/sink.h"

static struct sink sink;
static char buffer[1u << 20];

static int fresh(void **unused)
{
    (void)unused;
    sink_to_descriptor(&sink, 2);
    return 0;
}

/* Lines of `length` bytes until the sink refuses: how many it took. */
static int fill(size_t length, int want)
{
    static char line[SINK_LINE_MAX];
    int taken = 0;
    int r;

    memset(line, 'x', length - 1);
    line[length - 1] = '\n';
    while ((r = sink_write(&sink, line, length)) == 0) {
        taken++;
        assert_true(taken < 100000);
    }
    assert_int_equal(r, want);
    return taken;
}

/* After the reader emptied it, one more line goes through, and no line is torn in all of it. */
static void check_whole_lines(int reader, size_t length, int taken)
{
    size_t got = 0;
    size_t want = (size_t)taken * length;
    int told = 0;

    while (got < want + 4) {
        ssize_t n = recv(reader, buffer + got, sizeof(buffer) - got, MSG_DONTWAIT);

        if (n < 0 && errno == ENOTSOCK)
            n = read(reader, buffer + got, sizeof(buffer) - got);
        if (n <= 0) {
            assert_false(told);
            assert_int_equal(sink_write(&sink, "end\n", 4), 0);
            told = 1;
            continue;
        }
        got += (size_t)n;
    }
    assert_int_equal(got, want + 4);
    for (size_t i = 0; i < want; i++)
        assert_int_equal(buffer[i] == '\n', i % length == length - 1);
    assert_memory_equal(buffer + want, "end\n", 4);
}

static void test_pipe(void **unused)
{
    static const size_t lengths[] = {7, 100, 4095, 4096, 4097, 10000, 65536};

    (void)unused;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        int fds[2];
        int taken;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
        sink_to_descriptor(&sink, fds[1]);
        taken = fill(lengths[i], -EAGAIN);
        assert_true(taken > 0);
        check_whole_lines(fds[0], lengths[i], taken);
        assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
        close(fds[0]);
        assert_int_equal(sink_write(&sink, "x\n", 2), -EPIPE); /* and no SIGPIPE killed us */
        close(fds[1]);
    }
}

/* A worker that gave up its identity may not open its stderr again: poll() alone keeps it from
 * waiting. */
static void test_pipe_that_cannot_be_opened_again(void **unused)
{
    int fds[2];
    int status;
    pid_t pid;

    (void)unused;
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int taken = 0;
        int r;

        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(2);
        (void)snprintf(buffer, sizeof(buffer), "/proc/self/fd/%d", fds[1]);
        if (open(buffer, O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0)
            _exit(3);
        sink_to_descriptor(&sink, fds[1]);
        /* Longer than PIPE_BUF: the whole line at once would wait for a reader. */
        while ((r = sink_write(&sink, buffer, 10000)) == 0)
            taken++;
        _exit(r == -EAGAIN && taken >= 4 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_stream_socket(void **unused)
{
    int fds[2];
    int taken;

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    sink_to_descriptor(&sink, fds[1]);
    taken = fill(30000, -EAGAIN);
    check_whole_lines(fds[0], 30000, taken);
    close(fds[0]);
    assert_int_equal(sink_write(&sink, "x\n", 2), -EPIPE);
    close(fds[1]);
}

/* A file that may not grow stands for a full disk: EFBIG where that gives ENOSPC. */
static void test_a_file_that_cannot_grow(void **unused)
{
    char path[] = "/tmp/ganger-sink-XXXXXX";
    struct rlimit old;
    struct rlimit small;
    int fd = mkostemp(path, O_CLOEXEC);
    int taken;

    (void)unused;
    assert_true(fd >= 0);
    assert_int_equal(sink_to_file(&sink, path, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1050; /* in the middle of the eleventh line */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    taken = fill(100, -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(taken, 11);
    check_whole_lines(fd, 100, taken);
    close(fd);
    unlink(path);
}

static void test_debts_are_not_paid_to_strangers(void **unused)
{
    int a[2];
    int b[2];

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    sink_to_descriptor(&sink, a[1]);
    (void)fill(60000, -EAGAIN);
    assert_true(dup2(b[1], a[1]) == a[1]); /* the same number is another file now */
    assert_int_equal(sink_write(&sink, "mine\n", 5), 0);
    assert_int_equal(read(b[0], buffer, sizeof(buffer)), 5);
    assert_memory_equal(buffer, "mine\n", 5);
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
}

static void test_devices(void **unused)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)unused;
    sink_to_descriptor(&sink, fd);
    assert_int_equal(sink_write(&sink, "x\n", 2), -ENOSPC);
    close(fd);
    assert_int_equal(sink_write(&sink, "x\n", 2), -EBADF);
    assert_int_equal(sink_to_file(&sink, "/dev/null", NULL), 0);
    assert_int_equal(sink_write(&sink, "x\n", 2), 0);
    assert_int_equal(sink_write(&sink, buffer, SINK_LINE_MAX + 1), -EMSGSIZE);
}

static void test_terminal_that_nobody_reads(void **unused)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int slave;

    (void)unused;
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    sink_to_descriptor(&sink, slave);
    assert_true(fill(200, -EAGAIN) > 0); /* would hang for ever if it waited */
    close(slave);
    close(master);
}

static int syslog_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void test_syslog(void **unused)
{
    char folder[] = "/tmp/ganger-sink-XXXXXX";
    char path[64];
    char long_path[300];
    struct error err = ERROR_NONE;
    int fd;

    (void)unused;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    assert_true(sink_to_syslog(&sink, path, &err) < 0);
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_true(sink_to_syslog(&sink, long_path, &err) < 0);

    fd = syslog_listen(path);
    assert_int_equal(sink_to_syslog(&sink, path, &err), 0);
    assert_true(fill(100, -EAGAIN) > 0); /* a daemon that reads nothing */
    assert_int_equal(recv(fd, buffer, sizeof(buffer), 0), 100);
    /* the daemon is restarted */
    close(fd);
    assert_true(sink_write(&sink, "lost\n", 5) < 0);
    unlink(path);
    fd = syslog_listen(path);
    for (int i = 0; sink_write(&sink, "found\n", 6) != 0; i++) { /* looked for at times */
        assert_true(i < 2000);
        usleep(10000);
    }
    assert_int_equal(recv(fd, buffer, sizeof(buffer), 0), 6);
    assert_memory_equal(buffer, "found\n", 6);
    assert_int_equal(sink_reopen(&sink, &err), 0);
    assert_int_equal(sink_write(&sink, "again\n", 6), 0);
    close(fd);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pipe, fresh),
        cmocka_unit_test_setup(test_pipe_that_cannot_be_opened_again, fresh),
        cmocka_unit_test_setup(test_stream_socket, fresh),
        cmocka_unit_test_setup(test_a_file_that_cannot_grow, fresh),
        cmocka_unit_test_setup(test_debts_are_not_paid_to_strangers, fresh),
        cmocka_unit_test_setup(test_devices, fresh),
        cmocka_unit_test_setup(test_terminal_that_nobody_reads, fresh),
        cmocka_unit_test_setup(test_syslog, fresh),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    sink_to_descriptor(&sink, 2);
    return failed;
}
