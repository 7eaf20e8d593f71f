/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SHIM_NEXT_H
#define GANGER_SHIM_NEXT_H

/*
 * The functions that ours stand in front of: the C library's, or those of another preloaded library.
 * Found once, in our constructor; when an earlier constructor of the program calls one of ours, then.
 */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Declared by newer C libraries alone. */
int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents,
                 const struct timespec *timeout, const sigset_t *sigmask);
/* NOLINTNEXTLINE(bugprone-reserved-identifier): the C library's name */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);

#define NEXT_ALL(X)                                                                                \
    X(accept)                                                                                      \
    X(accept4)                                                                                     \
    X(close)                                                                                       \
    X(close_range)                                                                                 \
    X(closefrom)                                                                                   \
    X(syscall)                                                                                     \
    X(fclose)                                                                                      \
    X(dup)                                                                                         \
    X(dup2)                                                                                        \
    X(dup3)                                                                                        \
    X(poll)                                                                                        \
    X(__poll_chk)                                                                                  \
    X(ppoll)                                                                                       \
    X(select)                                                                                      \
    X(pselect)                                                                                     \
    X(epoll_ctl)                                                                                   \
    X(epoll_wait)                                                                                  \
    X(epoll_pwait)                                                                                 \
    X(epoll_pwait2)                                                                                \
    X(nanosleep)                                                                                   \
    X(clock_nanosleep)                                                                             \
    X(usleep)                                                                                      \
    X(sleep)                                                                                       \
    X(sigaction)                                                                                   \
    X(signal)                                                                                      \
    X(sigprocmask)                                                                                 \
    X(pthread_sigmask)                                                                             \
    X(sigwait)                                                                                     \
    X(sigwaitinfo)                                                                                 \
    X(sigtimedwait)                                                                                \
    X(pthread_create)                                                                              \
    X(execve)                                                                                      \
    X(execv)                                                                                       \
    X(execvp)                                                                                      \
    X(execvpe)                                                                                     \
    X(fexecve)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): declares a field of this name */
#define NEXT_FIELD(name) __typeof__(&(name)) name;
struct next {
    NEXT_ALL(NEXT_FIELD)
    pid_t (*vfork)(void);
    bool found;
};
#undef NEXT_FIELD

extern struct next next_table __attribute__((visibility("hidden")));
void next_find(void) __attribute__((visibility("hidden")));

static inline const struct next *next(void)
{
    if (__builtin_expect(!next_table.found, 0)) {
        next_find();
    }
    return &next_table;
}

#endif
