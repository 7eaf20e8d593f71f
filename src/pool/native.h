/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_NATIVE_H
#define GANGER_POOL_NATIVE_H

/*
 * How a worker of kind = fastcgi is started: an unmodified program with the pool's listening socket
 * as descriptor 0 (FCGI_LISTENSOCK_FILENO), descriptors 1 and 2 leading to the master's log, and,
 * where it can be entered, ganger's library in it:
 *
 *   LD_PRELOAD=/…/libganger-shim.so[:what the pool's env has]
 *   GANGER_SHIM=board=3,slot=N,slots=N,gen=N,bell=4,stop=SIGNO,drain=SIGNO,master=PID
 *
 * Descriptor 3 is the board, 4 the doorbell, opened for reading and writing: as long as the worker
 * itself holds a reader, ringing a master that is dead raises no SIGPIPE.  The signal `drain` asks
 * the library to look at its slot's drain flag, and at getppid(): it is also what the kernel sends
 * when the master dies.
 *
 * A program that cannot be entered is *opaque*: it has neither variable nor the two descriptors, is
 * asked to leave by stop_signal at whatever moment, and nothing is known of what it does.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "conf/conf.h"
#include "host/identity.h"
#include "host/spawn.h"
#include "pool/context.h"
#include "pool/ports.h"

#define NATIVE_SHIM "libganger-shim.so"

struct native;

/* Why the programs of `pool` (kind fastcgi), run as `id` (NULL: as the master is), will be opaque:
 * true and the reason in err; false when they can be entered. */
bool native_opaque(const struct conf_pool *pool, const struct pool_context *context,
                   const struct identity *id, struct error *err);

/* 0, or negative.  `pool` is borrowed; all else is copied. */
int native_make(struct native **ret, const struct conf_pool *pool,
                const struct pool_context *context, const struct identity *id, struct error *err);
/* Borrow `pool` instead, which says the same. */
void native_renew(struct native *n, const struct conf_pool *pool);
/* NULL is allowed; returns NULL. */
struct native *native_free(struct native *n);

bool native_is_opaque(const struct native *n);
/* The number of the pool's stop_signal, and of the signal that asks the library to look. */
int native_stop_signal(const struct native *n);
int native_drain_signal(void);

struct native_fds { /* the parent's numbers, borrowed */
    int output, board, bell;
};
/* Start one.  `spawn` holds what all workers of a pool have in common (identity, limits …); path,
 * arguments, environment and descriptors are put in here.  0 with *ret (spawn_fork), or negative. */
int native_spawn(const struct native *n, struct spawn_plan *spawn, const struct ports *ports,
                 const struct native_fds *fds, uint32_t slot, uint32_t slots, uint32_t generation,
                 struct spawned *ret, struct error *err);

#endif
