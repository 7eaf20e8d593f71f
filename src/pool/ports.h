/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_PORTS_H
#define GANGER_POOL_PORTS_H

/* The listening sockets of one pool, in config order: bound once, before any worker. */

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "conf/conf.h"
#include "host/socket.h"

struct port {
    struct address address;
    int fd;
};
struct ports {
    struct port *items; /* owned */
    size_t count;
};

/* All or none: 0, or negative with err naming the address and the remedy. */
int ports_open(struct ports *ret, const struct conf_pool *pool, struct error *err);
/* Take our paths away, so that nobody new finds us; the sockets stay open.  Safe to call twice. */
void ports_unlink(struct ports *p);
/* How many have a path, and whether a connection waits in one of those. */
size_t ports_paths(const struct ports *p);
bool ports_paths_waiting(const struct ports *p);
/* Close all; the memory is freed and *p is empty. */
void ports_close(struct ports *p);

#endif
