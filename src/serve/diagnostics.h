/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_DIAGNOSTICS_H
#define GANGER_SERVE_DIAGNOSTICS_H

/* What a program writes to stderr: line by line, escaped, to the client's FCGI_STDERR and, with
 * catch_workers_output, to the log. */

#include <stddef.h>
#include "base/error.h"
#include "serve/request.h"

/* Lines of all programs of one worker that are logged in a second, and at once after a silence. */
#define DIAGNOSTICS_LINES 50u
#define DIAGNOSTICS_BURST 250u

void diagnostics_take(struct request *r, const void *data, size_t length);
/* stderr is over: the last line may lack its newline. */
void diagnostics_end(struct request *r);
/* Say how many lines were not logged, once that is due (pace_due(&w->chatter)). */
void diagnostics_flush(struct worker *w, uint64_t now);
/* The header was refused. */
void diagnostics_malformed(struct request *r, const struct error *err);

#endif
