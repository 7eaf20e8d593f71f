/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer's signal ends an accept() that waits after all, because a sibling took the connection
 * between our look and our accept().  It comes again and again, so that one that comes too early
 * does no harm.
 */
#include "serve/brief.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#define PATIENCE_NSEC 1000000

static timer_t timer;

static void on_alarm(int number)
{
    (void)number;
}

int brief_prepare(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART: accept() is to end */
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};

    if (sigaction(SIGALRM, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
        return -errno;
    return 0;
}

int brief_accept(int listening, struct sockaddr *from, socklen_t *length, int flags)
{
    static const struct itimerspec on = {.it_interval.tv_nsec = PATIENCE_NSEC,
                                         .it_value.tv_nsec = PATIENCE_NSEC};
    static const struct itimerspec off;
    struct pollfd look = {.fd = listening, .events = POLLIN};

    if (poll(&look, 1, 0) <= 0 || timer_settime(timer, 0, &on, NULL) < 0) {
        errno = EAGAIN;
        return -1;
    }
    int fd = accept4(listening, from, length, flags);
    int keep = errno == EINTR ? EAGAIN : errno;
    (void)timer_settime(timer, 0, &off, NULL);
    errno = keep;
    return fd;
}
