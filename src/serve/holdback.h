/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_HOLDBACK_H
#define GANGER_SERVE_HOLDBACK_H

/*
 * nginx stops sending a request's body as soon as it has the header of the response.  A program
 * that writes its header first and reads its input then ("echo Content-Type...; cat") would wait for
 * ever for the rest of the body.  So the response is held back while the server still has body to
 * send, until one of these comes first:
 *
 *   the body is complete; the program has ended; HOLDBACK_MAX bytes are held, or
 *   HOLDBACK_CONNECTION_MAX for all requests of the connection; or no byte of the body
 *   has come in or been read by the program for response_holdback_timeout (a client that waits for
 *   the first half of the answer before it sends the second half of its question, or a program
 *   that does not want the body).
 *
 * Responses to requests without a body, or whose body is here already, are never held.
 */

#include <stddef.h>
#include <stdint.h>
#include "serve/request.h"

#define HOLDBACK_MAX (512u << 10)
#define HOLDBACK_CONNECTION_MAX (2u << 20) /* well below OUTPUT_MAX */

/* The program was started: hold its response when there is body to come. */
void holdback_begin(struct request *r);
/* Response bytes on their way to the connection: held, or queued at once.  0 or negative. */
int holdback_pass(struct request *r, const void *data, size_t length);
/* Something changed: let go when there is no reason to hold any more.  0 or negative. */
int holdback_check(struct request *r);
/* The program is over and its answer is good: let go.  0 or negative. */
int holdback_release(struct request *r);
/* Forget what is held: the client gets something else, or has left. */
void holdback_drop(struct request *r);
uint64_t holdback_deadline(const struct request *r);

#endif
