/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll() and its like, for programs that wait for connections with them.  A thread that waits on the
 * listening socket is told of a drain here.  The program sees nothing of our signal: a wait that it
 * ended goes on for the rest of its time, as sleeps do (sleep.c).
 *
 * No signal is needed in the end: a wait for connections is cut into slices, and between two of them
 * the thread looks at its drain flag and whether the master is there.  That costs an idle program a
 * few system calls every two seconds, and a request none.
 *
 * Until the program waits for connections somewhere, unknown descriptors are looked at (one fstat()
 * each); afterwards what is unknown is not the listening socket.
 */
#include "shim/shim.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "shim/next.h"

/* The C library declares the array as written alone, which poll() does not hold to. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define SECOND INT64_C(1000000000)
#define SLICE (2 * SECOND)
#define ENDLESS INT64_MAX /* also whatever is longer than a sum can hold */
#define LONGEST (INT64_MAX / SECOND / 4)

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

/* ---------------------------------------------------------------- one wait */

struct wait {
    bool listening; /* for connections */
    bool outer;     /* shim_mine.waits as it was: this may be a handler in the midst of another */
    bool cut;       /* what the kernel is asked for is not all that is left */
    uint32_t signals;
    int64_t slice, until, rest; /* nanoseconds, or ENDLESS */
};

static int64_t clock_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t from_ms(int timeout)
{
    return timeout < 0 ? ENDLESS : (int64_t)timeout * (SECOND / 1000);
}

/* Negative: the kernel is to refuse it. */
static int64_t from_spec(const struct timespec *t)
{
    if (t == NULL || t->tv_sec > LONGEST) {
        return ENDLESS;
    }
    return t->tv_sec < 0 || t->tv_nsec < 0 || t->tv_nsec >= SECOND
               ? -1
               : (int64_t)t->tv_sec * SECOND + t->tv_nsec;
}

static int64_t from_val(const struct timeval *t)
{
    if (t == NULL || t->tv_sec > LONGEST || t->tv_usec > LONGEST) {
        return ENDLESS;
    }
    return t->tv_sec < 0 || t->tv_usec < 0
               ? -1
               : (int64_t)t->tv_sec * SECOND + (int64_t)t->tv_usec * 1000;
}

static void wait_cut(struct wait *w)
{
    w->cut = w->listening && w->rest > w->slice;
    w->signals = shim_mine.signals;
}

static int64_t wait_time(const struct wait *w)
{
    return w->cut ? w->slice : w->rest;
}

static int wait_ms(const struct wait *w)
{
    int64_t time = wait_time(w);
    int64_t ms = time / (SECOND / 1000) + (time % (SECOND / 1000) != 0);

    return time == ENDLESS ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static const struct timespec *wait_spec(const struct wait *w, struct timespec *t)
{
    int64_t time = wait_time(w);

    *t = (struct timespec){.tv_sec = time / SECOND, .tv_nsec = time % SECOND};
    return time == ENDLESS ? NULL : t;
}

static struct timeval *wait_val(const struct wait *w, struct timeval *t)
{
    int64_t time = wait_time(w);

    *t = (struct timeval){.tv_sec = time / SECOND, .tv_usec = time % SECOND / 1000};
    return time == ENDLESS ? NULL : t;
}

/* The mask that a wait for connections puts in place of the thread's own. */
static const sigset_t *wait_mask(const struct wait *w, const sigset_t *mask, sigset_t *copy)
{
    if (mask == NULL || !w->listening) {
        return mask;
    }
    *copy = *mask;
    (void)sigdelset(copy, shim.drain_signal);
    return copy;
}

static int wait_end(const struct wait *w, int result)
{
    shim_mine.waits = w->outer;
    return result;
}

/*
 * False: the program is to see EINTR at once.
 *
 * A look that does not wait opens nobody to the drain signal, and does not say that the program is
 * ready: handlers of signals do that at any moment, and their return would close the thread again.
 */
static bool wait_begin(struct wait *w, bool here, int64_t time)
{
    *w = (struct wait){
        .listening = here && time > 0, .outer = shim_mine.waits, .slice = SLICE, .rest = time};
    w->until = time == ENDLESS || time == 0 ? time : clock_now() + time;
    if (w->listening) {
        /* First this, then the look at the drain: see on_drain(). */
        shim_mine.waits = true;
        atomic_store(&shim.polled, true);
        shim_mine.polls = true;
        drain_open();
        count_idle();
    }
    if (here && shim_mine.polls && shim_drain_wanted() && drain_poll()) {
        shim_mine.waits = w->outer;
        errno = EINTR;
        return false;
    }
    wait_cut(w);
    return true;
}

/* The kernel has come back with `*result`: go on waiting? */
static bool wait_on(struct wait *w, int *result)
{
    int keep = errno;
    bool ours = *result < 0 && keep == EINTR && shim_mine.signals != w->signals;
    bool over = *result == 0 && w->cut;
    int64_t left;

    if (likely(!ours && !over) || !shim_alive()) {
        return false;
    }
    if (over) {
        drain_look();
        drain_open_again();
    }
    if (w->listening && shim_drain_wanted() &&
        (drain_poll() || (ours && atomic_load(&shim.leaving)))) {
        /* What its handler of the stop signal has set going it is to see. */
        *result = -1;
        errno = EINTR;
        return false;
    }
    if (w->until != ENDLESS) {
        left = w->until - clock_now();
        w->rest = left > 0 ? left : 0;
    }
    wait_cut(w);
    errno = keep;
    return true;
}

/* `here`: whether the listening socket is among what is waited for. */
#define WAIT(here, time, plain, sliced)                                                            \
    do {                                                                                           \
        struct wait w;                                                                             \
        int result;                                                                                \
        if (!shim_alive() || (time) < 0) {                                                         \
            marks_forked(shim_forked() && (here));                                                 \
            return plain;                                                                          \
        }                                                                                          \
        if (!wait_begin(&w, here, time)) {                                                         \
            return -1;                                                                             \
        }                                                                                          \
        do {                                                                                       \
            result = (sliced);                                                                     \
        } while (unlikely(wait_on(&w, &result)));                                                  \
        return wait_end(&w, result);                                                               \
    } while (0)

/* ---------------------------------------------------------------- poll */

SHIM_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    WAIT(in_poll(fds, n), from_ms(timeout), next()->poll(fds, n, timeout),
         next()->poll(fds, n, wait_ms(&w)));
}

