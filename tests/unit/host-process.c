/* SPDX-License-Identifier: Apache-2.0 */
/* What a process of ganger does to itself (FAULTS C77, C85). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/process.h"
#include "host_folder.h"
#include "host_probe.h"

static int status_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_c77_signals(void **unused)
{
    (void)unused;
    pid_t helper = fork();
    if (helper == 0) {
        sigset_t set;
        struct sigaction action;
        for (int number = 1; number <= SIGRTMAX; number++)
            (void)signal(number, SIG_IGN);
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        if (!process_signals_normalise(NULL))
            _exit(1);
        for (int number = 1; number <= SIGRTMAX; number++) {
            if (sigaction(number, NULL, &action) < 0)
                continue;
            if (action.sa_handler != (number == SIGPIPE || number == SIGXFSZ ? SIG_IGN : SIG_DFL))
                _exit(2);
        }
        sigprocmask(SIG_SETMASK, NULL, &set);
        for (int number = 1; number <= SIGRTMAX; number++)
            if (sigismember(&set, number) == 1)
                _exit(3);
        /* SIGCHLD ignored would have reaped this one behind our back. */
        pid_t child = fork();
        if (child == 0)
            _exit(5);
        int status;
        _exit(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5 ? 0 : 4);
    }
    assert_int_equal(status_of(helper), 0);
}

/* What is blocked, and pending, stays both: it would end us otherwise. */
static void test_signals_that_wait(void **unused)
{
    (void)unused;
    pid_t helper = fork();
    if (helper == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_SETMASK, &set, NULL);
        (void)kill(getpid(), SIGTERM);
        sigdelset(&set, SIGUSR1);
        if (!process_signals_normalise(&set))
            _exit(1);
        sigset_t now;
        sigprocmask(SIG_SETMASK, NULL, &now);
        if (sigismember(&now, SIGTERM) != 1 || sigismember(&now, SIGUSR1) != 0)
            _exit(2);
        sigpending(&now);
        _exit(sigismember(&now, SIGTERM) == 1 ? 0 : 3);
    }
    assert_int_equal(status_of(helper), 0);
}

/* One that leaves when asked, and one that does not. */
static void test_end_children(void **unused)
{
    (void)unused;
    pid_t helper = fork();
    if (helper == 0) {
        for (int i = 0; i < 2; i++) {
            if (fork() == 0) {
                (void)signal(SIGTERM, i == 0 ? SIG_DFL : SIG_IGN);
                for (;;)
                    (void)pause();
            }
        }
        size_t left = process_end_children(200000);
        _exit(left == 0 && waitpid(-1, NULL, 0) < 0 && errno == ECHILD ? 0 : 1);
    }
    assert_int_equal(status_of(helper), 0);
}

/* Whoever is killed may leave a child, which comes to us and is killed in its turn. */
static void test_end_descendants(void **unused)
{
    (void)unused;
    pid_t helper = fork();
    if (helper == 0) {
        int ready[2];
        char byte;
        process_become_subreaper();
        (void)signal(SIGTERM, SIG_IGN);
        if (pipe(ready) != 0)
            _exit(2);
        for (int depth = 0; depth < 4; depth++) {
            if (fork() > 0) {
                while (depth > 0)
                    (void)pause();
                break;
            }
            (void)alarm(60); /* not for ever, should it be forgotten */
            if (depth == 3) {
                (void)!write(ready[1], "r", 1);
                for (;;)
                    (void)pause();
            }
        }
        if (read(ready[0], &byte, 1) != 1)
            _exit(3);
        size_t left = process_end_children(200000);
        _exit(left == 0 && waitpid(-1, NULL, 0) < 0 && errno == ECHILD ? 0 : 1);
    }
    assert_int_equal(status_of(helper), 0);
}

static void test_names_and_flags(void **unused)
{
    (void)unused;
    pid_t helper = fork();
    if (helper == 0) {
        char text[64] = "";
        int flag = 0;
        process_set_name("a-name-that-is-too-long");
        prctl(PR_GET_NAME, text);
        if (strcmp(text, "a-name-that-is-") != 0)
            _exit(1);
        process_undumpable();
        if (prctl(PR_GET_DUMPABLE) != 0)
            _exit(2);
        process_become_subreaper();
        prctl(PR_GET_CHILD_SUBREAPER, &flag);
        _exit(flag == 1 ? 0 : 3);
    }
    assert_int_equal(status_of(helper), 0);
}

