/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The SEQPACKET channel between the master and one worker: fixed-size messages, at most one
 * descriptor with each.  The other end may be hostile: whatever is not exactly one message is
 * refused, and every descriptor that came along is closed.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/handover.h"

/* SCM_MAX_FD of the kernel: room for all that one message can carry, so that we see and close them
 * rather than rely on truncation. */
#define RIGHTS_MAX 253

int channel_pair(int fds[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return error_errno(err, errno, "cannot make a channel");
    return 0;
}

int channel_send(int fd, const struct channel_message *message, int descriptor)
{
    struct iovec data = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1};
    ssize_t sent;

    if (memchr(message->name, '\0', sizeof message->name) == NULL)
        return -EINVAL;
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        packet.msg_control = &control;
        packet.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    do
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? CHANNEL_FULL : -errno;
    return sent == (ssize_t)sizeof *message ? 0 : -EPROTO;
}

/* Keep the first descriptor of the control data in *ret, close the others; how many there were. */
static size_t take_descriptors(struct msghdr *packet, int *ret)
{
    size_t count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(packet); h != NULL; h = CMSG_NXTHDR(packet, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++, count++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (*ret < 0)
                *ret = fd;
            else
                descriptor_close(&fd);
        }
    }
    return count;
}

int channel_receive(int fd, struct channel_message *ret, int *ret_descriptor)
{
    struct channel_message message;
    char beyond; /* a byte here means that the message is too long */
    struct iovec data[2] = {{.iov_base = &message, .iov_len = sizeof message},
                            {.iov_base = &beyond, .iov_len = 1}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * RIGHTS_MAX)];
    } control;
    struct msghdr packet = {.msg_iov = data,
                            .msg_iovlen = 2,
                            .msg_control = &control,
                            .msg_controllen = sizeof control.room};
    ssize_t got;

    *ret_descriptor = -1;
    do
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return CHANNEL_EMPTY;
    if (got < 0)
        return errno == ECONNRESET ? CHANNEL_CLOSED : -errno;

    int descriptor = -1;
    size_t count = take_descriptors(&packet, &descriptor);
    /* An empty packet looks like the end, and whoever sends one is treated as gone. */
    bool closed = got == 0 && count == 0;
    if (got != (ssize_t)sizeof message || count > 1 ||
        (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        memchr(message.name, '\0', sizeof message.name) == NULL) {
        descriptor_close(&descriptor);
        return closed ? CHANNEL_CLOSED : -EPROTO;
    }
    *ret = message;
    *ret_descriptor = descriptor;
    return 0;
}

int channel_hear(int fd, struct channel_message *ret)
{
    char first;
    struct iovec data = {.iov_base = &first, .iov_len = 1};
    struct msghdr packet = {.msg_iov = &data, .msg_iovlen = 1};
    int descriptor = -1;
    ssize_t got;

    do
        got = recvmsg(fd, &packet, MSG_PEEK | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got >= 0 && (packet.msg_flags & MSG_CTRUNC) != 0)
        return CHANNEL_FOREIGN;
    /* What was seen is what comes now: nobody else reads here. */
    int r = channel_receive(fd, ret, &descriptor);
    descriptor_close(&descriptor);
    return r;
}

/* The child of abandon(): hold the channel until the master has let go of it. */
static __attribute__((noreturn)) void undertake(int fd, int gate)
{
    char byte;

    (void)dup3(fd, 0, 0);
    if (gate != 1)
        (void)dup3(gate, 1, 0);
    (void)close_range(2, ~0u, 0);
    while (read(1, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

/* Whoever drops the last reference to a socket closes what waits in it; let it be a child's exit,
 * where the kernel does not linger. */
static void abandon(int *fd)
{
    int gate[2];

    if (pipe2(gate, O_CLOEXEC) == 0) {
        pid_t pid = fork();
        if (pid == 0)
            undertake(*fd, gate[0]);
        if (pid > 0)
            descriptor_close(fd);
        descriptor_close(&gate[0]);
        descriptor_close(&gate[1]);
    }
    *fd = -1; /* better one descriptor lost in a shortage than everything at a standstill */
}

void channel_close(int *fd)
{
    struct channel_message message;
    int r = 0;

    if (*fd < 0)
        return;
    (void)shutdown(*fd, SHUT_RDWR); /* nothing comes in behind our back */
    while (r == 0 || r == -EPROTO)
        r = channel_hear(*fd, &message);
    if (r == CHANNEL_FOREIGN)
        abandon(fd);
    else
        descriptor_close(fd);
}
