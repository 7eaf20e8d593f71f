/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors.  A number is forgotten in the moment it is closed, so none is closed twice. */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void descriptor_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        (void)close(*fd); /* on Linux the number is free even after EINTR: never again */
        *fd = -1;
    }
    errno = saved;
}

void descriptor_cleanup(int *fd)
{
    descriptor_close(fd);
}

int descriptor_open_standard(void)
{
    for (int want = 0; want <= 2; want++) {
        int fd;

        if (fcntl(want, F_GETFD) >= 0) {
            continue;
        }
        /* Not close-on-exec: 0 to 2 are inherited by definition. */
        fd = open("/dev/null", O_RDWR | O_NOCTTY); /* NOLINT(android-cloexec-open) */
        if (fd < 0) {
            return -errno;
        }
        if (fd != want) { /* not the lowest free number after all: another thread */
            int r = dup2(fd, want) < 0 ? -errno : 0;

            (void)close(fd);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int descriptor_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    int wanted;

    if (flags < 0) {
        return -errno;
    }
    wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0) {
        return -errno;
    }
    return 0;
}

int descriptor_cloexec(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFD);
    int wanted;

    if (flags < 0) {
        return -errno;
    }
    wanted = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
    if (wanted != flags && fcntl(fd, F_SETFD, wanted) < 0) {
        return -errno;
    }
    return 0;
}

int descriptor_copy(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

int descriptor_write_all(int fd, const void *data, size_t length)
{
    const char *from = data;

    while (length > 0) {
        ssize_t n = write(fd, from, length);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (n == 0) {
            return -EIO; /* no progress and no reason: do not turn for ever */
        }
        from += n;
        length -= (size_t)n;
    }
    return 0;
}

ssize_t descriptor_write_now(int fd, const void *data, size_t length)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct pollfd state = {.fd = fd, .events = POLLOUT, .revents = 0};
    ssize_t n;

    do {
        n = pwritev2(fd, &piece, 1, -1, (int)RWF_NOWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) {
        return n < 0 ? -errno : n;
    }
    /* Without room for a whole PIPE_BUF a pipe is not writable. */
    if (poll(&state, 1, 0) <= 0 || (state.revents & POLLOUT) == 0) {
        return (state.revents & (POLLERR | POLLNVAL)) != 0 ? -EPIPE : -EAGAIN;
    }
    do {
        n = write(fd, data, length);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t descriptor_read_all(int fd, void *data, size_t length)
{
    char *to = data;
    size_t got = 0;

    while (got < length) {
        ssize_t n = read(fd, to + got, length - got);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int descriptor_standard(const char *path)
{
    static const char *const paths[2][3] = {
        {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"},
        {"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"},
    };

    for (int fd = 1; fd <= 2; fd++) {
        for (size_t i = 0; i < 3; i++) {
            if (strcmp(path, paths[fd - 1][i]) == 0) {
                return fd;
            }
        }
    }
    return -1;
}
