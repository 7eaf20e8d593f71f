/* SPDX-License-Identifier: Apache-2.0 */
/* A socket is made for each message: they are few, and the path may lead to another one by then. */
#include "host/herald.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/descriptor.h"

int herald_send(const char *text, struct error *err)
{
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
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)&un, size);
    if (sent >= 0)
        return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR)
        return HERALD_FULL;
    return error_errno(err, errno, "cannot reach the service manager at %s", name);
}
