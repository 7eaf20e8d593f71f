/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets with a path: birth, taking a dead one, never anything else (FAULTS C84, C85). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/socket.h"
#include "host_folder.h"
#include "host_probe.h"
#include "host_socket.h"

static void test_born_right(void **unused)
{
    static const mode_t modes[] = {0660, 0600, 0666, 0777, 0, 0222};
    (void)unused;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct socket_plan plan = plan_for("s");
        struct stat st;
        plan.mode = modes[i];
        plan.nonblock = i % 2 == 0;
        plan.group = getgid();
        mode_t before = umask(077);
        int fd = must_listen(&plan);
        assert_int_equal(umask(before), 077);
        assert_int_equal(lstat(plan.address.text, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, modes[i]);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, plan.nonblock);
        assert_int_equal(count_entries(), 1);
        assert_true(socket_still_there(&plan.address, fd));
        if ((modes[i] & 0200) != 0)
            must_connect(&plan);
        socket_unlink(&plan.address, fd);
        assert_int_equal(count_entries(), 0);
        assert_false(socket_still_there(&plan.address, fd));
        socket_unlink(&plan.address, fd);
        close(fd);
    }
}

static void test_dead_is_replaced(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct stat before, after;
    (void)unused;
    for (int i = 0; i < 3; i++) {
        int old = must_listen(&plan);
        assert_int_equal(lstat(plan.address.text, &before), 0);
        close(old);
        int fd = must_listen(&plan);
        assert_int_equal(lstat(plan.address.text, &after), 0);
        assert_true(socket_still_there(&plan.address, fd));
        must_connect(&plan);
        assert_int_equal(count_entries(), 1);
        close(fd);
    }
}

static void expect_in_use(const struct socket_plan *plan)
{
    struct error err = ERROR_NONE;
    struct stat before, after;
    int fd = -1;
    assert_int_equal(lstat(plan->address.text, &before), 0);
    assert_int_equal(socket_listen(plan, &fd, &err), SOCKET_IN_USE);
    assert_int_equal(fd, -1);
    assert_int_equal(err.number, EADDRINUSE);
    assert_non_null(strstr(err.text, plan->address.text));
    assert_int_equal(lstat(plan->address.text, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(count_entries(), 1);
}

static void test_c85_live_is_left_alone(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    plan.backlog = 0;
    int fd = must_listen(&plan);
    expect_in_use(&plan);
    /* Its backlog is full: still alive, and nobody waits. */
    int waiting[8];
    for (size_t i = 0; i < 8; i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(waiting[i], (const struct sockaddr *)&plan.address.storage,
                    plan.address.length) < 0)
            assert_int_equal(errno, EAGAIN);
    }
    expect_in_use(&plan);
    struct error err = ERROR_NONE;
    assert_int_equal(socket_connect(&plan.address, 30000, &err), -ETIMEDOUT);
    assert_int_equal(socket_connect(&plan.address, 0, &err), -ETIMEDOUT);
    for (size_t i = 0; i < 8; i++)
        close(waiting[i]);
    socket_unlink(&plan.address, fd);
    close(fd);
    /* Of another type. */
    int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(other, (const struct sockaddr *)&plan.address.storage, plan.address.length), 0);
    expect_in_use(&plan);
    close(other);
}

