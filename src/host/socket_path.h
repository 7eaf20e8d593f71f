/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SOCKET_PATH_H
#define GANGER_HOST_SOCKET_PATH_H

/* Unix sockets that have a path.  Only host/socket.c uses this. */

#include "host/socket.h"

/* socket_listen() for ADDRESS_UNIX; `backlog` is the plan's, resolved. */
int socket_path_listen(const struct socket_plan *plan, int backlog, int *ret_fd, struct error *err);
void socket_path_unlink(const char *path, int fd);
bool socket_path_still_there(const char *path, int fd);

#endif
