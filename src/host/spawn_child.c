/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The steps between clone and exec.
 *
 * One routine serves both launchers, and one of them (CLONE_VM) shares its memory with the starter.
 * Therefore, throughout this file:
 *   - only raw system calls: no malloc, no stdio, no locks, and none of glibc's set*id(), which
 *     signal every thread of a process that this child is not;
 *   - nothing is written but this routine's own stack, errno (the starter restores it) and the
 *     struct spawn_child made for this very child;
 *   - no sanitizer instrumentation: the frames are left by exec, never by return, so their shadow
 *     would stay poisoned for the next child that uses the same stack.
 *
 * Signals stay blocked until the last moment before exec: a child that shares its starter's memory
 * must not be stopped (SIGTSTP from a terminal) while the starter waits for it.
 *
 * RLIMIT_NOFILE is the one limit set after the descriptors are in place: below it no descriptor
 * could be moved out of the way.  The bounding set is the one part of the capabilities dropped
 * before the user changes: afterwards the right to do it is gone.
 */

#include "host/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL_LAST (_NSIG - 1)
#define SIGNAL_SET_SIZE ((size_t)SIGNAL_LAST / 8)
#define EXIT_NOT_STARTED 127

/* Steps return 0 or a positive errno value. */

BARE static __attribute__((noreturn)) void fail(const struct spawn_child *c, enum spawn_step step,
                                                int number)
{
    if (c->report_fd >= 0) {
        struct spawn_report report = {.step = (int32_t)step, .number = number};
        /* An empty pipe takes 8 bytes at once; a reader that is gone needs no report. */
        (void)syscall(SYS_write, c->report_fd, &report, sizeof report);
    } else {
        c->report->step = (int32_t)step;
        c->report->number = number;
    }
    for (;;)
        (void)syscall(SYS_exit_group, EXIT_NOT_STARTED);
}

BARE static int set_signals(void)
{
    /* All zero bits mean SIG_DFL, no flags, empty mask in every architecture's kernel layout.
     * Raw, because glibc refuses to touch the two signals it keeps for itself.  CLONE_CLEAR_SIGHAND
     * is no substitute: it leaves alone what is ignored, which exec would hand on. */
    const uint64_t by_default[8] = {0};
    for (int number = 1; number <= SIGNAL_LAST; number++) {
        if (number == SIGKILL || number == SIGSTOP)
            continue;
        if (syscall(SYS_rt_sigaction, number, by_default, NULL, SIGNAL_SET_SIZE) < 0)
            return errno;
    }
    return 0;
}

BARE static int unblock_signals(void)
{
    const uint64_t none[2] = {0};
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, SIGNAL_SET_SIZE) < 0 ? errno : 0;
}

/* Decimal text of `value` at the end of `out`; the first character. */
BARE static const char *format_number(char out[16], int value, size_t *ret_length)
{
    char *p = out + 16;
    unsigned magnitude = value < 0 ? 0u - (unsigned)value : (unsigned)value;
    do {
        *--p = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0)
        *--p = '-';
    *ret_length = (size_t)(out + 16 - p);
    return p;
}

/* Is the score already what is wanted?  (An ordinary user may not even write a lower one.) */
BARE static int oom_score_is(const char *wanted, size_t length)
{
    char now[16];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = syscall(SYS_read, fd, now, sizeof now);
    (void)syscall(SYS_close, fd);
    if (got < (ssize_t)length || (got > (ssize_t)length && now[length] != '\n'))
        return 0;
    for (size_t i = 0; i < length; i++)
        if (now[i] != wanted[i])
            return 0;
    return 1;
}

BARE static int set_oom_score(int value)
{
    char buffer[16];
    size_t length = 0;
    const char *text = format_number(buffer, value, &length);
    int number = 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        number = errno;
    } else {
        if (syscall(SYS_write, fd, text, length) < 0)
            number = errno;
        (void)syscall(SYS_close, fd);
    }
    return number != 0 && oom_score_is(text, length) ? 0 : number;
}

BARE static int set_limits(const struct spawn_plan *plan, int files)
{
    for (size_t i = 0; i < plan->limit_count; i++) {
        const struct spawn_limit *limit = &plan->limits[i];
        if ((limit->resource == RLIMIT_NOFILE) != (files != 0))
            continue;
        const uint64_t value[2] = {limit->value.rlim_cur, limit->value.rlim_max};
        if (syscall(SYS_prlimit64, 0, limit->resource, value, NULL) < 0)
            return errno;
    }
    return 0;
}

