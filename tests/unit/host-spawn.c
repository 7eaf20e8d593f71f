/* SPDX-License-Identifier: Apache-2.0 */
/* What a child of both launchers is born with (FAULTS C54, C77, C80). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/spawn.h"
#include "host_probe.h"
#include "host_start.h"

static char output[PROBE_TEXT_MAX];

static int wait_exit(struct spawned *child)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED), 0);
    assert_int_equal(info.si_pid, child->pid);
    descriptor_close(&child->pidfd);
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

/* Run the probe with `plan` and its descriptor 1 on a pipe; the other descriptors are `more`. */
static void run_probe(struct spawn_plan *plan, bool by_fork, const struct spawn_fd *more,
                      size_t more_count)
{
    struct spawn_fd fds[32];
    struct spawned child;
    struct spawn_report report;
    struct error err = ERROR_NONE;
    int ends[2];
    int r;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    if (more_count > 0)
        memcpy(fds, more, more_count * sizeof fds[0]);
    fds[more_count] = (struct spawn_fd){.from = ends[1], .to = 1};
    plan->fds = fds;
    plan->fd_count = more_count + 1;
    r = by_fork ? spawn_fork(plan, &child, &err) : spawn_vfork(plan, &child, &report, &err);
    if (r != 0)
        fail_msg("%s", err.text);
    descriptor_close(&ends[1]);
    ssize_t got = descriptor_read_all(ends[0], output, sizeof output - 1);
    assert_true(got >= 0);
    output[got] = '\0';
    descriptor_close(&ends[0]);
    if (by_fork) {
        r = spawn_result(child.report_fd, &report, &err);
        if (r != 0)
            fail_msg("%s", err.text);
        descriptor_close(&child.report_fd);
    }
    assert_int_equal(wait_exit(&child), 7);
}

static void expect(const char *name, const char *value)
{
    const char *got = probe_get(output, name);
    if (got == NULL || strcmp(got, value) != 0)
        fail_msg("%s is '%s', not '%s'\n%s", name, got != NULL ? got : "nowhere", value, output);
}

static unsigned long long inode(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return (unsigned long long)st.st_ino;
}

static void test_plain_child_is_clean(void **unused)
{
    (void)unused;
    for (int by_fork = 0; by_fork < 2; by_fork++) {
        /* A starter with all that should not be handed down. */
        sigset_t blocked, before, after;
        struct sigaction was;
        sigfillset(&blocked);
        sigdelset(&blocked, SIGUSR2);
        assert_int_equal(sigprocmask(SIG_SETMASK, &blocked, &before), 0);
        for (int number = 1; number <= SIGRTMAX; number++)
            if (number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGCHLD)
                (void)signal(number, SIG_IGN);
        assert_int_equal(sigaction(SIGPIPE, NULL, &was), 0);
        assert_true(was.sa_handler == SIG_IGN);
        int stray = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */
        assert_true(stray > 2);

        struct spawn_plan plan = probe_plan();
        errno = 4711;
        run_probe(&plan, by_fork != 0, NULL, 0);

        /* The starter's own signals are as they were. */
        assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
        assert_int_equal(sigismember(&after, SIGUSR2), 0);
        assert_int_equal(sigismember(&after, SIGTERM), 1);
        assert_int_equal(sigaction(SIGPIPE, NULL, &was), 0);
        assert_true(was.sa_handler == SIG_IGN);
        close(stray);
        for (int number = 1; number <= SIGRTMAX; number++)
            if (number != SIGSEGV && number != SIGBUS && number != SIGFPE)
                (void)signal(number, SIG_DFL);
        assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);

        char fds[64], parent[16];
        expect("SigBlk", "0000000000000000");
        expect("SigIgn", "0000000000000000");
        expect("SigPnd", "0000000000000000");
        assert_int_equal(strncmp(probe_get(output, "fds"), "1=", 2), 0);
        snprintf(fds, sizeof fds, "%s", probe_get(output, "fds"));
        assert_null(strchr(fds, ' '));
        assert_null(probe_get(output, "env"));
        expect("argv", "probe");
        snprintf(parent, sizeof parent, "%d", (int)getpid());
        expect("parent", parent);
        expect("death", "0");
        expect("leader", "0");
    }
}

