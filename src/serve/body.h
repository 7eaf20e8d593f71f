/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_BODY_H
#define GANGER_SERVE_BODY_H

/* A request's body on its way from the reader to the program's stdin. */

#include <stddef.h>
#include <stdint.h>
#include "serve/request.h"

/* Body bytes and its end, from the reader. */
void body_take(struct request *r, const void *data, size_t length);
void body_end(struct request *r);
/* There is a CONTENT_LENGTH: what comes beyond it is not the program's. */
void body_expect(struct request *r, uint64_t length);
/* How many body bytes may still come before the program has taken some. */
size_t body_room(const struct request *r);

#endif
