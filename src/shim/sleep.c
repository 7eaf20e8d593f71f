/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps go on when what interrupted them was the drain signal.  The kernel sends it when the master
 * dies, to a busy worker as well, and a handler of a signal ends a sleep whatever its flags; the
 * program would take the shorter pause for the longer one.
 *
 * A signal of the program's own that comes in the same moment is held to be ours: its handler has run,
 * and the sleep is as long as was asked for.
 */
#include "shim/shim.h"

#include <errno.h>
#include <time.h>

#include "shim/next.h"

/* Sleep for `*left`, and leave in it what was not slept.  0, or -1 with errno. */
static int sleep_on(struct timespec *left)
{
    for (;;) {
        uint32_t before = shim_mine.signals;
        struct timespec asked = *left;
        int result = next()->nanosleep(&asked, left);

        if (result == 0) {
            *left = (struct timespec){0};
        }
        if (result == 0 || errno != EINTR || shim_mine.signals == before) {
            return result;
        }
    }
}

SHIM_EXPORT int nanosleep(const struct timespec *asked, struct timespec *left)
{
    struct timespec rest;
    int result;

    if (!shim_alive() || asked == NULL) {
        return next()->nanosleep(asked, left);
    }
    rest = *asked;
    result = sleep_on(&rest);
    if (result < 0 && left != NULL && errno == EINTR) {
        *left = rest;
    }
    return result;
}

SHIM_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *asked,
                                struct timespec *left)
{
    struct timespec now;

    if (!shim_alive() || asked == NULL) {
        return next()->clock_nanosleep(clock, flags, asked, left);
    }
    now = *asked;
    for (;;) {
        uint32_t before = shim_mine.signals;
        struct timespec rest = now;
        int result = next()->clock_nanosleep(clock, flags, &now, &rest);

        if (result == EINTR && (flags & TIMER_ABSTIME) == 0 && left != NULL) {
            *left = rest;
        }
        if (result != EINTR || shim_mine.signals == before) {
            return result;
        }
        if ((flags & TIMER_ABSTIME) == 0) {
            now = rest;
        }
    }
}

SHIM_EXPORT int usleep(useconds_t microseconds)
{
    struct timespec left = {.tv_sec = microseconds / 1000000,
                            .tv_nsec = (long)(microseconds % 1000000) * 1000};

    return shim_alive() ? sleep_on(&left) : next()->usleep(microseconds);
}

SHIM_EXPORT unsigned sleep(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    int keep = errno;

    if (!shim_alive()) {
        return next()->sleep(seconds);
    }
    if (sleep_on(&left) == 0) {
        errno = keep;
        return 0;
    }
    return (unsigned)left.tv_sec + (left.tv_nsec >= 500000000);
}