static void test_vfork_keeps_errno(void **unused)
{
    struct spawn_plan plan = probe_plan();
    struct spawned child;
    struct spawn_report report;

    (void)unused;
    plan.chdir = "/nonexistent"; /* a call that fails in the child, whose errno is ours */
    plan.chdir_optional = true;
    errno = 4711;
    assert_int_equal(spawn_vfork(&plan, &child, &report, NULL), 0);
    assert_int_equal(errno, 4711);
    (void)wait_exit(&child);
    plan.path = "/nonexistent";
    errno = 4711;
    assert_int_equal(spawn_vfork(&plan, &child, &report, NULL), SPAWN_FAILED);
    assert_int_equal(errno, 4711);
}

static void test_everything_a_plan_sets(void **unused)
{
    (void)unused;
    for (int by_fork = 0; by_fork < 2; by_fork++) {
        struct spawn_plan plan = probe_plan();
        char first[] = "A=1", second[] = "B=", text[64];
        char *const environment[] = {first, second, NULL};
        struct rlimit core;
        assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
        const struct spawn_limit limits[] = {
            {.resource = RLIMIT_NOFILE, .value = {.rlim_cur = 37, .rlim_max = 38}},
            {.resource = RLIMIT_CORE, .value = {.rlim_cur = 0, .rlim_max = core.rlim_max}},
            {.resource = RLIMIT_FSIZE, .value = {.rlim_cur = 1 << 20, .rlim_max = 1 << 21}},
        };
        plan.envp = environment;
        plan.limits = limits;
        plan.limit_count = 3;
        plan.chdir = "/usr";
        plan.new_session = true;
        plan.no_new_privs = true;
        plan.death_signal = SIGUSR1;
        plan.set_priority = true;
        plan.priority = getpriority(PRIO_PROCESS, 0) + 3;
        plan.umask = 0137;
        plan.oom_score_adjust = 321;
        plan.drop_capabilities = true;
        plan.undumpable = by_fork != 0;
        mode_t before = umask(022);
        run_probe(&plan, by_fork != 0, NULL, 0);
        assert_int_equal(umask(before), 022);

        expect("env", "A=1");
        assert_non_null(strstr(output, "\nenv B=\n"));
        expect("files", "37 38");
        expect("fsize", "1048576 2097152");
        expect("cwd", "/usr");
        expect("leader", "1");
        expect("NoNewPrivs", "1");
        snprintf(text, sizeof text, "%d", SIGUSR1);
        expect("death", text);
        snprintf(text, sizeof text, "%d", plan.priority);
        expect("nice", text);
        expect("Umask", "0137");
        expect("oom", "321");
        expect("CapInh", "0000000000000000");
        expect("CapPrm", "0000000000000000");
        expect("CapEff", "0000000000000000");
        expect("CapAmb", "0000000000000000");
        if (geteuid() == 0)
            expect("CapBnd", "0000000000000000");
        else
            print_message("not root: the bounding set cannot be dropped, and is not looked at\n");
    }
}

/* Wanted: number → descriptor; the child's list of number=inode pairs must be exactly that. */
static void check_descriptors(bool by_fork, const struct spawn_fd *fds, size_t count)
{
    struct spawn_plan plan = probe_plan();
    char want[1024] = "", got[1024];
    unsigned long long at[64] = {0};

    for (size_t i = 0; i < count; i++)
        at[fds[i].to] = inode(fds[i].from);
    run_probe(&plan, by_fork, fds, count);
    snprintf(got, sizeof got, " %s ", probe_get(output, "fds"));
    size_t seen = 0;
    for (const char *p = strchr(got, '='); p != NULL; p = strchr(p + 1, '='))
        seen++;
    assert_int_equal(seen, count + 1);
    for (int number = 0; number < 64; number++) {
        if (at[number] == 0)
            continue;
        snprintf(want, sizeof want, " %d=%llu ", number, at[number]);
        if (strstr(got, want) == NULL)
            fail_msg("no%sin%s", want, got);
    }
}

