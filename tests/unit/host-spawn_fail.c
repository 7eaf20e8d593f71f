/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every step that can fail does so, under its own name, and nothing is left behind (FAULTS C81).  System calls are made to fail, or to lie, by a seccomp filter in a helper process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/spawn.h"
#include "host_probe.h"
#include "host_start.h"

static char folder[] = "/tmp/ganger-spawn-XXXXXX";

static void test_steps_fail_by_name(void **unused)
{
    const bool root = geteuid() == 0;
    const struct spawn_limit turned[] = {{.resource = RLIMIT_CORE, .value = {2, 1}}};
    const struct spawn_limit files[] = {{.resource = RLIMIT_NOFILE, .value = {2, 1}}};
    const struct spawn_fd closed[] = {{.from = 0, .to = 0}, {.from = 987, .to = 1}};
    const struct spawn_fd in_place[] = {{.from = 987, .to = 987}};
    struct spawn_plan plan;
    (void)unused;

    plan = probe_plan();
    plan.oom_score_adjust = 2000;
    expect_failure(&plan, SPAWN_STEP_OOM, EINVAL);
    plan = probe_plan();
    plan.limits = turned;
    plan.limit_count = 1;
    expect_failure(&plan, SPAWN_STEP_LIMITS, EINVAL);
    plan.limits = files;
    expect_failure(&plan, SPAWN_STEP_LIMITS, EINVAL);
    plan = probe_plan();
    plan.fds = closed;
    plan.fd_count = 2;
    expect_failure(&plan, SPAWN_STEP_DESCRIPTORS, EBADF);
    plan.fds = in_place;
    plan.fd_count = 1;
    expect_failure(&plan, SPAWN_STEP_DESCRIPTORS, EBADF);
    /* The report gets through although every low number is taken by something else. */
    struct spawn_fd many[22];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 22; i++)
        many[i] = (struct spawn_fd){.from = null, .to = i + 3};
    plan = probe_plan();
    plan.fds = many;
    plan.fd_count = 22;
    plan.path = "/nonexistent";
    expect_failure(&plan, SPAWN_STEP_EXEC, ENOENT);
    close(null);
    plan = probe_plan();
    plan.chroot = "/nonexistent";
    expect_failure(&plan, SPAWN_STEP_CHROOT, ENOENT);
    plan.chroot = "/etc/passwd";
    expect_failure(&plan, SPAWN_STEP_CHROOT, ENOTDIR);
    plan = probe_plan();
    plan.death_signal = 99;
    expect_failure(&plan, SPAWN_STEP_DEATH_SIGNAL, EINVAL);
    plan = probe_plan();
    plan.chdir = "/nonexistent";
    expect_failure(&plan, SPAWN_STEP_CHDIR, ENOENT);
    plan.chdir_optional = true;
    plan.path = "/nonexistent";
    expect_failure(&plan, SPAWN_STEP_EXEC, ENOENT);
    if (!root) {
        struct identity other = {.uid = getuid() + 1, .gid = getgid()};
        plan = probe_plan();
        plan.identity = &other;
        expect_failure(&plan, SPAWN_STEP_GROUPS, EPERM);
        plan = probe_plan();
        plan.set_priority = true;
        plan.priority = -20;
        expect_failure(&plan, SPAWN_STEP_PRIORITY, EACCES);
        plan = probe_plan();
        plan.oom_score_adjust = -1000;
        expect_failure(&plan, SPAWN_STEP_OOM, EACCES);
        return;
    }
    struct identity other = {.uid = 54321, .gid = 54321};
    /* The folder is entered as the user, not as root. */
    assert_int_equal(chmod(folder, 0700), 0);
    plan = probe_plan();
    plan.identity = &other;
    plan.chdir = folder;
    expect_failure(&plan, SPAWN_STEP_CHDIR, EACCES);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* RLIMIT_NPROC: setuid succeeds, the exec does not. */
