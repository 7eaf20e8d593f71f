/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_REACH_H
#define GANGER_HOST_REACH_H

/* Can somebody else open a file?  Told from modes and owners alone; access lists are not looked at. */

#include "base/error.h"
#include "host/identity.h"

/*
 * Whether a process with the ids of `id` (NULL: our own), whose root is `root` (NULL: ours), can read
 * the absolute `path`: 0, or negative with err naming the file or folder that is in the way.
 */
int reach_readable(const char *path, const char *root, const struct identity *id,
                   struct error *err);

#endif
