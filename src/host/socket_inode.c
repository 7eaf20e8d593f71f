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
#include <linux/sockios.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "base/descriptor.h"
#include "host/unix_diag.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif

static int inode_by_diag(int fd, uint32_t *ret)
{
    struct unix_diag diag;
    struct unix_diag_answer answer;
    struct unix_diag_vfs vfs;
    struct stat own;
    size_t length = 0;

    if (fstat(fd, &own) < 0)
        return -errno;
    int r = unix_diag_open(&diag);
    if (r < 0)
        return r;
    r = unix_diag_ask(&diag, own.st_ino, UDIAG_SHOW_VFS, &answer);
    unix_diag_close(&diag);
    if (r < 0)
        return r;
    const char *value = unix_diag_attribute(&answer, UNIX_DIAG_VFS, &length);
    if (value == NULL || length < sizeof vfs)
        return -ENOENT;
    memcpy(&vfs, value, sizeof vfs);
    *ret = vfs.udiag_vfs_ino;
    return 0;
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
