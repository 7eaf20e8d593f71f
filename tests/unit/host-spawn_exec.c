/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that cannot be executed, and what many starts leave behind (FAULTS C53, C75). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/time.h>
#include "host_probe.h"
#include "host_start.h"

static char folder[] = "/tmp/ganger-exec-XXXXXX";

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(descriptor_write_all(fd, text, strlen(text)), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void test_c53_exec_errors(void **unused)
{
    static char interpreter[400];
    struct spawn_plan plan = probe_plan();
    char path[128];
    (void)unused;

    memset(interpreter, 'x', sizeof interpreter - 1);
    memcpy(interpreter, "#!/", 3);
    const struct {
        const char *name, *text;
        mode_t mode;
        int number;
    } files[] = {
        {"no-mode", "#!/bin/sh\n", 0644, EACCES},
        {"no-format", "echo hello\n", 0755, ENOEXEC},
        {"empty", "", 0755, ENOEXEC},
        {"no-interpreter", "#!/nonexistent/sh\n", 0755, ENOENT},
        {"crlf", "#!/bin/sh\r\n", 0755, ENOENT},
        {"long-interpreter", interpreter, 0755, ENOEXEC},
        {"folder-interpreter", "#!/tmp\n", 0755, EACCES},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        write_file(path, files[i].text, files[i].mode);
        plan.path = path;
        for (int again = 0; again < 12; again++)
            expect_failure(&plan, SPAWN_STEP_EXEC, files[i].number);
    }
    plan.path = folder;
    expect_failure(&plan, SPAWN_STEP_EXEC, EACCES);
    plan.path = "/etc/passwd/x";
    expect_failure(&plan, SPAWN_STEP_EXEC, ENOTDIR);
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0755), 0);
    plan.path = path;
    expect_failure(&plan, SPAWN_STEP_EXEC, EACCES);
    snprintf(path, sizeof path, "%s/loop", folder);
    assert_int_equal(symlink("loop", path), 0);
    expect_failure(&plan, SPAWN_STEP_EXEC, ELOOP);

    snprintf(path, sizeof path, "%s/busy", folder);
    write_file(path, "#!/bin/sh\n", 0755);
    int busy = open(path, O_WRONLY | O_CLOEXEC);
    /* Newer kernels allow it; then the script runs and this proves nothing. */
    struct spawned child;
    struct spawn_report report;
    int r = spawn_vfork(&plan, &child, &report, NULL);
    close(busy);
    if (r == 0) {
        siginfo_t info;
        assert_int_equal(waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED), 0);
        close(child.pidfd);
    } else {
        assert_int_equal(report.step, SPAWN_STEP_EXEC);
        assert_int_equal(report.number, ETXTBSY);
    }
    /* One string may have 128 KiB. */
    static char huge[(200 << 10) + 1];
    memset(huge, 'a', sizeof huge - 1);
    char *const environment[] = {huge, NULL};
    plan = probe_plan();
    plan.envp = environment;
    expect_failure(&plan, SPAWN_STEP_EXEC, E2BIG);
}

