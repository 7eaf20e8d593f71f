/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_QUEUE_H
#define GANGER_HOST_QUEUE_H

/*
 * How many connections wait in a listening socket's backlog, and how many fit: the kernel's own
 * numbers.  A TCP socket tells them itself; a unix socket is asked for by NETLINK_SOCK_DIAG, with
 * one netlink socket for all questions.  The kernel answers such a question while it is being
 * sent, so nothing here waits: an answer that is not there at once is no answer.
 */

#include <stdint.h>
#include "base/error.h"

struct queue; /* a netlink socket */

struct queue_length {
    uint32_t waiting; /* connections that nobody has accepted */
    uint32_t limit;   /* the backlog as the kernel holds it (cut to net.core.somaxconn) */
};

/* Ready to ask.  0, or negative: unix sockets cannot be asked for; queue_ask() with NULL still
 * knows TCP. */
int queue_open(struct queue **ret, struct error *err);
/* Close it.  NULL is allowed; returns NULL. */
struct queue *queue_free(struct queue *q);

/*
 * Ask for the listening socket `fd` (borrowed).  0 with *ret.  Negative, with *ret all 0: not a
 * listening socket, one of another network namespace, a kernel without unix_diag, `q` NULL for a
 * unix socket.  Never blocks.  An earlier failure spoils nothing that comes later.
 */
int queue_ask(struct queue *q, int fd, struct queue_length *ret);

#endif
