/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_INHERIT_H
#define GANGER_HOST_INHERIT_H

/*
 * Descriptors that came through an exec, known by their numbers alone.  A number is hostile until it
 * was claimed: it is 3 or more, it is open, nobody claimed it before, and the kernel says that behind
 * it is what should be there.  A claimed one is close-on-exec again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "host/socket.h"

struct inherit {      /* zeroed: nothing was claimed */
    uint8_t *claimed; /* a bit for each number; owned */
    size_t size;      /* bytes of it */
    bool copies;      /* somebody else, who goes on, has them too: a process that he knew may be
                         gone by now */
};
void inherit_clear(struct inherit *in);

/* Each: 0, or negative with err and nothing claimed. */

/* Whatever it is. */
int inherit_any(struct inherit *in, int fd, struct error *err);
/* One end of a pipe. */
int inherit_pipe(struct inherit *in, int fd, bool reading, struct error *err);
/* A unix SEQPACKET socket that is connected. */
int inherit_channel(struct inherit *in, int fd, struct error *err);
/* A listening stream socket; of this family and, for TCP, of this very address. */
int inherit_listener(struct inherit *in, int fd, const struct address *address, struct error *err);
/* A pidfd of this process, which is not reaped. */
int inherit_process(struct inherit *in, int fd, pid_t pid, struct error *err);
/* The very file that is at this path now. */
int inherit_file(struct inherit *in, int fd, const char *path, struct error *err);

/* Every descriptor from 3 on that is not close-on-exec: those that an exec let through and that
 * nobody claimed.  They are closed.  How many there were. */
size_t inherit_close_rest(const struct inherit *in);

#endif
