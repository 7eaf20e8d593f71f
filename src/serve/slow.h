/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_SLOW_H
#define GANGER_SERVE_SLOW_H

/*
 * request_slowlog_timeout in ganger's own workers: a request that takes as long is counted on the board,
 * once, and examined by a process that the worker starts and does not wait for.  Whatever becomes of
 * the examination, the request goes its way.
 *
 * Of a worker's requests one a second is examined, or a few at once after a while without; the next
 * entry says how many were not.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "serve/request.h"
#include "serve/worker.h"

struct slow_facts; /* what the entry is to say of a request */

/* A program runs for it: remember what will be known of it no more (bounded; NULL is ""), and when it
 * is slow. */
void slow_begin(struct request *r, const char *method, const char *uri, const char *script,
                const char *user);
void slow_forget(struct request *r);
/* r->slow_at has come. */
void slow_note(struct request *r, uint64_t now);
/* Its program is over.  One that was slow, but ended before we came to look, counts all the same. */
void slow_end(struct request *r);

/* `pid` is an examiner of this worker's, and not to be reaped by anybody else. */
bool slow_is_examiner(const struct worker *w, pid_t pid);
/* How many descriptors the examinations take. */
unsigned slow_descriptors(const struct worker *w);
/* The worker is to go: end the examinations.  They take a few milliseconds for that; one that hangs
 * is killed after some seconds, and left behind. */
void slow_close(struct worker *w);

#endif
