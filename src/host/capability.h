/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_CAPABILITY_H
#define GANGER_HOST_CAPABILITY_H

/*
 * What a root master keeps of root: the capabilities that managing processes and sockets needs,
 * each with its reason in capability.c.  The rest leaves the permitted, effective and bounding
 * sets for good, so that neither the master nor anything it starts can load modules, mount, trace
 * the kernel or set the clock.
 */

#include <stddef.h>
#include "base/error.h"

/*
 * Keep the table's capabilities as far as the process has them, and drop all others from the
 * permitted, effective, inheritable, ambient and bounding sets (the last only with CAP_SETPCAP).
 * 0, or negative with err; a process that is not root's and has none gets 0 and changes nothing.
 * capabilities(7).
 */
int capability_keep_needed(struct error *err);

/*
 * For a program started with spawn_plan.chroot_later, before it does anything else: the working
 * folder becomes the root, and the last capability is given up.  0, or negative with err: then it
 * must not go on.
 */
int capability_enter_root(struct error *err);

/* The i-th name of the table ("cap_chown" …), NULL behind the end: for tests and the manual. */
const char *capability_needed(size_t i);

#endif
