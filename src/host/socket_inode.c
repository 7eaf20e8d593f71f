/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From a bound unix socket to its file.  fstat() of a socket gives the socket's own number, not the
 * file's, and the name it was bound under says nothing after a rename.  The kernel has two answers:
 * SIOCUNIXFILE opens the very file (needs CAP_NET_ADMIN), unix_diag(7) gives its inode number
 * (needs nothing, but on overlay file systems the device number is not the one stat() shows, so
 * only the inode number is compared).
 */

#include "host/socket_inode.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/descriptor.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif

/* The kernel's NLA_ALIGN in unsigned arithmetic. */
#define ATTRIBUTE_ALIGN(length) (((length) + 3u) & ~(size_t)3u)

static int ask(int netlink, uint32_t socket_number)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = 1},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = ~0u,
                    .udiag_ino = socket_number,
                    .udiag_show = UDIAG_SHOW_VFS,
                    .udiag_cookie = {~0u, ~0u}},
    };
    ssize_t sent = send(netlink, &message, sizeof message, MSG_NOSIGNAL);
    return sent == (ssize_t)sizeof message ? 0 : sent < 0 ? -errno : -EPROTO;
}

/* The answer to ask(): the inode number of the bound file.  0, or negative. */
static int hear(int netlink, uint32_t *ret_inode)
{
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    ssize_t got = recv(netlink, answer.bytes, sizeof answer.bytes, 0);
    if (got < 0)
        return -errno;
    if (!NLMSG_OK(&answer.header, (size_t)got))
        return -EPROTO;
    if (answer.header.nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
        if (answer.header.nlmsg_len < NLMSG_LENGTH(sizeof *error) || error->error >= 0)
            return -EPROTO;
        return error->error;
    }
    size_t offset = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
    while (offset + sizeof(struct nlattr) <= answer.header.nlmsg_len) {
        struct nlattr attribute;
        struct unix_diag_vfs vfs;
        memcpy(&attribute, answer.bytes + offset, sizeof attribute);
        if (attribute.nla_len < sizeof attribute ||
            attribute.nla_len > answer.header.nlmsg_len - offset)
            return -EPROTO;
        if (attribute.nla_type == UNIX_DIAG_VFS &&
            attribute.nla_len >= sizeof attribute + sizeof vfs) {
            memcpy(&vfs, answer.bytes + offset + ATTRIBUTE_ALIGN(sizeof attribute), sizeof vfs);
            *ret_inode = vfs.udiag_vfs_ino;
            return 0;
        }
        offset += ATTRIBUTE_ALIGN((size_t)attribute.nla_len);
    }
    return -ENOENT;
}

static int inode_by_diag(int fd, uint32_t *ret)
{
    const struct timeval deadline = {.tv_sec = 1, .tv_usec = 0};
    struct stat own;
    if (fstat(fd, &own) < 0)
        return -errno;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return -errno;
    (void)setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    int r = ask(netlink, (uint32_t)own.st_ino);
    if (r == 0)
        r = hear(netlink, ret);
    descriptor_close(&netlink);
    return r;
}

int socket_inode_is(int fd, const struct stat *st)
{
    int file = ioctl(fd, SIOCUNIXFILE);
    if (file >= 0) {
        struct stat own;
        int r =
            fstat(file, &own) < 0 ? -errno : own.st_dev == st->st_dev && own.st_ino == st->st_ino;
        descriptor_close(&file);
        return r;
    }
    uint32_t inode = 0;
    int r = inode_by_diag(fd, &inode);
    return r < 0 ? r : inode == (uint32_t)st->st_ino;
}
