/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SPAWN_H
#define GANGER_HOST_SPAWN_H

/*
 * Starting a program: an ordered list of steps is carried out in the child, then exec.  A failure
 * names its step.  Order: signals default, session, oom score, priority, umask, limits,
 * descriptors, RLIMIT_NOFILE, root, bounding set, groups, gid, uid (each read back), capabilities
 * dropped from permitted/effective/inheritable/ambient, root found not regainable, no_new_privs,
 * dumpable, parent-death signal (+ parent check), working directory, signal mask empty, exec.
 *
 * Two ways to start it:
 *   spawn_fork()  for the master: fork; the master does not wait.  The result of the exec arrives
 *                 on a close-on-exec pipe (report_fd): EOF = running, a struct spawn_report = failed.
 *   spawn_vfork() for a CGI worker, once per request: CLONE_VM|CLONE_VFORK; returns after the exec,
 *                 with its result.  No identity change is possible that way.
 *
 * Both give a pidfd (close-on-exec).  The child starts with exactly the descriptors of the plan.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include "base/error.h"
#include "host/identity.h"

enum spawn_step {
    SPAWN_STEP_FORK,
    SPAWN_STEP_SIGNALS,
    SPAWN_STEP_SESSION,
    SPAWN_STEP_OOM,
    SPAWN_STEP_PRIORITY,
    SPAWN_STEP_LIMITS,
    SPAWN_STEP_DESCRIPTORS,
    SPAWN_STEP_CHROOT,
    SPAWN_STEP_GROUPS,
    SPAWN_STEP_GID,
    SPAWN_STEP_UID,
    SPAWN_STEP_CAPABILITIES,
    SPAWN_STEP_NO_NEW_PRIVS,
    SPAWN_STEP_DEATH_SIGNAL,
    SPAWN_STEP_CHDIR,
    SPAWN_STEP_EXEC,
};
const char *spawn_step_name(enum spawn_step step); /* "set the user", "change the folder", … */

struct spawn_fd {
    int from; /* descriptor in the parent */
    int to;   /* number in the child */
};
struct spawn_limit {
    int resource; /* RLIMIT_* */
    struct rlimit value;
};

#define SPAWN_FDS_MAX 256 /* descriptors of one plan */

struct spawn_plan {
    const char *path; /* executable, absolute (after chroot: seen from inside) */
    int exec_fd;      /* execveat this descriptor instead of path; -1: none (SPAWN_PLAN_INIT) */
    char *const *argv;
    char *const *envp;
    const struct spawn_fd *fds; /* everything else is closed in the child */
    size_t fd_count;
    const struct spawn_limit *limits;
    size_t limit_count;
    const struct identity *identity; /* NULL: keep; other than uid 0: all capabilities go as well */
    const char *chroot;              /* NULL: none */
    /* The program itself enters it, by capability_enter_root(): until then it is only the working
     * folder, and CAP_SYS_CHROOT the program's only capability (ambient).  For a dynamically linked
     * program, whose loader and libraries are outside.  Not with chdir or spawn_vfork. */
    bool chroot_later;
    const char *chdir;   /* NULL: keep ("/" after chroot) */
    bool chdir_optional; /* a failing chdir is no failure */
    bool new_session;    /* setsid: own session and process group */
    bool no_new_privs;
    /* PR_SET_DUMPABLE 0, spawn_fork only, and only until the exec, where the kernel resets it: a
     * program that wants to stay so calls process_undumpable() itself.  Implied by identity. */
    bool undumpable;
    bool drop_capabilities; /* all of them, bounding set too when possible */
    bool traceable;         /* also under Yama any process of its user may trace it */
    int death_signal;       /* PR_SET_PDEATHSIG, 0: none */
    bool set_priority;
    int priority; /* nice value */
    int umask;    /* -1: keep */
    /* INT_MIN: keep.  Not from an undumpable, unprivileged starter: its /proc/self is root's. */
    int oom_score_adjust;
};
#define SPAWN_PLAN_INIT                                                                            \
    (struct spawn_plan)                                                                            \
    {                                                                                              \
        .exec_fd = -1, .umask = -1, .oom_score_adjust = (-2147483647 - 1)                          \
    }

struct spawn_report { /* travels over the report pipe */
    int32_t step;
    int32_t number; /* errno */
};

struct spawned {
    pid_t pid;
    int pidfd;
    int report_fd; /* spawn_fork only; the caller watches, reads and closes it */
};

/*
 * 0 with *ret, or negative: the plan is wrong (-EINVAL, -EBADF) or no process could be made
 * (SPAWN_STEP_FORK; nothing is left behind).  A starter that is not root and already has the ids of
 * plan->identity keeps its groups.
 */
int spawn_fork(const struct spawn_plan *plan, struct spawned *ret, struct error *err);
/*
 * Read the report pipe when it is readable: 0 = exec done (or the child was killed before it: the
 * pidfd tells); SPAWN_FAILED = err names step and reason and *report holds it, the child exits with
 * 127 and is the caller's to reap; SPAWN_PENDING = nothing yet.  Never blocks.
 */
enum { SPAWN_FAILED = 1, SPAWN_PENDING = 2 };
int spawn_result(int report_fd, struct spawn_report *report, struct error *err);
/*
 * 0 with *ret (report_fd -1) and the program running; SPAWN_FAILED with *report (the child is
 * already reaped); negative when the plan is wrong or not even the clone worked.  errno is kept.
 * The caller is single-threaded.  (valgrind 3.19 knows neither pidfds nor close_range: nothing
 * here runs under it.)
 */
int spawn_vfork(const struct spawn_plan *plan, struct spawned *ret, struct spawn_report *report,
                struct error *err);
/* Signal through the pidfd.  0 or negative; -ESRCH when it is gone. */
int spawn_signal(int pidfd, int signal);

#endif
