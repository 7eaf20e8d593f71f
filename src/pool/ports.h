/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_PORTS_H
#define GANGER_POOL_PORTS_H

/* The listening sockets of one pool, in config order: bound once, before any worker. */

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "conf/conf.h"
#include "host/socket.h"
#include "pool/context.h"

struct port {
    struct address address;
    int fd;       /* -1: closed before the others */
    bool lent;    /* its path belongs to another gang, which has the same socket */
    bool deaf;    /* nobody new is to come in */
    bool foreign; /* systemd's: its path, owner and mode are not ours */
};
struct ports {
    struct port *items; /* owned */
    size_t count;
    const struct port_keeper *keeper; /* who was told of them; borrowed */
};

/* All or none: 0, or negative with err naming the address and the remedy.  What the master inherited
 * is taken before anything is bound. */
int ports_open(struct ports *ret, const struct conf_pool *pool, const struct pool_context *context,
               struct error *err);
/* The same, but an address that one of `others` listens at already is taken from there: the same
 * open file description, its path lent. */
int ports_open_beside(struct ports *ret, const struct conf_pool *pool,
                      const struct pool_context *context, const struct ports *const *others,
                      size_t count, struct error *err);
/* Those that another image of the master handed on, at an upgrade (address, fd, lent, deaf and foreign
 * are filled): what ports_open() does beside opening them. */
void ports_thaw(struct ports *p, const struct pool_context *context);
/* What `pool` says of backlog, owner and mode, where it says other than `before`.  0 or negative. */
int ports_dress(const struct ports *p, const struct conf_pool *before, const struct conf_pool *pool,
                struct error *err);
/* Both have a socket with the same address. */
bool ports_share(const struct ports *a, const struct ports *b);
/* The paths of sockets that both have belong to `p` from now on. */
void ports_take_paths(struct ports *p, struct ports *from);
/* Take our paths away, so that nobody new finds us; the sockets stay open.  Safe to call twice. */
void ports_unlink(struct ports *p);
/* How many are ours alone, and whether a connection waits in one of those. */
size_t ports_own(const struct ports *p);
bool ports_waiting(const struct ports *p);
/* Nobody new can come in through those. */
bool ports_sealed(const struct ports *p);
/* Keep newcomers out of them, as far as that can be done: unlinked, or deaf. */
void ports_deafen(struct ports *p);
/* Close those that are ours alone. */
void ports_close_own(struct ports *p);
/* Close all; the memory is freed and *p is empty. */
void ports_close(struct ports *p);

#endif