/* What poll() becomes in a program compiled with _FORTIFY_SOURCE. */
SHIM_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
    WAIT(n <= size / sizeof(*fds) && in_poll(fds, n), from_ms(timeout),
         next()->__poll_chk(fds, n, timeout, size), next()->__poll_chk(fds, n, wait_ms(&w), size));
}

SHIM_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                      const sigset_t *mask)
{
    struct timespec t;
    sigset_t copy;

    WAIT(in_poll(fds, n), from_spec(timeout), next()->ppoll(fds, n, timeout, mask),
         next()->ppoll(fds, n, wait_spec(&w, &t), wait_mask(&w, mask, &copy)));
}

/* ---------------------------------------------------------------- select */

/* A slice that is over has emptied the sets. */
struct sets {
    fd_set *at[3];
    fd_set as_it_was[3];
    size_t size;
};

static void sets_save(struct sets *s, struct wait *w, int n)
{
    s->size = n <= 0 ? 0 : ((size_t)(n - 1) / (size_t)WORD_BITS + 1) * sizeof(fd_mask);
    if (n > FD_SETSIZE) { /* some programs make larger ones */
        w->slice = ENDLESS;
        wait_cut(w);
    }
    for (size_t i = 0; i < 3 && w->cut; i++) {
        if (s->at[i] != NULL) {
            memcpy(&s->as_it_was[i], s->at[i], s->size);
        }
    }
}

static bool sets_wait_on(const struct sets *s, struct wait *w, int *result)
{
    for (size_t i = 0; i < 3 && w->cut && *result == 0; i++) {
        if (s->at[i] != NULL) {
            memcpy(s->at[i], &s->as_it_was[i], s->size);
        }
    }
    return wait_on(w, result);
}

SHIM_EXPORT int select(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict err,
                       struct timeval *restrict timeout)
{
    struct sets s = {.at = {in, out, err}};
    int64_t time = from_val(timeout), left;
    struct timeval t;
    struct wait w;
    int result;

    if (!shim_alive() || time < 0) {
        marks_forked(shim_forked() && in_select(in, n));
        return next()->select(n, in, out, err, timeout);
    }
    if (!wait_begin(&w, in_select(in, n), time)) {
        return -1;
    }
    sets_save(&s, &w, n);
    do {
        result = next()->select(n, in, out, err, wait_val(&w, &t));
    } while (unlikely(sets_wait_on(&s, &w, &result)));
    if (timeout != NULL && time != ENDLESS) { /* as the kernel does */
        left = time == 0 ? 0 : w.until - clock_now();
        left = left < 0 || result == 0 ? 0 : left;
        *timeout = (struct timeval){.tv_sec = left / SECOND, .tv_usec = left % SECOND / 1000};
    }
    return wait_end(&w, result);
}

SHIM_EXPORT int pselect(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict err,
                        const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    struct sets s = {.at = {in, out, err}};
    int64_t time = from_spec(timeout);
    struct timespec t;
    struct wait w;
    sigset_t copy;
    int result;

    if (!shim_alive() || time < 0) {
        marks_forked(shim_forked() && in_select(in, n));
        return next()->pselect(n, in, out, err, timeout, mask);
    }
    if (!wait_begin(&w, in_select(in, n), time)) {
        return -1;
    }
    sets_save(&s, &w, n);
    do {
        result = next()->pselect(n, in, out, err, wait_spec(&w, &t), wait_mask(&w, mask, &copy));
    } while (unlikely(sets_wait_on(&s, &w, &result)));
    return wait_end(&w, result);
}

/* ---------------------------------------------------------------- epoll */

SHIM_EXPORT int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
    int result = next()->epoll_ctl(epfd, operation, fd, event);

    if (result == 0 && operation == EPOLL_CTL_ADD && shim_alive() && is_listener(fd)) {
        (void)marks_set(epfd, MARK_LOOP);
        atomic_store(&shim.polled, true);
    }
    return result;
}

SHIM_EXPORT int epoll_wait(int epfd, struct epoll_event *events, int most, int timeout)
{
    WAIT(in_epoll(epfd), from_ms(timeout), next()->epoll_wait(epfd, events, most, timeout),
         next()->epoll_wait(epfd, events, most, wait_ms(&w)));
}

SHIM_EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int most, int timeout,
                            const sigset_t *mask)
{
    sigset_t copy;

    WAIT(in_epoll(epfd), from_ms(timeout), next()->epoll_pwait(epfd, events, most, timeout, mask),
         next()->epoll_pwait(epfd, events, most, wait_ms(&w), wait_mask(&w, mask, &copy)));
}

SHIM_EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int most,
                             const struct timespec *timeout, const sigset_t *mask)
{
    struct timespec t;
    sigset_t copy;

    WAIT(in_epoll(epfd), from_spec(timeout),
         next()->epoll_pwait2(epfd, events, most, timeout, mask),
         next()->epoll_pwait2(epfd, events, most, wait_spec(&w, &t), wait_mask(&w, mask, &copy)));
}