static void test_descriptors_in_every_order(void **unused)
{
    enum { COUNT = 6 };
    int fds[COUNT];
    (void)unused;
    for (int i = 0; i < COUNT; i++) {
        int made = memfd_create("x", MFD_CLOEXEC);
        assert_true(made >= 0);
        fds[i] = fcntl(made, F_DUPFD_CLOEXEC, 20);
        close(made);
    }
    for (int by_fork = 0; by_fork < 2; by_fork++) {
        /* All permutations of four descriptors on their own numbers, by counting. */
        for (int code = 0; code < 256; code++) {
            struct spawn_fd plan[4];
            unsigned used = 0;
            for (int i = 0; i < 4; i++) {
                int target = code >> (2 * i) & 3;
                used |= 1u << target;
                plan[i] = (struct spawn_fd){.from = fds[i], .to = fds[target]};
            }
            /* The whole set costs seconds under a sanitizer: a third of it is enough there. */
            if (used == 15 && (code % 3 == by_fork || code == 0xe4))
                check_descriptors(by_fork != 0, plan, 4);
        }
        /* One descriptor on several numbers, over another's, and in place. */
        const struct spawn_fd several[] = {{fds[0], 0},      {fds[0], 2},      {fds[0], fds[1]},
                                           {fds[1], fds[0]}, {fds[1], 40},     {fds[2], fds[2]},
                                           {fds[3], fds[4]}, {fds[4], fds[5]}, {fds[5], fds[3]}};
        check_descriptors(by_fork != 0, several, 9);
    }
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}

/* The numbers of the child's report pipe and of the program itself are wanted for others. */
static void test_own_descriptors_move_out_of_the_way(void **unused)
{
    (void)unused;
    for (int by_fork = 0; by_fork < 2; by_fork++) {
        struct spawn_plan plan = probe_plan();
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct spawn_fd fds[24];
        size_t count = 0;
        /* The limit on descriptors holds for the program, not for what it is given. */
        const struct spawn_limit limit = {.resource = RLIMIT_NOFILE, .value = {25, 25}};
        plan.limits = &limit;
        plan.limit_count = 1;
        plan.exec_fd = open(own_path, O_RDONLY | O_CLOEXEC);
        plan.path = NULL;
        assert_true(plan.exec_fd >= 0 && plan.exec_fd < 20);
        for (int number = 3; number < 25; number++)
            if (number != 10) /* the program wants one for itself */
                fds[count++] = (struct spawn_fd){.from = null, .to = number};
        run_probe(&plan, by_fork != 0, fds, count);
        assert_null(strstr(probe_get(output, "fds"), " 25="));
        assert_non_null(strstr(probe_get(output, "fds"), " 24="));
        expect("files", "25 25");
        close(plan.exec_fd);
        close(null);
    }
}

static void expect_identity(const struct identity *id)
{
    char text[128];
    snprintf(text, sizeof text, "%u %u %u %u", id->uid, id->uid, id->uid, id->uid);
    expect("Uid", text);
    snprintf(text, sizeof text, "%u %u %u %u", id->gid, id->gid, id->gid, id->gid);
    expect("Gid", text);
    char *p = text;
    *p = '\0';
    for (size_t i = 0; i < id->group_count; i++)
        p += snprintf(p, (size_t)(text + sizeof text - p), "%s%u", i > 0 ? " " : "", id->groups[i]);
    expect("Groups", text);
}

