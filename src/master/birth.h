/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_BIRTH_H
#define GANGER_MASTER_BIRTH_H

/* What the master was born with, made normal, and remembered for its workers. */

#include "base/error.h"
#include "conf/conf.h"
#include "pool/context.h"

/*
 * First of all: descriptors 0-2 open, umask 022, nothing ignored, nothing blocked but the signals
 * of master/signals.h.  Then the facts about us are put into *ret, except for the worker program
 * and what the configuration says.  0 or negative.
 */
int birth_normalise(struct pool_context *ret, struct error *err);

/*
 * Take the limits and the priority that the configuration gives the master, and room for as many
 * descriptors as its pools need.  0 or negative; *ret_warning is filled when there is less room
 * than needed.
 */
int birth_take_limits(const struct conf *conf, struct error *ret_warning, struct error *err);

/* Room for the descriptors of twice the pools of `conf`, as while all of them are replaced. */
void birth_take_room(const struct conf *conf);

/* The last step before serving: no ptrace, no core of a process that knows all secrets. */
void birth_close_up(void);

#endif