static void test_c81_too_many_processes(void **unused)
{
    struct identity other = {.uid = 54321, .gid = 54321};
    const struct spawn_limit processes[] = {{.resource = RLIMIT_NPROC, .value = {0, 0}}};
    struct spawn_plan plan = probe_plan();
    int ends[2];
    char byte;
    (void)unused;
    if (geteuid() != 0) {
        print_message("not root: cannot become another user\n");
        skip();
    }
    /* The kernel counts those that the user already has. */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t first = fork();
    if (first == 0) {
        if (setresuid(54321, 54321, 54321) < 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        alarm(30); /* should the test die first */
        for (;;)
            pause();
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    plan.identity = &other;
    plan.exec_fd = open(own_path, O_RDONLY | O_CLOEXEC);
    plan.limits = processes;
    plan.limit_count = 1;
    struct spawn_report report = {.step = -1, .number = 0};
    int r = run_fork(&plan, &report, NULL);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(waitpid(first, NULL, 0), first);
    assert_int_equal(r, SPAWN_FAILED);
    assert_int_equal(report.step, SPAWN_STEP_EXEC);
    assert_int_equal(report.number, EAGAIN);
    close(plan.exec_fd);
    close(ends[0]);
    close(ends[1]);
}

/* From now on system call `number` (with first argument `argument` unless -1) returns -`failure`;
 * a failure of 0 is the lie that it worked. */
static void inject(int number, int argument, int failure)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)argument, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)failure),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    if (argument == -1) /* any: both ways lead to the failure */
        code[3].jf = 0;
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(100);
}

static void test_c81_injected_failures_and_lies(void **unused)
{
    static const struct {
        const char *what;
        int call, argument, failure;
        enum spawn_step step;
        int number;
        bool root_only;
    } cases[] = {
        {"rt_sigaction", SYS_rt_sigaction, 15, EPERM, SPAWN_STEP_SIGNALS, EPERM, false},
        {"setsid", SYS_setsid, -1, EPERM, SPAWN_STEP_SESSION, EPERM, false},
        {"setpriority", SYS_setpriority, -1, EACCES, SPAWN_STEP_PRIORITY, EACCES, false},
        {"prlimit", SYS_prlimit64, -1, EPERM, SPAWN_STEP_LIMITS, EPERM, false},
        {"close_range", SYS_close_range, -1, ENOSYS, SPAWN_STEP_DESCRIPTORS, ENOSYS, false},
        {"dup3", SYS_dup3, -1, EBUSY, SPAWN_STEP_DESCRIPTORS, EBUSY, false},
        {"setgroups", SYS_setgroups, -1, EPERM, SPAWN_STEP_GROUPS, EPERM, true},
        {"setgroups lies", SYS_setgroups, -1, 0, SPAWN_STEP_GROUPS, EPERM, true},
        {"setresgid", SYS_setresgid, -1, EAGAIN, SPAWN_STEP_GID, EAGAIN, true},
        {"setresgid lies", SYS_setresgid, -1, 0, SPAWN_STEP_GID, EPERM, true},
        {"setresuid", SYS_setresuid, -1, EAGAIN, SPAWN_STEP_UID, EAGAIN, true},
        {"setresuid lies", SYS_setresuid, -1, 0, SPAWN_STEP_UID, EPERM, true},
        {"root comes back", SYS_setuid, 0, 0, SPAWN_STEP_UID, EPERM, true},
        {"group 0 comes back", SYS_setgid, 0, 0, SPAWN_STEP_GID, EPERM, true},
        {"ambient", SYS_prctl, PR_CAP_AMBIENT, EINVAL, SPAWN_STEP_CAPABILITIES, EINVAL, true},
        {"bounding", SYS_prctl, PR_CAPBSET_DROP, EINVAL, SPAWN_STEP_CAPABILITIES, EINVAL, true},
        {"capset", SYS_capset, -1, EINVAL, SPAWN_STEP_CAPABILITIES, EINVAL, true},
        {"no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, EINVAL, SPAWN_STEP_NO_NEW_PRIVS, EINVAL,
         false},
        {"death signal", SYS_prctl, PR_SET_PDEATHSIG, EINVAL, SPAWN_STEP_DEATH_SIGNAL, EINVAL,
         false},
        {"parent is gone", SYS_getppid, -1, 0, SPAWN_STEP_DEATH_SIGNAL, ESRCH, false},
        {"chdir", SYS_chdir, -1, EIO, SPAWN_STEP_CHDIR, EIO, false},
        {"execve", SYS_execve, -1, ENOMEM, SPAWN_STEP_EXEC, ENOMEM, false},
    };
    const bool root = geteuid() == 0;
    gid_t groups[] = {54323, 54324};
    struct identity other = {.uid = 54321, .gid = 54322, .groups = groups, .group_count = 2};
    struct rlimit core;
    (void)unused;
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    const struct spawn_limit limits[] = {{.resource = RLIMIT_CORE, .value = core}};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct spawn_fd fds[] = {{null, 1}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].root_only && !root)
            continue;
        struct spawn_plan plan = probe_plan();
        plan.new_session = plan.no_new_privs = plan.set_priority = true;
        plan.priority = getpriority(PRIO_PROCESS, 0);
        plan.limits = limits;
        plan.limit_count = 1;
        plan.fds = fds;
        plan.fd_count = 1;
        plan.identity = root ? &other : NULL;
        plan.death_signal = SIGKILL;
        plan.chdir = "/";
        pid_t helper = fork();
        if (helper == 0) {
            struct spawn_report report = {.step = -1, .number = 0};
            inject(cases[i].call, cases[i].argument, cases[i].failure);
            int r = run_fork(&plan, &report, NULL);
            _exit(r != SPAWN_FAILED                               ? 101
                  : (enum spawn_step)report.step != cases[i].step ? 102
                  : report.number != cases[i].number              ? 103
                                                                  : 0);
        }
        int status = 0;
        assert_int_equal(waitpid(helper, &status, 0), helper);
        if (status != 0)
            fail_msg("%s: helper ended with %d", cases[i].what, WEXITSTATUS(status));
    }
    close(null);
    if (!root)
        print_message("not root: the cases of a changing identity did not run\n");
}