/* No descriptor left: each resource that runs out leaves nothing behind. */
static void test_starter_without_descriptors(void **unused)
{
    struct spawn_plan plan = probe_plan();
    struct spawned child;
    struct spawn_report report;
    struct rlimit limit, tight;
    size_t before = probe_count_descriptors();
    (void)unused;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    plan.path = "/bin/true";
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(lowest);
    for (int spare = 0; spare < 3; spare++) {
        tight = limit;
        tight.rlim_cur = (rlim_t)(lowest + spare);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        /* Two for the pipe, then (one end closed) the pidfd takes its place. */
        int r = spawn_fork(&plan, &child, NULL);
        int v = spare == 0 ? spawn_vfork(&plan, &child, &report, NULL) : -EMFILE;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(v, -EMFILE);
        assert_int_equal(r, spare < 2 ? -EMFILE : 0);
        if (r == 0) {
            siginfo_t info;
            assert_int_equal(waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED), 0);
            close(child.pidfd);
            close(child.report_fd);
        }
    }
    assert_int_equal(probe_count_descriptors(), before);
    assert_no_children();
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/* 2000 programs under a storm of signals leave no descriptor and no zombie (FAULTS C75). */
static void test_c75_many_spawns_leave_nothing(void **unused)
{
    struct spawn_plan plan = probe_plan();
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    const struct itimerval storm = {{0, 200}, {0, 200}}, calm = {{0, 0}, {0, 0}};
    size_t before = probe_count_descriptors();
    (void)unused;
    plan.path = "/bin/true";
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &storm, NULL), 0);
    for (int i = 0; i < 2000; i++) {
        struct spawned child;
        struct spawn_report report;
        struct error err = ERROR_NONE;
        siginfo_t info;
        int r = spawn_vfork(&plan, &child, &report, &err);
        if (r != 0)
            fail_msg("spawn %d: %s", i, err.text);
        while (waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED) < 0)
            assert_int_equal(errno, EINTR);
        assert_int_equal(info.si_code, CLD_EXITED);
        assert_int_equal(info.si_status, 0);
        close(child.pidfd);
    }
    for (int i = 0; i < 100; i++) {
        struct spawn_report report;
        assert_int_equal(run_fork(&plan, &report, NULL), 0);
    }
    assert_int_equal(setitimer(ITIMER_REAL, &calm, NULL), 0);
    assert_true(alarms > 100);
    assert_int_equal(probe_count_descriptors(), before);
    assert_no_children();
}

static pid_t starter;
static volatile sig_atomic_t own_signals, foreign_signals;

static void on_group_signal(int number)
{
    (void)number;
    if (getpid() == starter)
        own_signals++;
    else
        foreign_signals++; /* a vfork child, in our memory */
}

/* No handler of the starter ever runs in a child: a signal to the whole group finds them all with
 * theirs blocked or default. */
static void test_c77_handlers_stay_at_home(void **unused)
{
    struct spawn_plan plan = probe_plan();
    struct sigaction action = {.sa_handler = on_group_signal, .sa_flags = SA_RESTART};
    (void)unused;
    starter = getpid();
    plan.path = "/bin/true";
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    pid_t group = getpgrp();
    assert_int_equal(setpgid(0, 0), 0);
    pid_t sender = fork();
    if (sender == 0) {
        (void)signal(SIGUSR1, SIG_IGN);
        alarm(30); /* should the test die first */
        for (;;)
            (void)kill(0, SIGUSR1);
    }
    for (int i = 0; i < 100 || (own_signals == 0 && i < 10000); i++) {
        struct spawned child;
        struct spawn_report report;
        siginfo_t info;
        assert_int_equal(spawn_vfork(&plan, &child, &report, NULL), 0);
        while (waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED) < 0)
            assert_int_equal(errno, EINTR);
        close(child.pidfd);
    }
    assert_int_equal(kill(sender, SIGKILL), 0);
    while (waitpid(sender, NULL, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_int_equal(setpgid(0, group), 0);
    assert_true(own_signals > 0);
    assert_int_equal(foreign_signals, 0);
}

static void remove_folder(void)
{
    DIR *all = opendir(folder);
    for (struct dirent *e; all != NULL && (e = readdir(all)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(all), e->d_name, 0);
    if (all != NULL)
        closedir(all);
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c53_exec_errors),
        cmocka_unit_test(test_starter_without_descriptors),
        cmocka_unit_test(test_c77_handlers_stay_at_home),
        cmocka_unit_test(test_c75_many_spawns_leave_nothing),
    };
    probe_main(argc, argv);
    if (!start_init() || mkdtemp(folder) == NULL)
        return 1;
    (void)chmod(folder, 0755);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_folder();
    return failed;
}
