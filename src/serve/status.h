/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_STATUS_H
#define GANGER_SERVE_STATUS_H

/* The status responder (kind = status): boards in, pages out (report/report.h). */

#include "report/report.h"
#include "serve/request.h"
#include "serve/worker.h"

/* Answer a request from its parameters.  By the end of its path: /ping and /live are answered whenever
 * this process lives, /ready says whether the pools serve (report/ready.h), everything else is the
 * status page. */
void status_answer(struct request *r);
/* The master told us of a pool (its board, read-only; the descriptor stays the caller's), or that it is
 * gone. */
void status_learn(struct worker *w, const char *pool, int descriptor);
void status_forget(struct worker *w, const char *pool);
void status_clear(struct worker *w);

/* With as many pages in hand as may be nobody is accepted: are there readers that take nothing? */
void status_relieve(struct worker *w);

/* Somebody looks: the master is told, once a second, and measures what costs something for a while. */
void status_look(struct worker *w, uint64_t now);
/* Add a pool as its board tells of it now.  0 or negative. */
int status_add(struct report *report, const char *pool, const struct board *board,
               struct worker_past *past, uint64_t now, uint64_t wall);
/* The page that `query` asks for; a short text. */
void status_page(struct request *r, const struct report *report, const struct report_query *query);
void status_text(struct request *r, unsigned status, const char *text);
/* A CGI worker: answer a request for pm.status_path or ping.path; false: it is for neither. */
bool status_own_answer(struct request *r);

#endif
