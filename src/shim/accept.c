/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept() and accept4() on the pool's listening socket.  The path of a request adds no system call
 * to the program's, but for the look whether the client is still there: one poll(), and only when the
 * thread's last connection was accepted in an earlier tick of the kernel's clock (1 to 10 ms).  A
 * program that answers faster has no queue worth the price; for a slower one it does not show.
 */
#include "shim/shim.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/next.h"

/* Has the client hung up?  It then waits for no answer.  A client that only said that it will send
 * no more (POLLRDHUP) does. */
static bool client_gone(int fd)
{
    const struct timespec at_once = {0};
    struct pollfd look = {.fd = fd};
    int keep = errno;
    bool gone = syscall(SYS_ppoll, &look, 1, &at_once, NULL, (size_t)0) == 1 &&
                (look.revents & (POLLHUP | POLLERR)) != 0;

    errno = keep;
    return gone;
}

/* Counted before a look at the drain, and until the connection is (drain.c). */
static inline void accept_enter(void)
{
    shim_mine.inside = true;
    atomic_fetch_add(&shim.waiting, 1);
}

static inline void accept_leave(void)
{
    atomic_fetch_sub(&shim.waiting, 1);
    shim_mine.inside = false;
    shim_mine.waits = false; /* a jump out of a handler has left it set */
}

/* A connection has come: enter it, look at the drain, hand it on.  False: its client is gone. */
static bool accept_take(int fd, bool late)
{
    count_begin(fd);
    accept_leave();
    if (shim_drain_wanted()) {
        drain_close();
    }
    if (unlikely(late) && client_gone(fd)) {
        count_gone();
        return false;
    }
    count_served();
    return true;
}

static int accept_counted(int fd, __SOCKADDR_ARG address, socklen_t *length, int flags, bool four)
{
    socklen_t room = length != NULL ? *length : 0;
    bool late = false;

    if (shim.hangups) {
        late = shim_tick() != shim_mine.accepted;
    }
    for (;;) {
        int got;

        drain_open();
        if (hold_wanted()) {
            if (hold_accept(fd)) {
                errno = EINTR;
                return -1;
            }
            late = shim.hangups;
        }
        count_idle();
        accept_enter();
        if (shim_drain_wanted()) {
            enum drain_turn turn;

            accept_leave();
            turn = drain_accept(fd);
            if (turn != DRAIN_GO) {
                errno = turn == DRAIN_AGAIN ? EAGAIN : EINTR;
                return -1;
            }
            drain_open_again();
            accept_enter();
        }
        got = four ? next()->accept4(fd, address, length, flags)
                   : next()->accept(fd, address, length);
        if (got < 0) {
            accept_leave();
            if (errno == EINTR && shim_drain_wanted()) {
                continue;
            }
            return -1;
        }
        if (likely(accept_take(got, late))) {
            if (shim.hangups) {
                shim_mine.accepted = shim_tick();
            }
            return got;
        }
        (void)close(got);
        if (length != NULL) {
            *length = room;
        }
    }
}

SHIM_EXPORT int accept(int fd, __SOCKADDR_ARG address, socklen_t *restrict length)
{
    marks_forked(shim_forked() && marks_look(fd) == MARK_LISTENER);
    if (!shim_alive() || marks_look(fd) != MARK_LISTENER) {
        return next()->accept(fd, address, length);
    }
    return accept_counted(fd, address, length, 0, false);
}

SHIM_EXPORT int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict length, int flags)
{
    marks_forked(shim_forked() && marks_look(fd) == MARK_LISTENER);
    if (!shim_alive() || marks_look(fd) != MARK_LISTENER) {
        return next()->accept4(fd, address, length, flags);
    }
    return accept_counted(fd, address, length, flags, true);
}