static void test_c80_identity_is_taken(void **unused)
{
    static const char *const users[][2] = {{"nobody", NULL},      {"www-data", NULL},
                                           {"daemon", "games"},   {"54321", NULL},
                                           {"54321", "www-data"}, {"33", NULL}};
    (void)unused;
    if (geteuid() != 0) {
        print_message("not root: cannot become another user\n");
        skip();
    }
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        struct spawn_plan plan = probe_plan();
        struct identity id;
        gid_t mine[] = {0, 4, 5, 6};
        assert_int_equal(setgroups(4, mine), 0);
        assert_int_equal(identity_resolve(&id, users[i][0], users[i][1], NULL), 0);
        plan.identity = &id;
        plan.exec_fd = open(own_path, O_RDONLY | O_CLOEXEC);
        plan.death_signal = SIGTERM; /* lost when the user changes, unless set after it */
        run_probe(&plan, true, NULL, 0);
        expect_identity(&id);
        expect("CapInh", "0000000000000000");
        expect("CapPrm", "0000000000000000");
        expect("CapEff", "0000000000000000");
        expect("CapBnd", "0000000000000000");
        expect("CapAmb", "0000000000000000");
        expect("death", "15");
        close(plan.exec_fd);
        identity_clear(&id);
    }
    /* Many groups, unsorted, as a hand-made identity may hold them. */
    gid_t many[70];
    for (unsigned i = 0; i < 70; i++)
        many[i] = 70000 - i * 7;
    struct identity crowd = {.uid = 54321, .gid = 54322, .groups = many, .group_count = 70};
    struct spawn_plan plan = probe_plan();
    plan.identity = &crowd;
    plan.exec_fd = open(own_path, O_RDONLY | O_CLOEXEC);
    run_probe(&plan, true, NULL, 0);
    const char *groups = probe_get(output, "Groups");
    assert_int_equal(strncmp(groups, "69517 69524 ", 12), 0);
    assert_string_equal(groups + strlen(groups) - 5, "70000");
    close(plan.exec_fd);
    assert_int_equal(setgroups(0, NULL), 0);
}

static void test_own_identity_needs_no_right(void **unused)
{
    struct spawn_plan plan = probe_plan();
    struct identity own = {.uid = getuid(), .gid = getgid()};
    (void)unused;
    plan.identity = &own;
    run_probe(&plan, true, NULL, 0);
    if (geteuid() == 0)
        expect("Groups", "");
    else
        expect("CapPrm", "0000000000000000");
}

static void test_signal_goes_through_pidfd(void **unused)
{
    char *const argv[] = {(char *)(uintptr_t) "sleep", (char *)(uintptr_t) "60", NULL};
    struct spawn_plan plan = probe_plan();
    struct spawned child;
    struct spawn_report report;
    siginfo_t info;
    (void)unused;
    plan.path = "/bin/sleep";
    plan.argv = argv;
    assert_int_equal(spawn_vfork(&plan, &child, &report, NULL), 0);
    assert_int_equal(fcntl(child.pidfd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(spawn_signal(child.pidfd, SIGTERM), 0);
    assert_int_equal(waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED), 0);
    assert_int_equal(info.si_status, SIGTERM);
    assert_int_equal(spawn_signal(child.pidfd, SIGTERM), -ESRCH);
    close(child.pidfd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_child_is_clean),
        cmocka_unit_test(test_vfork_keeps_errno),
        cmocka_unit_test(test_everything_a_plan_sets),
        cmocka_unit_test(test_descriptors_in_every_order),
        cmocka_unit_test(test_own_descriptors_move_out_of_the_way),
        cmocka_unit_test(test_c80_identity_is_taken),
        cmocka_unit_test(test_own_identity_needs_no_right),
        cmocka_unit_test(test_signal_goes_through_pidfd),
    };
    probe_main(argc, argv);
    if (!start_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
