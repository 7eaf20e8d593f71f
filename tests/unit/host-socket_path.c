/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets with a path: birth, taking a dead one, never anything else (FAULTS C84, C85). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/socket.h"
#include "host_probe.h"

static char folder[64];

static int enter(void **unused)
{
    (void)unused;
    snprintf(folder, sizeof folder, "/tmp/ganger-socket-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static size_t count_entries(void)
{
    size_t count = 0;
    DIR *all = opendir(folder);
    assert_non_null(all);
    for (struct dirent *e; (e = readdir(all)) != NULL;)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(all);
    return count;
}

static int leave(void **unused)
{
    (void)unused;
    DIR *all = opendir(folder);
    for (struct dirent *e; all != NULL && (e = readdir(all)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(all), e->d_name, 0) < 0)
            (void)unlinkat(dirfd(all), e->d_name, AT_REMOVEDIR);
    if (all != NULL)
        closedir(all);
    return rmdir(folder);
}

static struct socket_plan plan_for(const char *name)
{
    struct socket_plan plan = {
        .backlog = 5, .owner = (uid_t)-1, .group = (gid_t)-1, .mode = 0660, .nonblock = true};
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(address_parse(&plan.address, path, NULL), 0);
    return plan;
}

static int must_listen(const struct socket_plan *plan)
{
    struct error err = ERROR_NONE;
    int fd = -1;
    if (socket_listen(plan, &fd, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(fd >= 3);
    return fd;
}

static void must_connect(const struct socket_plan *plan)
{
    struct error err = ERROR_NONE;
    int fd = socket_connect(&plan->address, 1000000, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    close(fd);
}

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

/* Whoever waits for the name finds owner, mode and a listener the moment that it appears. */
static void test_c84_right_at_first_sight(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    if (geteuid() == 0) {
        plan.owner = 54321;
        plan.group = 54322;
    } else {
        print_message("not root: the owner cannot be changed, only the mode is looked at\n");
    }
    for (int i = 0; i < 300; i++) {
        pid_t watcher = fork();
        if (watcher == 0) {
            struct stat st;
            while (lstat(plan.address.text, &st) < 0)
                ;
            int fd = socket_connect(&plan.address, 1000000, NULL);
            _exit((st.st_mode & 07777) != 0660                                            ? 1
                  : fd < 0                                                                ? 2
                  : plan.owner != (uid_t)-1 && (st.st_uid != 54321 || st.st_gid != 54322) ? 3
                                                                                          : 0);
        }
        int fd = must_listen(&plan);
        int status = 0;
        assert_int_equal(waitpid(watcher, &status, 0), watcher);
        assert_int_equal(status, 0);
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
    int first = socket_connect(&plan.address, 1000000, NULL);
    assert_true(first >= 0);
    pid_t acceptor = fork();
    if (acceptor == 0) {
        /* Accepts only when the other side already waits: its state says so. */
        char path[64], state[256];
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
    int second = socket_connect(&plan.address, 5000000, NULL);
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

static volatile bool racing;
static char raced[256], victim_path[256];

/* Puts a victim file under the name whenever it is free, and takes it back. */
static void *race(void *unused)
{
    while (racing) {
        (void)rename(victim_path, raced);
        (void)renameat2(AT_FDCWD, raced, AT_FDCWD, victim_path, RENAME_NOREPLACE);
    }
    return unused;
}

static void test_c84_racer_loses_nothing(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct socket_plan dead_plan = plan_for("dead");
    struct stat victim, st;
    pthread_t thread;
    unsigned won = 0;
    int rounds = getenv("LONG") != NULL ? 10000 : 300;
    (void)unused;
    snprintf(raced, sizeof raced, "%s", plan.address.text);
    snprintf(victim_path, sizeof victim_path, "%s/victim", folder);
    close(must_listen(&dead_plan));
    for (int i = 0; i < rounds; i++) {
        int fd = -1;
        close(open(victim_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(lstat(victim_path, &victim), 0);
        if (i % 2 == 0) /* a dead socket is in the way at first */
            (void)!link(dead_plan.address.text, plan.address.text);
        racing = true;
        assert_int_equal(pthread_create(&thread, NULL, race, NULL), 0);
        int r = socket_listen(&plan, &fd, NULL);
        racing = false;
        assert_int_equal(pthread_join(thread, NULL), 0);
        won += r == 0;
        /* The victim lives, under one of the two names or a temporary one that says so. */
        bool there = (lstat(victim_path, &st) == 0 && st.st_ino == victim.st_ino) ||
                     (lstat(raced, &st) == 0 && st.st_ino == victim.st_ino);
        DIR *all = opendir(folder);
        for (struct dirent *e; (e = readdir(all)) != NULL;)
            there = there || e->d_ino == victim.st_ino;
        closedir(all);
        if (!there)
            fail_msg("round %d: outcome %d, the victim is gone", i, r);
        if (fd >= 0)
            close(fd);
        (void)unlink(raced);
        (void)unlink(victim_path);
    }
    print_message("%u of %d sockets were had against the racer\n", won, rounds);
}

/* Two masters start at the same time over a dead socket: exactly one gets it, and keeps it. */
static void test_c85_two_at_once(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    for (int i = 0; i < 40; i++) {
        int go[2], done[2], stay[2];
        pid_t rival[3];
        char byte, said[3] = "";
        close(must_listen(&plan));
        assert_int_equal(pipe2(go, O_CLOEXEC) | pipe2(done, O_CLOEXEC) | pipe2(stay, O_CLOEXEC), 0);
        for (int k = 0; k < 3; k++) {
            rival[k] = fork();
            if (rival[k] == 0) {
                int fd = -1;
                close(go[1]);
                close(stay[1]);
                (void)!read(go[0], &byte, 1);
                int r = socket_listen(&plan, &fd, NULL);
                char answer = r == 0 ? 'y' : r == SOCKET_IN_USE ? 'n' : 'e';
                (void)!write(done[1], &answer, 1);
                (void)!read(stay[0], &byte, 1);
                _exit(r == 0 && !socket_still_there(&plan.address, fd));
            }
        }
        close(go[0]);
        close(go[1]);
        close(stay[0]);
        int yes = 0, no = 0;
        for (int k = 0; k < 3; k++) {
            assert_int_equal(read(done[0], said, 1), 1);
            yes += said[0] == 'y';
            no += said[0] == 'n';
        }
        must_connect(&plan);
        close(stay[1]);
        for (int k = 0; k < 3; k++) {
            int status = 0;
            assert_int_equal(waitpid(rival[k], &status, 0), rival[k]);
            assert_int_equal(status, 0);
        }
        assert_int_equal(yes, 1);
        assert_int_equal(no, 2);
        assert_int_equal(count_entries(), 1);
        close(done[0]);
        close(done[1]);
    }
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_born_right),
        TEST(test_c84_right_at_first_sight),
        TEST(test_dead_is_replaced),
        TEST(test_c85_live_is_left_alone),
        TEST(test_room_in_the_backlog_is_waited_for),
        TEST(test_c84_everything_else_is_left_alone),
        TEST(test_c84_folders),
        TEST(test_c84_longest_path),
        TEST(test_owner_that_cannot_be_given),
        TEST(test_unlink_knows_its_own),
        TEST(test_c84_racer_loses_nothing),
        TEST(test_c85_two_at_once),
        TEST(test_nothing_is_left_by_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
