/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: a bit is set only for a descriptor that was open, and became close-on-exec. */
#include "host/inherit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/number.h"

void inherit_clear(struct inherit *in)
{
    free(in->claimed);
    *in = (struct inherit){0};
}

static bool is_claimed(const struct inherit *in, int fd)
{
    return (size_t)fd / 8 < in->size && (in->claimed[fd / 8] >> (fd % 8) & 1) != 0;
}

/* Open, not below 3, not claimed: what must be so of every one. */
static int look(const struct inherit *in, int fd, struct stat *ret, struct error *err)
{
    if (fd < 3)
        return error_set(err, EBADF, "descriptor %d cannot be one of those handed over", fd);
    if (fstat(fd, ret) < 0)
        return error_errno(err, errno, "descriptor %d", fd);
    if (is_claimed(in, fd))
        return error_set(err, EINVAL, "descriptor %d is named twice", fd);
    return 0;
}

static int claim(struct inherit *in, int fd, struct error *err)
{
    size_t byte = (size_t)fd / 8;

    if (byte >= in->size) { /* bounded by what the kernel lets be open */
        size_t size = byte * 2 + 64;
        uint8_t *more = realloc(in->claimed, size);

        if (more == NULL)
            return error_errno(err, ENOMEM, "descriptor %d", fd);
        memset(more + in->size, 0, size - in->size);
        in->claimed = more;
        in->size = size;
    }
    int r = descriptor_cloexec(fd, true);
    if (r < 0)
        return error_errno(err, -r, "descriptor %d", fd);
    in->claimed[byte] = (uint8_t)(in->claimed[byte] | 1u << (fd % 8));
    return 0;
}

int inherit_any(struct inherit *in, int fd, struct error *err)
{
    struct stat st;
    int r = look(in, fd, &st, err);

    return r < 0 ? r : claim(in, fd, err);
}

int inherit_pipe(struct inherit *in, int fd, bool reading, struct error *err)
{
    struct stat st;
    int r = look(in, fd, &st, err);

    if (r < 0)
        return r;
    int flags = fcntl(fd, F_GETFL);
    if (!S_ISFIFO(st.st_mode) || flags < 0 ||
        (flags & O_ACCMODE) != (reading ? O_RDONLY : O_WRONLY))
        return error_set(err, EINVAL, "descriptor %d is not the %s end of a pipe", fd,
                         reading ? "reading" : "writing");
    return claim(in, fd, err);
}

/* One number that a socket tells of itself; -1 when it is no socket. */
static int option(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
}

int inherit_channel(struct inherit *in, int fd, struct error *err)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    struct stat st;
    int r = look(in, fd, &st, err);

    if (r < 0)
        return r;
    if (option(fd, SO_DOMAIN) != AF_UNIX || option(fd, SO_TYPE) != SOCK_SEQPACKET ||
        option(fd, SO_ACCEPTCONN) != 0)
        return error_set(err, EINVAL, "descriptor %d is not the channel of a worker", fd);
    /* Its worker may be gone already: then it has no peer, and is a channel all the same. */
    if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0 && errno != ENOTCONN)
        return error_errno(err, errno, "descriptor %d", fd);
    return claim(in, fd, err);
}

static bool same_inet(const struct address *address, const struct sockaddr_storage *own,
                      socklen_t length)
{
    const struct sockaddr_in *a4 = (const void *)&address->storage, *b4 = (const void *)own;
    const struct sockaddr_in6 *a6 = (const void *)&address->storage, *b6 = (const void *)own;

    if (address->family == ADDRESS_INET)
        return own->ss_family == AF_INET && length >= sizeof(*b4) && a4->sin_port == b4->sin_port &&
               a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return own->ss_family == AF_INET6 && length >= sizeof(*b6) && a6->sin6_port == b6->sin6_port &&
           memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

int inherit_listener(struct inherit *in, int fd, const struct address *address, struct error *err)
{
    struct sockaddr_storage own = {0};
    socklen_t length = sizeof(own);
    struct stat st;
    int r = look(in, fd, &st, err);

    if (r < 0)
        return r;
    if (option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_ACCEPTCONN) != 1 ||
        getsockname(fd, (struct sockaddr *)&own, &length) < 0)
        return error_set(err, EINVAL, "descriptor %d is no listening socket", fd);
    bool fits = false;
    switch (address->family) {
    case ADDRESS_UNIX: /* bound under another name than it has now: host/socket.h */
    case ADDRESS_ABSTRACT:
        fits = own.ss_family == AF_UNIX;
        break;
    case ADDRESS_INET:
    case ADDRESS_INET6:
        fits = same_inet(address, &own, length);
        break;
    case ADDRESS_SYSTEMD: /* whatever the service manager was told */
        fits = true;
        break;
    }
    if (!fits)
        return error_set(err, EINVAL, "descriptor %d does not listen at %s", fd, address->text);
    return claim(in, fd, err);
}

/* What /proc says of a pidfd: "Pid:\t123\n"; -1 of a process that was reaped. */
static bool is_pidfd_of(int fd, pid_t pid, bool or_gone)
{
    char path[64], text[1024], want[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return false;
    ssize_t length = descriptor_read_all(info, text, sizeof(text) - 1);
    descriptor_close(&info);
    if (length <= 0)
        return false;
    text[length] = '\0';
    (void)snprintf(want, sizeof(want), "\nPid:\t%d\n", (int)pid);
    return strstr(text, want) != NULL || (or_gone && strstr(text, "\nPid:\t-1\n") != NULL);
}

int inherit_process(struct inherit *in, int fd, pid_t pid, struct error *err)
{
    struct stat st;
    int r = look(in, fd, &st, err);

    if (r < 0)
        return r;
    if (!is_pidfd_of(fd, pid, in->copies))
        return error_set(err, EINVAL, "descriptor %d does not stand for process %d", fd, (int)pid);
    return claim(in, fd, err);
}

int inherit_file(struct inherit *in, int fd, const char *path, struct error *err)
{
    struct stat st, there;
    int r = look(in, fd, &st, err);

    if (r < 0)
        return r;
    if (lstat(path, &there) < 0)
        return error_errno(err, errno, "%s", path);
    if (st.st_dev != there.st_dev || st.st_ino != there.st_ino)
        return error_set(err, EINVAL, "descriptor %d is not the file %s", fd, path);
    return claim(in, fd, err);
}

size_t inherit_close_rest(const struct inherit *in)
{
    DIR *d = opendir("/proc/self/fd");
    const struct dirent *e;
    size_t closed = 0;

    while (d != NULL && (e = readdir(d)) != NULL) {
        uint64_t number;

        if (number_parse(e->d_name, INT32_MAX, &number) < 0)
            continue;
        int fd = (int)number;
        int flags = fd < 3 || is_claimed(in, fd) ? -1 : fcntl(fd, F_GETFD);
        if (flags < 0 || (flags & FD_CLOEXEC) != 0)
            continue;
        descriptor_close(&fd);
        closed++;
    }
    if (d != NULL)
        (void)closedir(d);
    return closed;
}
