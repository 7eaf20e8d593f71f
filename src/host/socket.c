/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Listening and connecting.  host/address.c reads addresses, host/socket_path.c does what is
 * special about sockets with a path.
 */

#include "host/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/number.h"
#include "host/socket_inode.h"
#include "host/socket_path.h"

#define BACKLOG_FALLBACK 4096 /* the kernel's own default since Linux 5.4 */

int socket_backlog_limit(void)
{
    char text[32];
    uint64_t value = 0;
    int fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return BACKLOG_FALLBACK;
    ssize_t got = descriptor_read_all(fd, text, sizeof text);
    descriptor_close(&fd);
    while (got > 0 && text[got - 1] == '\n')
        got--;
    if (got <= 0 || number_parse_bytes(text, (size_t)got, INT_MAX, &value) != 0)
        return BACKLOG_FALLBACK;
    return (int)value;
}

static int open_socket(const struct address *a, int flags, struct error *err)
{
    int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a socket for %s%s", a->text,
                           errno == EAFNOSUPPORT ? " (this kernel has no such protocol)" : "");
    return fd;
}

/* The outcome of a failed bind or listen. */
static int cannot_bind(const struct address *a, int number, struct error *err)
{
    if (number == EADDRINUSE) {
        error_set(err, number,
                  "another process listens on %s; stop it (ss -l shows it) or choose "
                  "another address",
                  a->text);
        return SOCKET_IN_USE;
    }
    const char *hint = "";
    if (number == EACCES && a->family != ADDRESS_ABSTRACT)
        hint = " (ports below 1024 need CAP_NET_BIND_SERVICE)";
    else if (number == EADDRNOTAVAIL)
        hint = " (no interface of this machine has that address)";
    return error_errno(err, number, "cannot listen on %s%s", a->text, hint);
}

