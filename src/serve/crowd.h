/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_CROWD_H
#define GANGER_SERVE_CROWD_H

/* How many connections a worker holds, and which of them goes when there are too many. */

#include "serve/worker.h"

/* One more wants in: when there are too many, or too few descriptors, close the one that matters
 * least. */
void crowd_make_room(struct worker *w);
/* One more has become idle: keep keepalive_connections of them. */
void crowd_trim(struct worker *w);

#endif
