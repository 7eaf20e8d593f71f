/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_UNIX_DIAG_H
#define GANGER_HOST_UNIX_DIAG_H

/*
 * Questions to the kernel about one unix socket of this network namespace (sock_diag(7)).  Only
 * host/ uses this.
 */

#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <stddef.h>
#include <stdint.h>

struct unix_diag {
    int netlink;     /* -1: closed */
    uint32_t number; /* of the last question */
};

struct unix_diag_answer {
    struct unix_diag_msg about;
    size_t length; /* of what follows: attributes, see unix_diag_attribute() */
    char attributes[4096];
};

/* Ready to ask; close it with unix_diag_close().  0 or -errno.  Nothing here waits: the kernel
 * answers while it is being asked. */
int unix_diag_open(struct unix_diag *d);
void unix_diag_close(struct unix_diag *d);

/*
 * Ask about the socket with the number `inode` (fstat() of a descriptor of it, or "socket:[N]" in
 * /proc); `show` is of UDIAG_SHOW_…, and each has an attribute in the answer.  0 with *ret, or
 * -errno: -ENOENT no such socket here.  An earlier failure spoils nothing that comes later.
 */
int unix_diag_ask(struct unix_diag *d, uint64_t inode, uint32_t show, struct unix_diag_answer *ret);

/* The value of the attribute UNIX_DIAG_… of an answer, and its bytes; NULL: it has none.  It is
 * not aligned. */
const char *unix_diag_attribute(const struct unix_diag_answer *a, uint16_t type,
                                size_t *ret_length);

#endif
