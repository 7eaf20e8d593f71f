/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_LEDGER_H
#define GANGER_SERVE_LEDGER_H

/*
 * The pool's log files, as descriptors from the master: w->logs[].
 *
 * A line is one write() to a descriptor that all workers append to, and never waits.  What is not
 * taken whole is lost and counted: "N lines dropped" follows in the error log, at once and then at
 * most every ten seconds.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "serve/worker.h"

#define LEDGER_LINE_MAX 16384u /* of a regular file; else PIPE_BUF; newline included */

/* Those that the settings name are the descriptors from `first` on.  0 or negative. */
int ledger_open(struct worker *w, int first, struct error *err);
/* The master has opened one anew (a copy is made), or it is not to be written any more (-1). */
void ledger_replace(struct worker *w, uint32_t which, int descriptor);
/* The longest line; 0: nothing is to be written. */
size_t ledger_room(const struct worker *w, enum handover_log which);
/* A line with its newline, at most ledger_room() bytes. */
void ledger_write(struct worker *w, enum handover_log which, const void *line, size_t length);
/* A line could not be made, for the reason `number` (errno). */
void ledger_drop(struct worker *w, enum handover_log which, int number);
/* When it wants to be called again: a line was torn, or lines were lost that were not told of. */
uint64_t ledger_deadline(const struct worker *w);
void ledger_expire(struct worker *w, uint64_t now);
void ledger_close(struct worker *w);

#endif