/* A child of which no pidfd can be had is ended before it does anything. */
static void test_child_without_pidfd(void **unused)
{
    (void)unused;
    pid_t helper = fork();
    if (helper == 0) {
        struct spawn_plan plan = probe_plan();
        struct spawned child;
        struct error err = ERROR_NONE;
        siginfo_t info;
        size_t before = probe_count_descriptors();
        inject(SYS_pidfd_open, -1, EMFILE);
        if (spawn_fork(&plan, &child, &err) != -EMFILE || err.text[0] == '\0')
            _exit(101);
        if (waitid(P_ALL, 0, &info, WEXITED) == 0 || errno != ECHILD)
            _exit(102);
        _exit(probe_count_descriptors() == before ? 0 : 103);
    }
    int status = 0;
    assert_int_equal(waitpid(helper, &status, 0), helper);
    assert_int_equal(status, 0);
}

/* With no identity to change, drop_capabilities alone must notice a lie. */
static void test_capabilities_that_stay_are_noticed(void **unused)
{
    (void)unused;
    if (geteuid() != 0) {
        print_message("not root: has no capabilities to keep\n");
        skip();
    }
    pid_t helper = fork();
    if (helper == 0) {
        struct spawn_report report = {.step = -1, .number = 0};
        struct spawn_plan plan = probe_plan();
        plan.drop_capabilities = true;
        inject(SYS_capset, -1, 0);
        int r = run_fork(&plan, &report, NULL);
        _exit(r == SPAWN_FAILED && report.step == SPAWN_STEP_CAPABILITIES ? 0 : 101);
    }
    int status = 0;
    assert_int_equal(waitpid(helper, &status, 0), helper);
    assert_int_equal(status, 0);
}

static void test_wrong_plans(void **unused)
{
    struct spawned child;
    struct spawn_report report;
    struct error err = ERROR_NONE;
    const struct spawn_fd twice[] = {{0, 5}, {1, 5}}, negative[] = {{-1, 0}};
    struct identity own = {.uid = getuid(), .gid = getgid()};
    char *const nothing[] = {NULL};
    struct spawn_plan plan = probe_plan();
    (void)unused;
    plan.path = "bin/true";
    assert_int_equal(spawn_fork(&plan, &child, &err), -EINVAL);
    plan = probe_plan();
    plan.argv = nothing;
    assert_int_equal(spawn_vfork(&plan, &child, &report, &err), -EINVAL);
    plan = probe_plan();
    plan.fds = twice;
    plan.fd_count = 2;
    assert_int_equal(spawn_vfork(&plan, &child, &report, &err), -EINVAL);
    plan.fds = negative;
    plan.fd_count = 1;
    assert_int_equal(spawn_fork(&plan, &child, &err), -EBADF);
    plan.fd_count = SPAWN_FDS_MAX + 1;
    assert_int_equal(spawn_fork(&plan, &child, &err), -EINVAL);
    plan = probe_plan();
    plan.identity = &own;
    assert_int_equal(spawn_vfork(&plan, &child, &report, &err), -EINVAL);
    plan = probe_plan();
    plan.undumpable = true;
    assert_int_equal(spawn_vfork(&plan, &child, &report, &err), -EINVAL);
    assert_no_children();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_fail_by_name),
        cmocka_unit_test(test_c81_too_many_processes),
        cmocka_unit_test(test_c81_injected_failures_and_lies),
        cmocka_unit_test(test_child_without_pidfd),
        cmocka_unit_test(test_capabilities_that_stay_are_noticed),
        cmocka_unit_test(test_wrong_plans),
    };
    probe_main(argc, argv);
    if (!start_init() || mkdtemp(folder) == NULL)
        return 1;
    (void)chmod(folder, 0755);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}
