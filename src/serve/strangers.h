/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_STRANGERS_H
#define GANGER_SERVE_STRANGERS_H

/*
 * Processes that programs leave behind.  The worker is a child subreaper, so they become its children:
 * it reaps them, and it can end those that hold a request's pipes although they left its group.  A
 * stranger that holds no pipe has detached itself properly (git's background maintenance does)
 * and is left alone.
 */

#include "serve/request.h"

/* A request's program was collected: is anything left to be reaped later? */
void strangers_look(struct worker *w);
/* End those that hold the pipes of `r`, whose program has ended. */
void strangers_evict(struct request *r);
/* Reap what can be reaped now; sets the time of the next look. */
void strangers_sweep(struct worker *w);

#endif
