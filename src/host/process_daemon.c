/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Becoming a daemon.  The command that the operator typed returns only when the daemon says that
 * it is ready, with its success or failure as exit status; until then the daemon keeps stderr, so
 * that what goes wrong at start is seen where it was typed.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/process.h"

#define READY_WAIT (600 * CLOCK_SEC) /* then the command gives up; the daemon goes on */

static int ready_fd = -1; /* write end of the pipe to the command; -1: no daemon, or ready */

/* The command: wait for the byte and leave. */
static __attribute__((noreturn)) void wait_for_ready(int fd)
{
    uint64_t end = clock_monotonic() + READY_WAIT;
    unsigned char status = 1;
    for (;;) {
        uint64_t now = clock_monotonic();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = now < end ? poll(&p, 1, (int)((end - now) / CLOCK_MSEC) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready > 0 && read(fd, &status, 1) != 1)
            status = 1;
        break;
    }
    _exit(status);
}

static int null_to(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -errno;
    int r = null != fd && dup3(null, fd, 0) < 0 ? -errno : 0;
    if (null != fd)
        descriptor_close(&null);
    return r;
}

/* In the session leader: fork once more, so that no terminal can ever become ours. */
static int leave_session(void)
{
    if (setsid() < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0)
        _exit(0);
    return 0;
}

int process_daemonise(struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot become a daemon");
    pid_t pid = fork();
    if (pid < 0) {
        int number = errno;
        descriptor_close(&ends[0]);
        descriptor_close(&ends[1]);
        return error_errno(err, number, "cannot become a daemon");
    }
    if (pid > 0) {
        descriptor_close(&ends[1]);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        wait_for_ready(ends[0]);
    }
    descriptor_close(&ends[0]);
    ready_fd = ends[1];
    int r = leave_session();
    if (r == 0 && chdir("/") < 0)
        r = -errno;
    for (int fd = 0; fd < 2 && r == 0; fd++)
        r = null_to(fd);
    if (r < 0)
        return error_errno(err, -r, "cannot become a daemon");
    return 0;
}

void process_daemon_ready(void)
{
    const unsigned char success = 0;
    if (ready_fd < 0)
        return;
    (void)null_to(STDERR_FILENO);
    (void)descriptor_write_all(ready_fd, &success, 1);
    descriptor_close(&ready_fd);
}
