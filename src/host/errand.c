/* SPDX-License-Identifier: Apache-2.0 */
#include "host/errand.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/process.h"

static void close_others(const struct errand *e)
{
    int keep[ERRAND_KEEP_MAX];
    size_t count = 0;
    unsigned from = 3;

    /* Sorted by insertion: they are few. */
    for (size_t i = 0; i < e->keep_count && count < ERRAND_KEEP_MAX; i++) {
        size_t at = count;
        if (e->keep[i] < 3)
            continue;
        for (; at > 0 && keep[at - 1] > e->keep[i]; at--)
            keep[at] = keep[at - 1];
        keep[at] = e->keep[i];
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)keep[i] > from)
            (void)close_range(from, (unsigned)keep[i] - 1, 0);
        from = (unsigned)keep[i] + 1;
    }
    (void)close_range(from, ~0u, 0);
}

int errand_settle_in(pid_t parent)
{
    sigset_t blocked;

    for (int number = 1; number < _NSIG; number++) {
        struct sigaction action;
        /* A sanitizer's handlers stay; there is nobody else's that would make sense here. */
        if (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
            sigaction(number, NULL, &action) < 0)
            continue;
        action = (struct sigaction){.sa_handler = SIG_DFL};
        (void)sigaction(number, &action, NULL);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_SETMASK, &blocked, NULL);
    process_become_subreaper();
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
        return -errno;
    /* A parent that died before this line would never be noticed. */
    return getppid() == parent ? 0 : -ESRCH;
}

static _Noreturn void run(const struct errand *e, pid_t parent)
{
    close_others(e);
    (void)setsid();
    int status = errand_settle_in(parent) < 0 ? EXIT_FAILURE : e->run(e->cookie);
    _exit(status);
}

int errand_start(const struct errand *e, struct spawned *ret, struct error *err)
{
    pid_t parent = getpid();
    sigset_t all, before;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int number = errno;
    if (pid == 0)
        run(e, parent);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return error_errno(err, number, "cannot start a process");
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        /* Not yet reaped, so the number is still ours to signal. */
        number = errno;
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return error_errno(err, number, "cannot open a descriptor of the new process");
    }
    *ret = (struct spawned){.pid = pid, .pidfd = pidfd, .report_fd = -1};
    return 0;
}
