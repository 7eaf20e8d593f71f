/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_ORDERS_H
#define GANGER_SERVE_ORDERS_H

/* What the master says over the channel (host/handover.h), and the signals that say the same. */

#include "base/error.h"
#include "serve/worker.h"

/* Watch channel and signals.  0 or negative. */
int orders_open(struct worker *w, struct error *err);
/* Take what has been said already, without waiting: who asks next may know of it.  The worker may be
 * leaving afterwards. */
void orders_hear(struct worker *w);
/* Tell the master that we accept. */
void orders_ready(struct worker *w);
void orders_close(struct worker *w);

#endif
