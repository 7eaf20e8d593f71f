/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_SHED_H
#define GANGER_SERVE_SHED_H

/*
 * The shedder (setting "shed"): a worker beside those of a full pool that answers requests with 503
 * and Retry-After.  It takes what is too much and no more: connections that have waited longer
 * than queue_timeout, and those beyond queue_limit.  What is left in the queue keeps the other
 * workers busy, so that a pool that is overloaded serves as much as it ever can.
 */

#include "serve/request.h"
#include "serve/worker.h"

/* Look at the queue from now on, every few milliseconds.  After listener_open().  0 or negative. */
int shed_open(struct worker *w, struct error *err);
/* Answer a request with 503 and close its connection: a web server that kept it would send the
 * next one here too, when the workers have room again. */
void shed_answer(struct request *r);
void shed_close(struct worker *w);

#endif
