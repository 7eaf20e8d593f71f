/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_BRIEF_H
#define GANGER_SERVE_BRIEF_H

/*
 * accept() that never waits, on a socket that does.  O_NONBLOCK belongs to the open socket, which all
 * processes of the pool share: to set it would take a native program's accept() by surprise.
 */

#include <sys/socket.h>

/* Before the first brief_accept().  0 or negative. */
int brief_prepare(void);
/* As accept4(); -1 with EAGAIN when nobody has come, or a sibling was faster. */
int brief_accept(int listening, struct sockaddr *from, socklen_t *length, int flags);

#endif
