/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_LEDGER_H
#define GANGER_SERVE_LEDGER_H

/* The pool's log files, as descriptors from the master: w->logs[]. */

#include "base/error.h"
#include "serve/worker.h"

/* Those that the settings name are the descriptors from `first` on.  0 or negative. */
int ledger_open(struct worker *w, int first, struct error *err);
/* The master has opened one anew (a copy is made), or it is not to be written any more (-1). */
void ledger_replace(struct worker *w, uint32_t which, int descriptor);
void ledger_close(struct worker *w);

#endif
