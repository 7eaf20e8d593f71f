/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_GANG_FREEZE_H
#define GANGER_POOL_GANG_FREEZE_H

/*
 * A gang over an exec of the master: written down whole by the old image, made again by the new one
 * with the same processes, sockets, board and pipes.  Freezing changes nothing: an exec that fails
 * has cost nothing.  What is not carried over, because the next settling finds it out anew: how long
 * connections have waited, whether sockets are watched, and what status workers were told.
 */

#include "host/inherit.h"
#include "pool/frozen.h"
#include "pool/gang.h"

/* Add the gang to a state, with the owner's part of `marks` (the rest is ignored), and its descriptors
 * to `fds`.  0 or negative. */
int gang_freeze(const struct gang *g, const struct frozen_gang *marks, struct state *to,
                struct frozen_fds *fds);

/*
 * A gang of what was frozen: as gang_new() and gang_open(), but nothing is bound, published or sent
 * to anybody before it is settled.  `in` says which descriptors are claimed already.  0, or negative
 * with err: a descriptor is not what it should be, or the pool cannot be run any more (its user is
 * gone); descriptors that were claimed may then be closed.
 */
int gang_thaw(struct gang **ret, const struct frozen_gang *f, struct inherit *in,
              const struct conf_pool *pool, const struct pool_context *context,
              const struct gang_hooks *hooks, uint64_t now, uint64_t wall, struct error *err);

#endif