BARE static int move_away(int *fd, int lowest)
{
    int copy = (int)syscall(SYS_fcntl, *fd, F_DUPFD_CLOEXEC, lowest);
    if (copy < 0)
        return errno;
    *fd = copy;
    return 0;
}

/*
 * Everything is marked close-on-exec first; then each listed descriptor goes to its number without
 * the mark.  What a number holds that is still needed moves above all of them before it is
 * overwritten, so that permutations work.
 */
BARE static int set_descriptors(struct spawn_child *c)
{
    const struct spawn_fd *fds = c->plan->fds;
    size_t count = c->plan->fd_count;
    int from[SPAWN_FDS_MAX];
    int lowest = 3;
    int number = 0;

    if (syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        return errno;
    for (size_t i = 0; i < count; i++) {
        from[i] = fds[i].from;
        if (fds[i].to >= lowest)
            lowest = fds[i].to + 1;
    }
    for (size_t i = 0; i < count && number == 0; i++) {
        if (c->report_fd == fds[i].to)
            number = move_away(&c->report_fd, lowest);
        if (number == 0 && c->exec_fd == fds[i].to)
            number = move_away(&c->exec_fd, lowest);
    }
    for (size_t i = 0; i < count && number == 0; i++) {
        int to = fds[i].to;
        if (from[i] == to) {
            if (syscall(SYS_fcntl, to, F_SETFD, 0) < 0)
                number = errno;
            continue;
        }
        int moved = to;
        for (size_t j = i + 1; j < count && number == 0; j++) {
            if (from[j] != to)
                continue;
            if (moved == to)
                number = move_away(&moved, lowest);
            from[j] = moved;
        }
        if (number == 0 && syscall(SYS_dup3, from[i], to, 0) < 0)
            number = errno;
    }
    return number;
}

BARE static int change_root(const struct spawn_plan *plan)
{
    if (plan->chroot_later)
        return syscall(SYS_chdir, plan->chroot) < 0 ? errno : 0;
    if (syscall(SYS_chroot, plan->chroot) < 0 || syscall(SYS_chdir, "/") < 0)
        return errno;
    return 0;
}

BARE static int holds_group(const struct identity *id, gid_t group)
{
    for (size_t i = 0; i < id->group_count; i++)
        if (id->groups[i] == group)
            return 1;
    return 0;
}

BARE static int set_groups(const struct spawn_child *c, const struct identity *id)
{
    if (syscall(SYS_setgroups, id->group_count, id->groups) < 0)
        return errno;
    /* Read back: the kernel sorts them, so they are compared as a set. */
    long count = syscall(SYS_getgroups, 0, NULL);
    if (count < 0)
        return errno;
    if ((size_t)count != id->group_count || (size_t)count > c->group_room)
        return EPERM;
    if (count > 0 && syscall(SYS_getgroups, count, c->groups) != count)
        return EPERM;
    for (long i = 0; i < count; i++)
        if (!holds_group(id, c->groups[i]))
            return EPERM;
    return 0;
}

BARE static int has_gid(gid_t gid)
{
    gid_t real, effective, saved;
    return syscall(SYS_getresgid, &real, &effective, &saved) == 0 && real == gid &&
           effective == gid && saved == gid;
}

BARE static int has_uid(uid_t uid)
{
    uid_t real, effective, saved;
    return syscall(SYS_getresuid, &real, &effective, &saved) == 0 && real == uid &&
           effective == uid && saved == uid;
}

BARE static int set_gid(gid_t gid)
{
    if (syscall(SYS_setresgid, gid, gid, gid) < 0)
        return errno;
    return has_gid(gid) ? 0 : EPERM;
}

BARE static int set_uid(uid_t uid)
{
    if (syscall(SYS_setresuid, uid, uid, uid) < 0)
        return errno;
    return has_uid(uid) ? 0 : EPERM;
}

/* After the capabilities are gone nothing may lead back to root. */
BARE static void become(struct spawn_child *c, const struct identity *id)
{
    int number;
    int already = syscall(SYS_geteuid) != 0 && has_uid(id->uid) && has_gid(id->gid);

    if (!already) {
        if ((number = set_groups(c, id)) != 0)
            fail(c, SPAWN_STEP_GROUPS, number);
        if ((number = set_gid(id->gid)) != 0)
            fail(c, SPAWN_STEP_GID, number);
        if ((number = set_uid(id->uid)) != 0)
            fail(c, SPAWN_STEP_UID, number);
        if (!has_gid(id->gid))
            fail(c, SPAWN_STEP_GID, EPERM);
    }
    if (id->uid != 0) {
        if ((number = spawn_caps_drop(c->plan)) != 0)
            fail(c, SPAWN_STEP_CAPABILITIES, number);
        if (syscall(SYS_setuid, 0) == 0 || !has_uid(id->uid))
            fail(c, SPAWN_STEP_UID, EPERM);
        if (id->gid != 0 && (syscall(SYS_setgid, 0) == 0 || !has_gid(id->gid)))
            fail(c, SPAWN_STEP_GID, EPERM);
    }
}

BARE static int set_death_signal(const struct spawn_child *c)
{
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, c->plan->death_signal, 0, 0, 0) < 0)
        return errno;
    /* A parent that died before this line would never be noticed. */
    return syscall(SYS_getppid) == c->parent ? 0 : ESRCH;
}

