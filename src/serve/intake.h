/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_INTAKE_H
#define GANGER_SERVE_INTAKE_H

/* What the reader says about a connection's bytes, done. */

#include <stddef.h>
#include <stdint.h>
#include "serve/connection.h"

/* Feed bytes.  Requests that become complete are WAITING afterwards (connection_settle() begins
 * them: first everything that is here is read, so that a small body is known to be whole).  An
 * illegal stream ends the connection. */
void intake_feed(struct connection *c, const uint8_t *data, size_t length);

#endif
