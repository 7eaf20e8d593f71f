/* SPDX-License-Identifier: Apache-2.0 */
/* A socket is made for each message: they are few, and the path may lead to another one by then. */
#include "host/herald.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/descriptor.h"

int herald_send(const char *text, struct error *err)
{
    return herald_send_with(text, -1, err);
}

int herald_send_with(const char *text, int passed, struct error *err)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");

    if (name == NULL || name[0] == '\0')
        return HERALD_NOBODY;
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length >= sizeof un.sun_path)
        return error_set(err, EAFNOSUPPORT,
                         "NOTIFY_SOCKET is neither a path nor an abstract unix socket");
    memcpy(un.sun_path, name, length + 1);
    if (name[0] == '@')
        un.sun_path[0] = '\0';

    __attribute__((cleanup(descriptor_cleanup))) int fd =
        socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a socket for the service manager");
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '@' ? 0 : 1));
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {
        .msg_name = &un, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
    if (passed >= 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.bytes;
    }
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
        return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR ||
        errno == ETOOMANYREFS)
        return HERALD_FULL;
    return error_errno(err, errno, "cannot reach the service manager at %s", name);
}
