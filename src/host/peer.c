/* SPDX-License-Identifier: Apache-2.0 */
#include "host/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

int peer_accept(int listener, int *ret_fd)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return PEER_NOBODY;
        if (errno != EINTR && errno != ECONNABORTED)
            return -errno;
    }
}

int peer_identity(int fd, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid)
{
    struct ucred who;
    socklen_t length = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0)
        return -errno;
    /* Not a unix socket's answer. */
    if (length != sizeof(who) || who.uid == (uid_t)-1)
        return -EPROTO;
    *ret_uid = who.uid;
    *ret_gid = who.gid;
    *ret_pid = who.pid;
    return 0;
}

bool peer_in_group(int fd, gid_t group)
{
    uid_t uid;
    gid_t own;
    pid_t pid;
    socklen_t length = 0;
    bool found = false;

    if (peer_identity(fd, &uid, &own, &pid) < 0)
        return false;
    if (own == group)
        return true;
    /* The first call says how long the list is; it cannot change any more. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0 || errno != ERANGE)
        return false;
    gid_t *groups = malloc(length);
    if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == 0) {
        for (size_t i = 0; i < length / sizeof(*groups) && !found; i++)
            found = groups[i] == group;
    }
    free(groups);
    return found;
}
