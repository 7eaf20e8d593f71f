/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Starting programs: checking the plan, the two launchers, and what became of the child.
 * host/spawn_child.c does what happens between clone and exec.
 *
 * Every signal is blocked in the starter while the child is made, so that no handler of ours ever
 * runs in a child; the child empties its own mask.  All of this assumes one thread that starts programs.
 */

#include "host/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/spawn_child.h"

#define STACK_SIZE ((size_t)64 << 10)
#define GUARD_SIZE ((size_t)64 << 10) /* a multiple of every page size in use */

static const char *const step_names[] = {
    [SPAWN_STEP_FORK] = "start a process",
    [SPAWN_STEP_SIGNALS] = "reset the signals",
    [SPAWN_STEP_SESSION] = "make a new session",
    [SPAWN_STEP_OOM] = "set the OOM score",
    [SPAWN_STEP_PRIORITY] = "set the priority",
    [SPAWN_STEP_LIMITS] = "set the limits",
    [SPAWN_STEP_DESCRIPTORS] = "arrange the descriptors",
    [SPAWN_STEP_CHROOT] = "change the root",
    [SPAWN_STEP_GROUPS] = "set the supplementary groups",
    [SPAWN_STEP_GID] = "set the group",
    [SPAWN_STEP_UID] = "set the user",
    [SPAWN_STEP_CAPABILITIES] = "drop the capabilities",
    [SPAWN_STEP_NO_NEW_PRIVS] = "set no_new_privs",
    [SPAWN_STEP_DEATH_SIGNAL] = "set the parent-death signal",
    [SPAWN_STEP_CHDIR] = "change the folder",
    [SPAWN_STEP_EXEC] = "execute the program",
};

const char *spawn_step_name(enum spawn_step step)
{
    size_t i = (size_t)step;
    return i < sizeof step_names / sizeof step_names[0] ? step_names[i] : "take an unknown step";
}

/* What the bare errno text leaves unsaid. */
static const char *hint(const struct spawn_report *report)
{
    if (report->step == SPAWN_STEP_EXEC) {
        switch (report->number) {
        case ENOENT:
            return " (the program, or the interpreter that its first line names, does not exist)";
        case EACCES:
            return " (no execute permission on it or on a folder above it, or a noexec mount)";
        case ENOEXEC:
            return " (neither a binary for this machine nor a script with a #! line)";
        case E2BIG:
            return " (arguments and environment together are too long)";
        case EAGAIN:
            return " (the user's limit on processes, RLIMIT_NPROC, is reached)";
        case ELOOP:
            return " (too many links, or interpreters that name one another)";
        default:
            break;
        }
    }
    if (report->step == SPAWN_STEP_DEATH_SIGNAL && report->number == ESRCH)
        return " (the parent had already died)";
    if (report->number == EPERM &&
        (report->step == SPAWN_STEP_GROUPS || report->step == SPAWN_STEP_GID ||
         report->step == SPAWN_STEP_UID))
        return " (only root may become another user)";
    return "";
}

static int describe(struct error *err, const struct spawn_report *report)
{
    return error_set(err, report->number, "cannot %s: %s%s",
                     spawn_step_name((enum spawn_step)report->step), strerror(report->number),
                     hint(report));
}

static int plan_check(const struct spawn_plan *plan, struct error *err)
{
    if (plan->argv == NULL || plan->argv[0] == NULL || plan->envp == NULL)
        return error_set(err, EINVAL, "a program needs arguments and an environment");
    if (plan->exec_fd < 0 && (plan->path == NULL || plan->path[0] != '/'))
        return error_set(err, EINVAL, "a program needs an absolute path");
    if (plan->fd_count > SPAWN_FDS_MAX)
        return error_set(err, EINVAL, "%zu descriptors for one program, at most %d are allowed",
                         plan->fd_count, SPAWN_FDS_MAX);
    if (plan->chroot_later && (plan->chroot == NULL || plan->chdir != NULL))
        return error_set(err, EINVAL, "a root to be entered later, and a folder besides");
    for (size_t i = 0; i < plan->fd_count; i++) {
        if (plan->fds[i].from < 0 || plan->fds[i].to < 0)
            return error_set(err, EBADF, "descriptor %d for number %d", plan->fds[i].from,
                             plan->fds[i].to);
        for (size_t j = 0; j < i; j++)
            if (plan->fds[j].to == plan->fds[i].to)
                return error_set(err, EINVAL, "two descriptors for number %d", plan->fds[i].to);
    }
    return 0;
}

static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, before);
}

