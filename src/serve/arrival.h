/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_ARRIVAL_H
#define GANGER_SERVE_ARRIVAL_H

/*
 * How long a request waited before a worker had it in hand, as far as that can be known.
 *
 *  - REQUEST_START, a parameter that the web server sets: the wall clock when it sent the request off.
 *  - The first request of a connection: 0 when it came after the connection was accepted, or when the
 *    connection found this worker waiting; on TCP else the age of the last bytes that had come when
 *    it was accepted, if they were all of the request; on a unix socket nobody knows.
 *  - A later one: 0, if nothing else was in hand on its connection.
 */

#include <stdbool.h>
#include <stdint.h>
#include "serve/connection.h"

#define ARRIVAL_UNKNOWN UINT64_MAX

/* Of what has come on a connection that is accepted just now, microseconds.  `here`: something has;
 * `found`: the worker was waiting for it. */
uint64_t arrival_waited(int fd, bool local, bool here, bool found);
/* Of a request that has just come in. */
uint64_t arrival_queue(const struct connection *c, const struct request *r);
/* "t=1234.567", "1234.567", or milliseconds or microseconds without a point, against `wall`
 * (microseconds).  ARRIVAL_UNKNOWN when it is no time, or one that cannot be meant. */
uint64_t arrival_since(const char *text, uint64_t wall);

#endif
