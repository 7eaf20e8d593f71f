/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_KEEP_H
#define GANGER_MASTER_KEEP_H

/*
 * The listening sockets that the service manager keeps for us, in its file descriptor store: they
 * outlive even kill -9 of the master, so nobody is refused while it is away.
 */

#include <stdbool.h>
#include <stddef.h>
#include "master/notify.h"
#include "pool/context.h"

struct keep { /* all zero: nothing is kept */
    struct notify *notify;
    struct port_keeper keeper; /* for struct pool_context */
    struct kept *items;
    size_t count;
    size_t limit; /* as many as the store takes; 0: there is none */
    bool stopping;
    bool warned;
};

/* $FDSTORE says how much the store takes (systemd 254 sets it; the unit does for older ones). */
void keep_open(struct keep *k, struct notify *notify);
/* Whether a socket of ours has this name in the store. */
bool keep_holds(const struct keep *k, const char *name);
/* There is a store. */
bool keep_active(const struct keep *k);
/* The master is about to end: what is closed from here on stays in the store. */
void keep_stop(struct keep *k);
void keep_close(struct keep *k);

#endif