static void test_files_limit(void **unused)
{
    (void)unused;
    if (probe_valgrind())
        skip();
    pid_t helper = fork();
    if (helper == 0) {
        struct rlimit limit = {.rlim_cur = 50, .rlim_max = 100};
        struct error err = ERROR_NONE;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (process_raise_files_limit(40, NULL) != 0 || process_raise_files_limit(80, NULL) != 0)
            _exit(1);
        getrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur != 80 || limit.rlim_max != 100)
            _exit(2);
        int r = process_raise_files_limit(200, &err);
        getrlimit(RLIMIT_NOFILE, &limit);
        if (r == 0) /* with CAP_SYS_RESOURCE */
            _exit(limit.rlim_cur == 200 && limit.rlim_max == 200 ? 0 : 3);
        _exit(r < 0 && limit.rlim_cur == 100 && strstr(err.text, "LimitNOFILE") != NULL ? 0 : 4);
    }
    assert_int_equal(status_of(helper), 0);
}

static void test_children(void **unused)
{
    enum { COUNT = 40 };
    pid_t children[COUNT], *listed = NULL;
    size_t count = 77;
    int hold[2];
    (void)unused;
    assert_int_equal(process_children(&listed, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(listed);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    for (int i = 0; i < COUNT; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char byte;
            close(hold[1]);
            if (i % 2 == 0)
                _exit(0);
            _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < COUNT; i += 2) { /* zombies by now, and left so */
        siginfo_t info;
        assert_int_equal(waitid(P_PID, (id_t)children[i], &info, WEXITED | WNOWAIT), 0);
    }
    assert_int_equal(process_children(&listed, &count, NULL), 0);
    assert_int_equal(count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || listed[k] == children[i];
        assert_true(found);
    }
    free(listed);
    close(hold[1]);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(status_of(children[i]), 0);
    close(hold[0]);
}

static void test_siblings(void **unused)
{
    char own[4096], *path = NULL;
    struct stat a, b;
    struct error err = ERROR_NONE;
    char *where = process_program_folder();
    (void)unused;
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_true(length > 0);
    own[length] = '\0';
    assert_non_null(where);
    const char *name = strrchr(own, '/') + 1;
    if (strncmp(own, where, strlen(where)) == 0) { /* not so under a tool that is the exe itself */
        int fd = process_open_sibling(name, &path, &err);
        if (fd < 0)
            fail_msg("%s", err.text);
        assert_string_equal(path, own);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fstat(fd, &a), 0);
        assert_int_equal(stat(own, &b), 0);
        assert_int_equal(a.st_ino, b.st_ino);
        close(fd);
        free(path);
    }
    assert_int_equal(process_open_sibling("no-such-program", &path, &err), -ENOENT);
    assert_non_null(strstr(err.text, where));
    assert_non_null(strstr(err.text, "../lib/ganger/no-such-program"));
    /* A folder is no program. */
    assert_int_equal(process_open_sibling(".", &path, &err), -EACCES);
    free(where);
}

static void expect_pid(const char *path)
{
    char text[32] = "", want[32];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    close(fd);
    snprintf(want, sizeof want, "%d\n", (int)getpid());
    assert_string_equal(text, want);
}

static void test_c85_pid_file(void **unused)
{
    char path[128];
    struct error err = ERROR_NONE;
    int fd = -1, second = -1;
    (void)unused;
    snprintf(path, sizeof path, "%s/pid", folder);
    mode_t before = umask(0177);
    assert_int_equal(process_pid_file(path, &fd, &err), 0);
    umask(before);
    expect_pid(path);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(process_pid_file(path, &second, &err), PROCESS_PID_TAKEN);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(second, -1);
    expect_pid(path);
    assert_int_equal(count_entries(), 1);
    close(fd); /* the holder dies: the file stays, and is replaced */
    struct stat old, new;
    assert_int_equal(stat(path, &old), 0);
    int keep = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(process_pid_file(path, &fd, &err), 0);
    assert_int_equal(stat(path, &new), 0);
    assert_int_not_equal(old.st_ino, new.st_ino);
    close(keep);
    close(fd);
    assert_int_equal(unlink(path), 0);
    /* Never through a link, and nothing else is replaced. */
    assert_int_equal(symlink("victim", path), 0);
    assert_true(process_pid_file(path, &fd, &err) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(process_pid_file(path, &fd, &err) < 0);
    assert_int_equal(count_entries(), 1);
    snprintf(path, sizeof path, "%s/missing/pid", folder);
    assert_int_equal(process_pid_file(path, &fd, &err), -ENOENT);
}

static void test_c85_many_at_once(void **unused)
{
    char path[128];
    (void)unused;
    snprintf(path, sizeof path, "%s/pid", folder);
    for (int i = 0; i < 60; i++) {
        int done[2], stay[2], won = 0;
        pid_t rivals[4];
        char said;
        assert_int_equal(pipe2(done, O_CLOEXEC) | pipe2(stay, O_CLOEXEC), 0);
        for (int k = 0; k < 4; k++) {
            rivals[k] = fork();
            if (rivals[k] == 0) {
                int fd = -1;
                close(stay[1]);
                int r = process_pid_file(path, &fd, NULL);
                char answer = r == 0 ? 'y' : r == PROCESS_PID_TAKEN ? 'n' : 'e';
                if (write(done[1], &answer, 1) != 1 || read(stay[0], &answer, 1) != 0)
                    _exit(1);
                _exit(0);
            }
        }
        for (int k = 0; k < 4; k++) {
            assert_int_equal(read(done[0], &said, 1), 1);
            assert_int_not_equal(said, 'e');
            won += said == 'y';
        }
        assert_int_equal(won, 1);
        assert_int_equal(count_entries(), 1);
        close(stay[0]);
        close(stay[1]);
        close(done[0]);
        close(done[1]);
        for (int k = 0; k < 4; k++)
            assert_int_equal(status_of(rivals[k]), 0);
        if (i % 2 == 0) /* every other round begins without a file */
            assert_int_equal(unlink(path), 0);
    }
}

/* The command's exit status is the daemon's success. */
static void test_daemon(void **unused)
{
    (void)unused;
    for (int works = 0; works < 2; works++) {
        int facts[2];
        char text[256] = "";
        assert_int_equal(pipe2(facts, O_CLOEXEC), 0);
        pid_t command = fork();
        if (command == 0) {
            char where[64] = "";
            int said = dup(facts[1]);
            if (process_daemonise(NULL) != 0)
                _exit(9);
            for (int again = 0; again < 2 * works; again++)
                process_daemon_ready();
            struct stat null, st[3];
            stat("/dev/null", &null);
            for (int i = 0; i < 3; i++)
                fstat(i, &st[i]);
            dprintf(said, "%s leader %d orphan %d null %d %d %d", getcwd(where, sizeof where),
                    getsid(0) == getpid(), getppid() != command, st[0].st_rdev == null.st_rdev,
                    st[1].st_rdev == null.st_rdev, st[2].st_rdev == null.st_rdev);
            _exit(0);
        }
        close(facts[1]);
        assert_int_equal(status_of(command), works == 1 ? 0 : 1);
        assert_true(descriptor_read_all(facts[0], text, sizeof text - 1) > 0);
        assert_int_equal(strncmp(text, "/ leader 0 orphan 1 null 1 1 ", 29), 0);
        if (works == 1)
            assert_string_equal(text + 29, "1");
        close(facts[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_c77_signals),      IN_FOLDER(test_signals_that_wait),
        IN_FOLDER(test_end_children),     IN_FOLDER(test_end_descendants),
        IN_FOLDER(test_names_and_flags),  IN_FOLDER(test_files_limit),
        IN_FOLDER(test_children),         IN_FOLDER(test_siblings),
        IN_FOLDER(test_c85_pid_file),     IN_FOLDER(test_daemon),
        IN_FOLDER(test_c85_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
