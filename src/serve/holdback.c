/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: `holding` is false as soon as a byte of the response is queued. */

#include "base/clock.h"
#include "serve/connection.h"
#include "serve/holdback.h"
#include "wire/record.h"

/* Has the server more of this body to send, and is the program to have it? */
static bool body_to_come(const struct request *r)
{
    return !r->body_over && r->body_left > 0 && r->program.in >= 0;
}

void holdback_begin(struct request *r)
{
    bytes_init(&r->held, HOLDBACK_MAX);
    r->holding = r->worker->options.response_holdback_timeout != 0 &&
                 (r->sized || r->unsized_body) && body_to_come(r);
}

int holdback_release(struct request *r)
{
    int e = 0;

    if (!r->holding)
        return 0;
    r->holding = false;
    if (r->connection != NULL && bytes_held(&r->held) > 0) {
        e = output_stream(&r->connection->output, FCGI_STDOUT, r->id, bytes_front(&r->held),
                          bytes_held(&r->held));
        request_sends(r, bytes_held(&r->held));
    }
    bytes_clear(&r->held);
    return e;
}

void holdback_drop(struct request *r)
{
    r->holding = false;
    bytes_clear(&r->held);
}

/* All that is held for requests of this connection may be let go at the same moment. */
static bool crowded(const struct request *r, size_t more)
{
    for (const struct request *other = r->connection->requests; other != NULL; other = other->next)
        more += bytes_held(&other->held);
    return more > HOLDBACK_CONNECTION_MAX;
}

int holdback_pass(struct request *r, const void *data, size_t length)
{
    int e;

    if (r->holding && (!body_to_come(r) || length > bytes_room(&r->held) || crowded(r, length)) &&
        (e = holdback_release(r)) < 0)
        return e;
    if (r->holding)
        return bytes_append(&r->held, data, length);
    request_sends(r, length);
    return output_stream(&r->connection->output, FCGI_STDOUT, r->id, data, length);
}

uint64_t holdback_deadline(const struct request *r)
{
    if (!r->holding || bytes_held(&r->held) == 0)
        return CLOCK_NEVER;
    return r->body_at + r->worker->options.response_holdback_timeout;
}

int holdback_check(struct request *r)
{
    if (r->holding && r->connection != NULL &&
        (!body_to_come(r) || holdback_deadline(r) <= clock_monotonic()))
        return holdback_release(r);
    return 0;
}