static void reap(int pidfd, pid_t pid)
{
    siginfo_t info;
    idtype_t type = pidfd >= 0 ? P_PIDFD : P_PID;
    id_t id = (id_t)(pidfd >= 0 ? pidfd : pid);
    while (waitid(type, id, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

static int report_pipe(int ends[2], struct error *err)
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(err, errno, "cannot make a pipe to start a program");
    for (int i = 0; i < 2; i++) {
        if (ends[i] > 2)
            continue;
        int copy = descriptor_copy(ends[i]);
        if (copy < 0) {
            descriptor_close(&ends[0]);
            descriptor_close(&ends[1]);
            return error_errno(err, -copy, "cannot make a pipe to start a program");
        }
        descriptor_close(&ends[i]);
        ends[i] = copy;
    }
    return 0;
}

/* The fork itself; `child` is complete but for the report pipe. */
static int fork_child(struct spawn_child *child, struct spawned *ret, struct error *err)
{
    int ends[2] = {-1, -1};
    int r = report_pipe(ends, err);
    if (r < 0)
        return r;
    child->report_fd = ends[1];

    sigset_t before;
    block_signals(&before);
    pid_t pid = fork();
    int number = errno;
    if (pid == 0)
        spawn_child_run(child);
    sigprocmask(SIG_SETMASK, &before, NULL);

    descriptor_close(&ends[1]);
    if (pid < 0) {
        descriptor_close(&ends[0]);
        return error_errno(err, number, "cannot start a process");
    }
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        /* Not yet reaped, so the number is still ours to signal. */
        number = errno;
        kill(pid, SIGKILL);
        reap(-1, pid);
        descriptor_close(&ends[0]);
        return error_errno(err, number, "cannot open a descriptor of the new process");
    }
    *ret = (struct spawned){.pid = pid, .pidfd = pidfd, .report_fd = ends[0]};
    return 0;
}

int spawn_fork(const struct spawn_plan *plan, struct spawned *ret, struct error *err)
{
    int r = plan_check(plan, err);
    if (r < 0)
        return r;
    struct spawn_child child = {
        .plan = plan, .parent = getpid(), .report_fd = -1, .exec_fd = plan->exec_fd};
    if (plan->identity != NULL) {
        /* One more than needed, so that a group too many is seen. */
        child.group_room = plan->identity->group_count + 1;
        child.groups = calloc(child.group_room, sizeof *child.groups);
        if (child.groups == NULL)
            return error_errno(err, ENOMEM, "cannot start a process");
    }
    r = fork_child(&child, ret, err);
    free(child.groups);
    return r;
}

int spawn_result(int report_fd, struct spawn_report *report, struct error *err)
{
    ssize_t got;
    do
        got = read(report_fd, report, sizeof *report);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return 0;
    if (got < 0)
        return errno == EAGAIN ? SPAWN_PENDING
                               : error_errno(err, errno, "cannot read a program's start report");
    if (got != (ssize_t)sizeof *report)
        return error_set(err, EPROTO, "a program's start report has %zd bytes", got);
    (void)describe(err, report);
    return SPAWN_FAILED;
}

static void *child_stack(void)
{
    static uint8_t *top;
    if (top == NULL) {
        uint8_t *bottom = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (bottom == MAP_FAILED)
            return NULL;
        if (mprotect(bottom, GUARD_SIZE, PROT_NONE) < 0) {
            munmap(bottom, GUARD_SIZE + STACK_SIZE);
            return NULL;
        }
        top = bottom + GUARD_SIZE + STACK_SIZE;
    }
    return top;
}

int spawn_vfork(const struct spawn_plan *plan, struct spawned *ret, struct spawn_report *report,
                struct error *err)
{
    int r = plan_check(plan, err);
    if (r < 0)
        return r;
    if (plan->identity != NULL || plan->undumpable || plan->chroot_later)
        return error_set(err, EINVAL, "a child that shares our memory keeps our identity");

    struct spawn_report outcome = {.step = -1, .number = 0};
    struct spawn_child child = {.plan = plan,
                                .parent = getpid(),
                                .report_fd = -1,
                                .report = &outcome,
                                .exec_fd = plan->exec_fd};
    int number = errno;
    void *stack = child_stack();
    if (stack == NULL)
        return error_errno(err, ENOMEM, "cannot start a process");
    sigset_t before;
    int pidfd = -1;
    block_signals(&before);
    pid_t pid = clone(spawn_child_run, stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                      &child, &pidfd);
    int failure = errno; /* of clone when pid is -1; else the child's, of no interest */
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = number;
    if (pid < 0)
        return error_errno(err, failure, "cannot start a process");
    if (outcome.step >= 0) {
        *report = outcome;
        (void)describe(err, report);
        reap(pidfd, pid);
        descriptor_close(&pidfd);
        errno = number;
        return SPAWN_FAILED;
    }
    *ret = (struct spawned){.pid = pid, .pidfd = pidfd, .report_fd = -1};
    return 0;
}

int spawn_signal(int pidfd, int signal)
{
    return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}
