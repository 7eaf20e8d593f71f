/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_PLACE_H
#define GANGER_CTL_PLACE_H

/* Where an operator wants to connect to. */

#include "base/error.h"
#include "host/socket.h"

/* As address_parse(), for a place to connect to: a path may be relative, lead through ".." and
 * through links, as a shell completes it; systemd:NAME is refused.  0; -EINVAL with err when it is
 * no address, another negative number when nothing is there. */
int place_parse(struct address *ret, const char *text, struct error *err);

/* The path of a socket in the runtime directory: `directory`, or when that is NULL, conf's default for
 * this user.  Allocated; NULL with err. */
char *place_runtime(const char *directory, const char *name, struct error *err);

#endif
