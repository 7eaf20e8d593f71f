/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of one kind merge: one SIGCHLD may stand for any number of deaths, so each time all
 * zombies are collected (FAULTS C09).
 *
 * Not all of them are workers.  The master is a child subreaper, and perhaps pid 1: when a worker
 * is killed, its CGI programs come to us.  The kernel has killed each of them already (the worker
 * starts them with a parent-death signal), but not what they in turn had started, which lives on
 * in the program's process group.  So before such a zombie is reaped, what is left of the group
 * that it leads is killed.  This is the one place where a number is signalled instead of a pidfd,
 * and it is safe for the same reason: as long as the leader has not been reaped, its pid, and so
 * the number of its group, belongs to nobody else.  A worker, too, leads a group, in which a
 * program may be found that was about to get its own.
 *
 * Only groups whose leader ran as the user of some pool are treated so: what else a pid 1 inherits
 * is not ours to kill.
 */
#include "master/reap.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* `pid` is a zombie of ours: getpgid() still knows it, and nobody else can have the number. */
static void kill_group(pid_t pid)
{
    if (pid > 1 && getpgid(pid) == pid)
        (void)kill(-pid, SIGKILL);
}

static uint64_t microseconds(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

/* Reap it.  What it has used. */
static uint64_t bury(pid_t pid)
{
    struct rusage usage = {0};

    while (wait4(pid, NULL, WNOHANG, &usage) < 0 && errno == EINTR)
        ;
    return microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime);
}

bool reap_children(const struct reaper *r)
{
    for (int i = 0; i < REAP_TURN; i++) {
        siginfo_t info = {0};

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
            if (errno == EINTR)
                continue;
            return false; /* ECHILD */
        }
        if (info.si_pid == 0)
            return false;
        pid_t pid = info.si_pid;
        if (r->pool_user(r->cookie, info.si_uid))
            kill_group(pid);
        (void)r->dead(r->cookie, pid, info.si_code, info.si_status, bury(pid));
    }
    return true;
}
