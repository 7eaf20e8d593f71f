/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_PEER_H
#define GANGER_HOST_PEER_H

/* Whoever connects to a unix socket of ours, as the kernel knows them (unix(7): SO_PEERCRED,
 * SO_PEERGROUPS): who they were when they connected. */

#include <stdbool.h>
#include <sys/types.h>
#include "base/error.h"

enum peer_outcome { PEER_NOBODY = 1 /* nobody waits */ };

/* Accept one connection from the non-blocking listening socket `listener`: 0 with *ret_fd
 * (non-blocking, close-on-exec), PEER_NOBODY, or negative.  A client that left while it waited is passed
 * over. */
int peer_accept(int listener, int *ret_fd);

/* User, group and process of the other end of `fd`.  0 or negative. */
int peer_identity(int fd, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid);
/* Whether the other end was in this group, its own or a supplementary one.  What cannot be found out is
 * a no. */
bool peer_in_group(int fd, gid_t group);

#endif
