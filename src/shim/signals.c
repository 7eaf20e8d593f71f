/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signal number is ours: the program may neither block nor open it, nor take it, nor have a
 * handler for it; all that it asks for other signals is done.
 */
#include "shim/shim.h"

#include <errno.h>

#include "shim/next.h"

/* `set` without our signal, or with it when this thread has it blocked (for SIG_SETMASK). */
static const sigset_t *without(const sigset_t *set, bool blocked, sigset_t *copy)
{
    *copy = *set;
    if (blocked) {
        (void)sigaddset(copy, shim.drain_signal);
    } else {
        (void)sigdelset(copy, shim.drain_signal);
    }
    return copy;
}

SHIM_EXPORT int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    sigset_t copy;

    if (set != NULL && shim_alive()) {
        set = without(set, how == SIG_SETMASK && !shim_mine.open, &copy);
    }
    return next()->sigprocmask(how, set, old);
}

SHIM_EXPORT int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    sigset_t copy;

    if (set != NULL && shim_alive()) {
        set = without(set, how == SIG_SETMASK && !shim_mine.open, &copy);
    }
    return next()->pthread_sigmask(how, set, old);
}

SHIM_EXPORT int sigaction(int number, const struct sigaction *restrict action,
                          struct sigaction *restrict old)
{
    if (shim_alive() && number == shim.drain_signal) {
        if (old != NULL) {
            *old = (struct sigaction){.sa_handler = SIG_DFL};
        }
        return 0;
    }
    return next()->sigaction(number, action, old);
}

SHIM_EXPORT sighandler_t signal(int number, sighandler_t handler)
{
    return shim_alive() && number == shim.drain_signal ? SIG_DFL : next()->signal(number, handler);
}

SHIM_EXPORT int sigwait(const sigset_t *restrict set, int *restrict number)
{
    sigset_t copy;

    return next()->sigwait(shim_alive() ? without(set, false, &copy) : set, number);
}

SHIM_EXPORT int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    sigset_t copy;

    return next()->sigwaitinfo(shim_alive() ? without(set, false, &copy) : set, info);
}

SHIM_EXPORT int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                             const struct timespec *restrict timeout)
{
    sigset_t copy;

    return next()->sigtimedwait(shim_alive() ? without(set, false, &copy) : set, info, timeout);
}
