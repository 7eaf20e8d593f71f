/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll() and its like, for programs that wait for connections with them.  A thread that waits on the
 * listening socket is told of a drain here; every other wait goes straight through, after one look at
 * the thread's own flag.
 *
 * Until the program waits for connections somewhere, unknown descriptors are looked at (one fstat()
 * each); afterwards what is unknown is not the listening socket.
 */
#include "shim/shim.h"

#include <errno.h>

#include "shim/next.h"

/* The C library declares the array as written alone, which poll() does not hold to. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define WORD_BITS (8 * (int)sizeof(fd_mask))

static bool is_listener(int fd)
{
    if (atomic_load_explicit(&shim.slot->shim, memory_order_relaxed) != BOARD_SHIM_ACCEPTING) {
        return marks_look(fd) == MARK_LISTENER;
    }
    return marks_get(fd) == MARK_LISTENER;
}

static bool in_poll(const struct pollfd *fds, nfds_t n)
{
    for (nfds_t i = 0; i < n && fds != NULL; i++) {
        if (fds[i].fd >= 0 && (fds[i].events & (POLLIN | POLLRDNORM)) != 0 &&
            is_listener(fds[i].fd)) {
            return true;
        }
    }
    return false;
}

static bool in_select(const fd_set *set, int n)
{
    for (int word = 0; set != NULL && word < n && word < FD_SETSIZE; word += WORD_BITS) {
        if (set->fds_bits[word / WORD_BITS] == 0) {
            continue;
        }
        for (int fd = word; fd < word + WORD_BITS && fd < n; fd++) {
            if (FD_ISSET(fd, set) && is_listener(fd)) {
                return true;
            }
        }
    }
    return false;
}

static bool in_epoll(int epfd)
{
    return marks_get(epfd) == MARK_LOOP;
}

/* Nothing to do before the wait: not ours, or known to wait and no drain. */
static inline bool passes(void)
{
    return !shim_alive() || (shim_mine.open && !shim_drain_wanted());
}

/* This thread waits for connections.  True: it is to see EINTR instead. */
static bool enter(void)
{
    atomic_store(&shim.polled, true);
    shim_mine.polls = true;
    drain_open();
    count_idle();
    if (shim_drain_wanted() && drain_poll()) {
        errno = EINTR;
        return true;
    }
    return false;
}

/* After a wait that was interrupted: was it by the drain? */
static int leave(bool listening)
{
    if (listening) {
        (void)drain_poll();
    }
    errno = EINTR;
    return -1;
}

/* `here`: whether the listening socket is among what is waited for.  It is asked again afterwards
 * only when the wait was interrupted. */
#define WAIT(here, call)                                                                           \
    do {                                                                                           \
        int result;                                                                                \
        if (!passes() && (here) && enter()) {                                                      \
            return -1;                                                                             \
        }                                                                                          \
        result = (call);                                                                           \
        return unlikely(result < 0) && errno == EINTR && shim_alive() && shim_drain_wanted()       \
                   ? leave(here)                                                                   \
                   : result;                                                                       \
    } while (0)

SHIM_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    WAIT(in_poll(fds, n), next()->poll(fds, n, timeout));
}

/* What poll() becomes in a program compiled with _FORTIFY_SOURCE. */
SHIM_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
    WAIT(n <= size / sizeof(*fds) && in_poll(fds, n), next()->__poll_chk(fds, n, timeout, size));
}

SHIM_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                      const sigset_t *mask)
{
    WAIT(in_poll(fds, n), next()->ppoll(fds, n, timeout, mask));
}

SHIM_EXPORT int select(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict err,
                       struct timeval *restrict timeout)
{
    WAIT(in_select(in, n), next()->select(n, in, out, err, timeout));
}

SHIM_EXPORT int pselect(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict err,
                        const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    WAIT(in_select(in, n), next()->pselect(n, in, out, err, timeout, mask));
}

SHIM_EXPORT int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
    int result = next()->epoll_ctl(epfd, operation, fd, event);

    if (result == 0 && operation == EPOLL_CTL_ADD && shim_alive() && is_listener(fd)) {
        (void)marks_set(epfd, MARK_LOOP);
        /* Its own thread may have been let through by passes() before. */
        atomic_store(&shim.polled, true);
    }
    return result;
}

SHIM_EXPORT int epoll_wait(int epfd, struct epoll_event *events, int most, int timeout)
{
    WAIT(in_epoll(epfd), next()->epoll_wait(epfd, events, most, timeout));
}

SHIM_EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int most, int timeout,
                            const sigset_t *mask)
{
    WAIT(in_epoll(epfd), next()->epoll_pwait(epfd, events, most, timeout, mask));
}

SHIM_EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int most,
                             const struct timespec *timeout, const sigset_t *mask)
{
    WAIT(in_epoll(epfd), next()->epoll_pwait2(epfd, events, most, timeout, mask));
}
