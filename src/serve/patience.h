/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_PATIENCE_H
#define GANGER_SERVE_PATIENCE_H

/* How long a connection may be in its present state. */

#include <stdint.h>
#include "serve/connection.h"

/* When its time is over (monotonic microseconds), or CLOCK_NEVER. */
uint64_t patience_deadline(const struct connection *c);
/* Close it if that is so. */
void patience_expire(struct connection *c, uint64_t now);

#endif
