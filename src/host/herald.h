/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_HERALD_H
#define GANGER_HOST_HERALD_H

/*
 * A word to the service manager, by the protocol of sd_notify(3), without waiting: sd_notify()
 * itself sleeps for as long as the reader of a full socket does not read.
 */

#include "base/error.h"

enum { HERALD_NOBODY = 1, HERALD_FULL = 2 };
/*
 * Send `text` (VARIABLE=VALUE lines) to $NOTIFY_SOCKET.  0; HERALD_NOBODY when nobody asked for
 * it; HERALD_FULL when it would have to wait, try again later; negative with err.
 */
int herald_send(const char *text, struct error *err);
/* As herald_send(), with a copy of `fd` (for FDSTORE=1); -1: none. */
int herald_send_with(const char *text, int fd, struct error *err);

#endif
