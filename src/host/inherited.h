/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_INHERITED_H
#define GANGER_HOST_INHERITED_H

/*
 * Listening sockets that somebody opened before this process began: systemd's for socket activation,
 * which have the name that their unit gives them (FileDescriptorName=), and our own from its file
 * descriptor store, where they outlive us; those are named after their address.
 *
 * All of it is hostile input: nothing is used before it was looked at.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "host/socket.h"

/* What systemd allows for a name (sd_notify(3), FDNAME=). */
#define INHERITED_NAME_MAX 255

struct inherited_socket {
    char *name;   /* owned, foreign bytes; never NULL */
    int fd;       /* owned */
    bool stored;  /* its name is that of one of ours, from the store */
    bool claimed; /* a pool listens on it */
};
struct inherited { /* all zero: none */
    struct inherited_socket *items;
    size_t count;
};

/*
 * Add a descriptor that came under this name.  0, and it belongs to the list; or negative with err,
 * and it stays the caller's: it is no listening stream socket of a family that we know, or there is no
 * memory.
 */
int inherited_add(struct inherited *l, const char *name, int fd, struct error *err);

/* Add a copy of one of systemd's that a pool listens on already; without memory or descriptors it is
 * left out.  `address` is what the pool calls it. */
void inherited_note(struct inherited *l, const struct address *address, int fd);

enum inherited_outcome { INHERITED_NONE = 1 };
/*
 * The socket for this plan: of "systemd:NAME" the one with that name, of any other address the one
 * that listens there.  It is made as the plan says (socket_adopt()).  0 with a copy of the descriptor
 * and whether it is systemd's own, whose path, mode and owner are not ours to touch; INHERITED_NONE: open
 * one; negative with err: "systemd:NAME" that there is not, or that is not fit.
 */
int inherited_take(struct inherited *l, const struct socket_plan *plan, int *ret_fd,
                   bool *ret_foreign, struct error *err);

/* Tell of each that nobody claimed (`visit` may use it, and not keep it), then close it, and unlink
 * its path when it is one of ours. */
void inherited_close_rest(struct inherited *l,
                          void (*visit)(void *cookie, const struct inherited_socket *s),
                          void *cookie);
void inherited_clear(struct inherited *l);

/* The name in the store of the socket of this address.  0, or -ENAMETOOLONG. */
int inherited_name(char ret[INHERITED_NAME_MAX + 1], const struct address *address);

#endif
