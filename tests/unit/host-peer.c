/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end, as the kernel tells it; asked of a child with another user and groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "host/peer.h"

static char folder[64];

static void name_socket(struct sockaddr_un *un)
{
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    assert_true(snprintf(un->sun_path, sizeof(un->sun_path), "%s/s", folder) > 0);
}

static int make_listener(void **state)
{
    struct sockaddr_un un;
    int *fd = malloc(sizeof(*fd));

    (void)snprintf(folder, sizeof(folder), "/tmp/ganger-peer-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    name_socket(&un);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(*fd, (const struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(chmod(un.sun_path, 0777), 0);
    assert_int_equal(listen(*fd, 8), 0);
    *state = fd;
    return 0;
}

static int remove_listener(void **state)
{
    struct sockaddr_un un;

    name_socket(&un);
    (void)unlink(un.sun_path);
    (void)rmdir(folder);
    descriptor_close(*state);
    free(*state);
    return 0;
}

/* A child that connects as somebody, and stays until the other end hangs up. */
static pid_t call(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
    struct sockaddr_un un;
    char byte;

    name_socket(&un);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (geteuid() == 0 && (setgroups(count, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
                           setresuid(uid, uid, uid) < 0))
        _exit(2);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
        _exit(3);
    _exit(read(fd, &byte, 1) == 0 ? 0 : 4);
}

static int answer(int listener)
{
    int fd = -1, r;

    do
        r = peer_accept(listener, &fd);
    while (r == PEER_NOBODY);
    assert_int_equal(r, 0);
    assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    return fd;
}

static void hang_up(int fd, pid_t pid)
{
    int status = 0;

    descriptor_close(&fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_nobody(void **state)
{
    int fd = -1;

    assert_int_equal(peer_accept(*(int *)*state, &fd), PEER_NOBODY);
    assert_int_equal(fd, -1);
    assert_true(peer_accept(-1, &fd) < 0);
}

static void test_identity(void **state)
{
    bool root = geteuid() == 0;
    const gid_t groups[] = {20, 4, 60};
    pid_t pid = call(65534, 12, groups, 3), told;
    int fd = answer(*(int *)*state);
    uid_t uid;
    gid_t gid;

    assert_int_equal(peer_identity(fd, &uid, &gid, &told), 0);
    assert_int_equal(told, pid);
    assert_int_equal(uid, root ? 65534 : getuid());
    assert_int_equal(gid, root ? 12 : getgid());
    assert_true(peer_in_group(fd, gid));
    assert_false(peer_in_group(fd, 54321));
    if (root) {
        for (size_t i = 0; i < 3; i++)
            assert_true(peer_in_group(fd, groups[i]));
        assert_false(peer_in_group(fd, 0));
    }
    hang_up(fd, pid);
}

static void test_no_groups(void **state)
{
    pid_t pid = call(65534, 12, NULL, 0);
    int fd = answer(*(int *)*state);

    assert_false(peer_in_group(fd, 54321));
    hang_up(fd, pid);
}

static void test_not_a_unix_socket(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uid_t uid = 7;
    gid_t gid = 7;
    pid_t pid = 7;

    (void)state;
    assert_true(peer_identity(fd, &uid, &gid, &pid) < 0);
    assert_int_equal(uid, 7);
    assert_false(peer_in_group(fd, 0));
    assert_true(peer_identity(-1, &uid, &gid, &pid) < 0);
    descriptor_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nobody, make_listener, remove_listener),
        cmocka_unit_test_setup_teardown(test_identity, make_listener, remove_listener),
        cmocka_unit_test_setup_teardown(test_no_groups, make_listener, remove_listener),
        cmocka_unit_test(test_not_a_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
