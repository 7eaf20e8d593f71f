/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting without waiting, for whoever has an event loop. */

#include <errno.h>
#include <netinet/tcp.h>
#include "base/descriptor.h"
#include "host/socket.h"

int socket_dial(const struct address *a, int *ret_fd)
{
    const int on = 1;
    if (a->family == ADDRESS_SYSTEMD)
        return -EINVAL;
    int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* Small records must not wait for the answer to the ones before. */
    if (a->family == ADDRESS_INET || a->family == ADDRESS_INET6)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int r = connect(fd, (const struct sockaddr *)&a->storage, a->length) < 0 ? -errno : 0;
    if (r == -EINPROGRESS || r == -EINTR)
        r = SOCKET_DIALLING;
    if (r < 0)
        descriptor_close(&fd);
    else
        *ret_fd = fd;
    return r;
}

int socket_dialled(int fd)
{
    int failure = 0;
    socklen_t length = sizeof failure;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0)
        return -errno;
    return -failure;
}
