/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_PEERS_H
#define GANGER_HOST_PEERS_H

/* Who is at the other end of other processes' sockets. */

#include <stddef.h>
#include <stdint.h>
#include "host/probe.h"

#define PEERS_TEXT 320

struct peer_text {
    uint64_t inode; /* given: of the socket */
    /* "tcp 127.0.0.1:4242 -> 10.0.0.1:5432 established", "unix -> /run/x.sock"; "" when nobody
     * knows.  Names of unix sockets are foreign bytes, of which what is no printable ASCII is '?'. */
    char text[PEERS_TEXT];
};

/* Fill in the texts of sockets of `p`, in its network namespace: its tables are read once for all of
 * them, as far as some megabytes go. */
void peers_find(const struct probe *p, struct peer_text *sockets, size_t count);

#endif