static int listen_at(const struct socket_plan *plan, int backlog, int *ret_fd, struct error *err)
{
    const struct address *a = &plan->address;
    const int on = 1;
    int fd = open_socket(a, plan->nonblock ? SOCK_NONBLOCK : 0, err);
    if (fd < 0)
        return fd;
    if (a->family != ADDRESS_ABSTRACT)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->family == ADDRESS_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&a->storage, a->length) < 0 || listen(fd, backlog) < 0) {
        int r = cannot_bind(a, errno, err);
        descriptor_close(&fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int socket_listen(const struct socket_plan *plan, int *ret_fd, struct error *err)
{
    int backlog = plan->backlog >= 0 ? plan->backlog : socket_backlog_limit();
    int fd = -1;
    int r;

    switch (plan->address.family) {
    case ADDRESS_UNIX:
        r = socket_path_listen(plan, backlog, &fd, err);
        break;
    case ADDRESS_SYSTEMD:
        return error_set(err, EINVAL, "%s is a socket of systemd's, which ganger cannot make",
                         plan->address.text);
    default:
        r = listen_at(plan, backlog, &fd, err);
        break;
    }
    if (r == 0 && fd < 3) {
        int copy = descriptor_copy(fd);
        descriptor_close(&fd);
        if (copy < 0)
            return error_errno(err, -copy, "cannot keep the socket %s", plan->address.text);
        fd = copy;
    }
    if (r == 0)
        *ret_fd = fd;
    return r;
}

void socket_unlink(const struct address *address, int fd)
{
    if (address->family == ADDRESS_UNIX)
        socket_path_unlink(address->text, fd);
}

/* Owner and mode of our path; one that leads to something else by now is nobody's business. */
static int dress_path(const struct socket_plan *plan, int fd, struct error *err)
{
    const char *path = plan->address.text;
    __attribute__((cleanup(descriptor_cleanup))) int file =
        open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    char self[64];

    if (file < 0 || fstat(file, &st) < 0 || !S_ISSOCK(st.st_mode) || socket_inode_is(fd, &st) != 1)
        return 0;
    bool owner = plan->owner != (uid_t)-1 && plan->owner != st.st_uid;
    bool group = plan->group != (gid_t)-1 && plan->group != st.st_gid;
    if ((owner || group) && fchownat(file, "", plan->owner, plan->group, AT_EMPTY_PATH) < 0)
        return error_errno(err, errno, "cannot give the socket %s its listen.owner and group",
                           path);
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", file);
    if ((st.st_mode & 07777) != (plan->mode & 07777) && chmod(self, plan->mode & 07777) < 0)
        return error_errno(err, errno, "cannot set the mode of the socket %s", path);
    return 0;
}

int socket_dress(const struct socket_plan *plan, int fd, struct error *err)
{
    const struct address *a = &plan->address;
    int r = descriptor_nonblock(fd, plan->nonblock);

    if (r == 0 && listen(fd, plan->backlog >= 0 ? plan->backlog : socket_backlog_limit()) < 0)
        r = -errno;
    if (r < 0)
        return error_errno(err, -r, "cannot listen on %s", a->text);
    return a->family == ADDRESS_UNIX ? dress_path(plan, fd, err) : 0;
}

void socket_deafen(const struct address *address, int fd)
{
    /* A filter sees a TCP packet from its header on; SYN is a bit of byte 13. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    if (address->family == ADDRESS_INET || address->family == ADDRESS_INET6)
        (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void socket_undeafen(int fd)
{
    const int unused = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

bool socket_still_there(const struct address *address, int fd)
{
    return address->family != ADDRESS_UNIX || socket_path_still_there(address->text, fd);
}

bool socket_waiting(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0;
}

/* A unix connect() that finds the backlog full has nothing to poll for; but a blocking one waits
 * for room, and SO_SNDTIMEO is its deadline. */
static int connect_unix(int fd, const struct address *a, uint64_t end)
{
    const struct timeval forever = {.tv_sec = 0, .tv_usec = 0};
    for (;;) {
        uint64_t now = clock_monotonic();
        uint64_t left = now < end ? end - now : 0;
        struct timeval wait = {.tv_sec = (time_t)(left / CLOCK_SEC),
                               .tv_usec = (suseconds_t)(left % CLOCK_SEC)};
        /* Nothing left still allows one look; a zero would mean to wait for ever. */
        if (left == 0)
            wait.tv_usec = 1;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0)
            return -errno;
        if (connect(fd, (const struct sockaddr *)&a->storage, a->length) == 0)
            break;
        if (errno != EINTR)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (left == 0)
            return -ETIMEDOUT;
    }
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof forever) < 0 ? -errno : 0;
}

static int connect_inet(int fd, const struct address *a, uint64_t end)
{
    int r = descriptor_nonblock(fd, true);
    if (r < 0)
        return r;
    if (connect(fd, (const struct sockaddr *)&a->storage, a->length) < 0) {
        if (errno != EINPROGRESS && errno != EINTR)
            return -errno;
        for (;;) {
            uint64_t now = clock_monotonic();
            uint64_t left = now < end ? (end - now + CLOCK_MSEC - 1) / CLOCK_MSEC : 0;
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            int ready = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
            if (ready > 0)
                break;
            if (ready < 0 && errno != EINTR)
                return -errno;
            if (ready == 0 && left <= INT_MAX)
                return -ETIMEDOUT;
        }
        int failure = 0;
        socklen_t length = sizeof failure;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0)
            return -errno;
        if (failure != 0)
            return -failure;
    }
    return descriptor_nonblock(fd, false);
}

int socket_connect(const struct address *address, uint64_t timeout_usec, struct error *err)
{
    uint64_t now = clock_monotonic();
    uint64_t end = timeout_usec > CLOCK_NEVER - now ? CLOCK_NEVER : now + timeout_usec;
    if (address->family == ADDRESS_SYSTEMD)
        return error_set(err, EINVAL, "%s names no address to connect to", address->text);
    int fd = open_socket(address, 0, err);
    if (fd < 0)
        return fd;
    int r = address->family == ADDRESS_UNIX || address->family == ADDRESS_ABSTRACT
                ? connect_unix(fd, address, end)
                : connect_inet(fd, address, end);
    if (r < 0) {
        descriptor_close(&fd);
        return error_errno(err, -r, "cannot connect to %s%s", address->text,
                           r == -ECONNREFUSED ? " (nobody listens there)"
                           : r == -ENOENT     ? " (ganger or the pool is not running)"
                           : r == -EACCES     ? " (the socket's mode does not let you)"
                                              : "");
    }
    return fd;
}
