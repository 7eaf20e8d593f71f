/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SOCKET_INODE_H
#define GANGER_HOST_SOCKET_INODE_H

/* Which file a bound unix socket is.  Only host/socket*.c use this. */

#include <sys/stat.h>

/*
 * Is `st` (from lstat or O_PATH of a name) the file that the unix socket `fd` is bound to?
 * 1 yes, 0 no, negative when the kernel does not say (neither CAP_NET_ADMIN nor the unix_diag
 * module).
 */
int socket_inode_is(int fd, const struct stat *st);

#endif