BARE static void set_surroundings(struct spawn_child *c)
{
    const struct spawn_plan *plan = c->plan;
    int number;

    if ((number = set_signals()) != 0)
        fail(c, SPAWN_STEP_SIGNALS, number);
    if (plan->new_session && syscall(SYS_setsid) < 0)
        fail(c, SPAWN_STEP_SESSION, errno);
    if (plan->oom_score_adjust != INT_MIN && (number = set_oom_score(plan->oom_score_adjust)) != 0)
        fail(c, SPAWN_STEP_OOM, number);
    if (plan->set_priority && syscall(SYS_setpriority, PRIO_PROCESS, 0, plan->priority) < 0)
        fail(c, SPAWN_STEP_PRIORITY, errno);
    if (plan->umask >= 0)
        (void)syscall(SYS_umask, plan->umask);
    if ((number = set_limits(plan, 0)) != 0)
        fail(c, SPAWN_STEP_LIMITS, number);
    if ((number = set_descriptors(c)) != 0)
        fail(c, SPAWN_STEP_DESCRIPTORS, number);
    if ((number = set_limits(plan, 1)) != 0)
        fail(c, SPAWN_STEP_LIMITS, number);
    if (plan->chroot != NULL && (number = change_root(plan)) != 0)
        fail(c, SPAWN_STEP_CHROOT, number);
}

BARE int spawn_child_run(void *context)
{
    struct spawn_child *c = context;
    const struct spawn_plan *plan = c->plan;
    int number;

    set_surroundings(c);

    int shed = plan->drop_capabilities || (plan->identity != NULL && plan->identity->uid != 0);
    if (shed && ((number = spawn_caps_keep(plan)) != 0 || (number = spawn_caps_bound()) != 0))
        fail(c, SPAWN_STEP_CAPABILITIES, number);
    if (plan->identity != NULL)
        become(c, plan->identity);
    if (plan->drop_capabilities && (number = spawn_caps_drop(c->plan)) != 0)
        fail(c, SPAWN_STEP_CAPABILITIES, number);
    if (plan->no_new_privs && syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail(c, SPAWN_STEP_NO_NEW_PRIVS, errno);
    if ((plan->undumpable || plan->identity != NULL) &&
        syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        fail(c, SPAWN_STEP_UID, errno);
    if (plan->traceable) /* fails where there is no Yama, and nothing forbids it then */
        (void)syscall(SYS_prctl, PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    if (plan->death_signal != 0 && (number = set_death_signal(c)) != 0)
        fail(c, SPAWN_STEP_DEATH_SIGNAL, number);
    if (plan->chdir != NULL && syscall(SYS_chdir, plan->chdir) < 0 && !plan->chdir_optional)
        fail(c, SPAWN_STEP_CHDIR, errno);
    if ((number = unblock_signals()) != 0)
        fail(c, SPAWN_STEP_SIGNALS, number);

    if (c->exec_fd >= 0)
        (void)syscall(SYS_execveat, c->exec_fd, "", plan->argv, plan->envp, AT_EMPTY_PATH);
    else
        (void)syscall(SYS_execve, plan->path, plan->argv, plan->envp);
    fail(c, SPAWN_STEP_EXEC, errno);
}
