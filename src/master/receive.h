/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_RECEIVE_H
#define GANGER_MASTER_RECEIVE_H

/* The descriptors that the service manager hands to the master at its start (sd_listen_fds(3)). */

#include "host/inherited.h"
#include "master/keep.h"

/*
 * Before any other descriptor is opened: look at each, close what is no listening socket, and say so
 * in the log.  The variables of the protocol are taken out of the environment.  Whatever comes, the
 * start goes on: who misses a socket says it later.
 */
void receive_begin(struct inherited *l);
/* Every pool has what it wants: close the rest, and have it taken out of the store. */
void receive_end(struct inherited *l, const struct keep *keep);

#endif
