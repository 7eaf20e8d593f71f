/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_APPEND_H
#define GANGER_HOST_APPEND_H

/*
 * Files that workers append lines to: opened by the master, which may be root, at a path whose last
 * folders may belong to somebody else.  No link is followed that anybody but root or the master's own
 * user could have put there, and neither the open nor a write to the descriptor ever waits.
 */

#include "base/error.h"

/*
 * Open for appending; a file that is not there is made, 0640.  A regular file with one name, a FIFO
 * or a character device; /dev/stdout, /dev/stderr and the other names of the descriptors 1 and 2 mean
 * these.
 * The descriptor (close-on-exec, 3 or more, for writing alone, O_NONBLOCK on an open file description of
 * its own, but for a socket and for a pipe that may not be opened again), or negative with err.
 *
 * *ret_keep is -1, or for a FIFO, where that is allowed, a descriptor for reading, too: while it is
 * open lines wait in the FIFO for a reader, and else there has to be one.  Whoever writes must not get
 * it: he could read the lines of others.
 */
int append_open(const char *path, int *ret_keep, struct error *err);
/* What of that can be told without making or opening anything: 0, or negative with err. */
int append_check(const char *path, struct error *err);

#endif
