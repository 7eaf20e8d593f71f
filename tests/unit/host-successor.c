/* SPDX-License-Identifier: Apache-2.0 */
/* Another program tried, and become: its descriptors, what it says, and what a failure leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/sanitized.h"
#include "host/successor.h"

static char *const envp[] = {(char[]){"PATH=/usr/bin:/bin"},
                             (char[]){"ASAN_OPTIONS=detect_leaks=0"}, NULL};

static void hear(struct successor_trial *t, char *text, size_t size, int *status)
{
    size_t length = 0;

    for (;;) {
        struct pollfd p = {.fd = t->answer, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        ssize_t n = read(t->answer, text + length, size - 1 - length);
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    text[length] = '\0';
    assert_int_equal(waitpid(t->pid, status, 0), t->pid);
    descriptor_close(&t->answer);
    descriptor_close(&t->pidfd);
}

static void test_tried(void **unused)
{
    char script[200];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    int fds[2], status = 0;
    char text[4096];
    struct successor_trial t;
    struct error err = ERROR_NONE;

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)snprintf(script, sizeof(script),
                   "echo through >&%d; cat <&0; echo out; echo err >&2; "
                   "test -e /proc/$$/fd/%d || echo closed",
                   fds[1], fds[0]);
    const struct successor_plan plan = {
        .path = "/bin/sh", .argv = argv, .envp = envp, .fds = &fds[1], .count = 1};
    assert_int_equal(successor_try(&plan, &t, &err), 0);
    hear(&t, text, sizeof(text), &status);
    assert_string_equal(text, "out\nerr\nclosed\n");
    assert_int_equal(status, 0);
    assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC); /* of ours nothing has changed */
    assert_int_equal(read(fds[0], text, sizeof(text)), 8);
    close(fds[0]);
    close(fds[1]);
}

static void test_tried_in_vain(void **unused)
{
    char *argv[] = {(char[]){"x"}, NULL};
    static const struct {
        const char *path, *says;
    } rows[] = {
        {"/nonexistent/ganger", "it cannot be run: No such file or directory\n"},
        {"/etc/passwd", "it cannot be run: Permission denied\n"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct successor_plan plan = {.path = rows[i].path, .argv = argv, .envp = envp};
        struct successor_trial t;
        struct error err = ERROR_NONE;
        char text[4096];
        int status = 0;

        assert_int_equal(successor_try(&plan, &t, &err), 0);
        hear(&t, text, sizeof(text), &status);
        assert_string_equal(text, rows[i].says);
        assert_int_equal(WEXITSTATUS(status), 127);
    }
}

/* A script that has left somebody behind who holds the pipe. */
static void test_ended(void **unused)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"},
                    (char[]){"sleep 1000 & echo $!; test $0 = wait && wait"}, NULL, NULL};
    char wait_for_it[] = "wait", go[] = "go";

    (void)unused;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    for (int waits = 0; waits < 2; waits++) {
        struct successor_trial t;
        struct error err = ERROR_NONE;
        char text[64] = "";
        int status = 0;

        argv[3] = waits ? wait_for_it : go;
        const struct successor_plan plan = {.path = "/bin/sh", .argv = argv, .envp = envp};
        assert_int_equal(successor_try(&plan, &t, &err), 0);
        struct pollfd p = {.fd = t.answer, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        assert_true(read(t.answer, text, sizeof(text) - 1) > 0);
        pid_t pid = t.pid, sleeper = (pid_t)atoi(text);
        assert_true(sleeper > 1);
        if (!waits)
            assert_int_equal(waitpid(pid, &status, 0), pid);
        successor_end(&t, !waits);
        successor_end(&t, !waits);
        if (waits)
            assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(waitpid(sleeper, &status, 0), sleeper);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

/* In a child, which becomes a shell: same pid, blocked signals stay blocked and pending. */
static void test_become(void **unused)
{
    char script[300];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    int fds[2];
    char text[4096] = "", want[64];

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)snprintf(
        script, sizeof(script),
        "{ echo $$; grep -E '^(Sig|Shd)(Pnd|Blk)' /proc/$$/status | tr '\\n\\t' '  '; } >&%d",
        fds[1]);
    pid_t pid = fork();
    if (pid == 0) {
        const struct successor_plan plan = {
            .path = "/bin/sh", .argv = argv, .envp = envp, .fds = &fds[1], .count = 1};
        struct error err = ERROR_NONE;
        sigset_t set;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGUSR1);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)kill(getpid(), SIGUSR1);
        (void)successor_become(&plan, &err);
        _exit(99);
    }
    close(fds[1]);
    ssize_t n = descriptor_read_all(fds[0], text, sizeof(text) - 1);
    close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(n > 0);
    (void)snprintf(want, sizeof(want), "%d\n", (int)pid);
    assert_memory_equal(text, want, strlen(want));
    assert_non_null(strstr(text, "ShdPnd: 0000000000000200"));
    assert_non_null(strstr(text, "SigBlk: 0000000000000200"));
}

static void test_become_in_vain(void **unused)
{
    char *argv[] = {(char[]){"x"}, NULL};
    struct error err = ERROR_NONE;
    int fds[2];

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    const struct successor_plan plan = {
        .path = "/nonexistent/x", .argv = argv, .envp = envp, .fds = fds, .count = 2};
    assert_true(successor_become(&plan, &err) < 0);
    assert_string_equal(err.text, "cannot become /nonexistent/x: No such file or directory");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        close(fds[i]);
    }
}

static void test_own_path(void **unused)
{
    struct error err = ERROR_NONE;
    char *path = successor_own_path(&err);
    char own[4096] = "";

    (void)unused;
    assert_non_null(path);
    assert_int_equal(path[0], '/');
    char *real = realpath(path, NULL);
    assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
    assert_string_equal(real, own);
    free(real);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tried),          cmocka_unit_test(test_tried_in_vain),
        cmocka_unit_test(test_ended),          cmocka_unit_test(test_become),
        cmocka_unit_test(test_become_in_vain), cmocka_unit_test(test_own_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