static void test_room_in_the_backlog_is_waited_for(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    plan.backlog = 0;
    int fd = must_listen(&plan);
    int first = socket_connect(&plan.address, 20000000, NULL);
    assert_true(first >= 0);
    pid_t acceptor = fork();
    if (acceptor == 0) {
        /* Accepts only when the other side already waits: its state says so. */
        char path[64], state[256];
        alarm(20); /* should the test die first */
        snprintf(path, sizeof path, "/proc/%d/stat", (int)getppid());
        for (;;) {
            int stat = open(path, O_RDONLY);
            ssize_t got = read(stat, state, sizeof state - 1);
            close(stat);
            state[got > 0 ? got : 0] = '\0';
            if (strstr(state, ") S ") != NULL)
                break;
        }
        _exit(accept(fd, NULL, NULL) >= 0 ? 0 : 1);
    }
    int second = socket_connect(&plan.address, 20000000, NULL);
    assert_true(second >= 0);
    assert_int_equal(fcntl(second, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(waitpid(acceptor, NULL, 0), acceptor);
    close(first);
    close(second);
    close(fd);
}

static void test_c84_everything_else_is_left_alone(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct socket_plan victim = plan_for("victim");
    const char *path = plan.address.text;
    (void)unused;
    int file = open(victim.address.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "precious", 8), 8);
    close(file);
    for (int kind = 0; kind < 6; kind++) {
        struct error err = ERROR_NONE;
        struct stat before, after;
        int fd = -1;
        switch (kind) {
        case 0:
            close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            break;
        case 1:
            assert_int_equal(mkdir(path, 0700), 0);
            break;
        case 2:
            assert_int_equal(symlink("victim", path), 0);
            break;
        case 3:
            assert_int_equal(symlink("dangling", path), 0);
            break;
        case 4:
            assert_int_equal(mkfifo(path, 0600), 0);
            break;
        default: { /* a link to a dead socket */
            struct socket_plan dead = plan_for("dead");
            close(must_listen(&dead));
            assert_int_equal(symlink("dead", path), 0);
            break;
        }
        }
        assert_int_equal(lstat(path, &before), 0);
        size_t entries = count_entries();
        assert_int_equal(socket_listen(&plan, &fd, &err), SOCKET_NOT_A_SOCKET);
        assert_int_equal(fd, -1);
        assert_non_null(strstr(err.text, path));
        assert_int_equal(lstat(path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(count_entries(), entries);
        if (remove(path) < 0)
            fail();
    }
    char text[16];
    file = open(victim.address.text, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(file, text, sizeof text), 8);
    close(file);
}

static void test_c84_folders(void **unused)
{
    struct socket_plan plan = plan_for("missing/s");
    struct error err = ERROR_NONE;
    char text[128], target[128];
    int fd = -1;
    (void)unused;
    assert_true(socket_listen(&plan, &fd, &err) < 0);
    assert_non_null(strstr(err.text, "create it first"));
    plan = plan_for("file/s");
    snprintf(text, sizeof text, "%s/file", folder);
    close(open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_true(socket_listen(&plan, &fd, &err) < 0);
    /* Reached through a link, as /var/run/x is. */
    snprintf(text, sizeof text, "%s/real", folder);
    assert_int_equal(mkdir(text, 0755), 0);
    snprintf(target, sizeof target, "%s/link", folder);
    assert_int_equal(symlink("real", target), 0);
    plan = plan_for("link/s");
    fd = must_listen(&plan);
    must_connect(&plan);
    socket_unlink(&plan.address, fd);
    close(fd);
    /* Writable by everybody: only when sticky. */
    plan = plan_for("real/s");
    assert_int_equal(chmod(text, 0777), 0);
    fd = -1;
    assert_int_equal(socket_listen(&plan, &fd, &err), -EPERM);
    assert_non_null(strstr(err.text, "chmod o-w"));
    assert_int_equal(chmod(text, 01777), 0);
    fd = must_listen(&plan);
    socket_unlink(&plan.address, fd);
    close(fd);
    assert_int_equal(rmdir(text), 0);
}

static void test_c84_longest_path(void **unused)
{
    (void)unused;
    for (size_t length = 100; length <= 107; length++) {
        char name[128];
        memset(name, 'n', sizeof name);
        name[length - strlen(folder) - 1] = '\0';
        struct socket_plan plan = plan_for(name);
        assert_int_equal(strlen(plan.address.text), length);
        for (int again = 0; again < 2; again++) {
            int fd = must_listen(&plan);
            must_connect(&plan);
            if (again == 1)
                socket_unlink(&plan.address, fd);
            close(fd);
        }
        assert_int_equal(count_entries(), 0);
    }
}

static void test_owner_that_cannot_be_given(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct error err = ERROR_NONE;
    int fd = -1;
    (void)unused;
    if (geteuid() == 0) {
        print_message("root may give a socket to anybody\n");
        skip();
    }
    plan.owner = 0;
    assert_int_equal(socket_listen(&plan, &fd, &err), -EPERM);
    assert_non_null(strstr(err.text, "listen.owner"));
    assert_int_equal(count_entries(), 0);
}

/* Another socket under our name is neither unlinked nor taken for ours. */
static void test_unlink_knows_its_own(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    int first = must_listen(&plan);
    assert_int_equal(unlink(plan.address.text), 0);
    int second = must_listen(&plan);
    assert_false(socket_still_there(&plan.address, first));
    assert_true(socket_still_there(&plan.address, second));
    socket_unlink(&plan.address, first);
    assert_true(socket_still_there(&plan.address, second));
    assert_int_equal(count_entries(), 1);
    close(first);
    close(second);
}

/* Failures on the way leave neither a name nor a descriptor. */
static void test_nothing_is_left_by_failures(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct rlimit limit, tight;
    (void)unused;
    size_t before = probe_count_descriptors();
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int spare = 0; spare < 6; spare++) {
        int fd = -1;
        tight = limit;
        tight.rlim_cur = (rlim_t)(lowest + spare);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        int r = socket_listen(&plan, &fd, NULL);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (r == 0) {
            socket_unlink(&plan.address, fd);
            close(fd);
        }
        assert_int_equal(count_entries(), 0);
        assert_int_equal(probe_count_descriptors(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_born_right),
        IN_FOLDER(test_dead_is_replaced),
        IN_FOLDER(test_c85_live_is_left_alone),
        IN_FOLDER(test_room_in_the_backlog_is_waited_for),
        IN_FOLDER(test_c84_everything_else_is_left_alone),
        IN_FOLDER(test_c84_folders),
        IN_FOLDER(test_c84_longest_path),
        IN_FOLDER(test_owner_that_cannot_be_given),
        IN_FOLDER(test_unlink_knows_its_own),
        IN_FOLDER(test_nothing_is_left_by_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
