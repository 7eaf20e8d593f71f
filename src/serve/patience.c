/* SPDX-License-Identifier: Apache-2.0 */
/* Every state but "a request is running" has a limit; requests have their own (request.c). */

#include "base/clock.h"
#include "base/log.h"
#include "serve/patience.h"
#include "wire/reader.h"

#define FIRST_BYTE (5 * CLOCK_SEC)
#define FIRST_BYTE_LEAVING (CLOCK_SEC / 2) /* accepted just before we were told to leave */
#define LINGER (1 * CLOCK_SEC)

uint64_t patience_deadline(const struct connection *c)
{
    const struct options *o = &c->worker->options;
    uint64_t when = CLOCK_NEVER;
    uint64_t idle = CLOCK_NEVER;

    if (c->lingering)
        return c->lingering_since + LINGER;
    if (c->progress != 0 && o->request_body_timeout != 0)
        when = c->progress + o->request_body_timeout;
    if (!reader_began(c->reader))
        idle = c->created + (c->worker->leaving ? FIRST_BYTE_LEAVING : FIRST_BYTE);
    else if (c->collecting)
        idle = o->request_params_timeout == 0 || !connection_is_read(c)
                   ? CLOCK_NEVER
                   : c->collecting_since + o->request_params_timeout;
    else if (c->request_count == 0 && c->draining > 0)
        idle = (c->idle_since > c->draining_since ? c->idle_since : c->draining_since) + LINGER;
    else if (c->request_count == 0 && o->keepalive_timeout != 0)
        idle = c->idle_since + o->keepalive_timeout;
    return idle < when ? idle : when;
}

void patience_expire(struct connection *c, uint64_t now)
{
    unsigned held;

    if (c->dead || patience_deadline(c) > now)
        return;
    if (c->progress != 0 || c->collecting) {
        if (log_limit_pass(&c->worker->illegal, now, 5, &held))
            log_write(LOG_LEVEL_WARNING, c->worker->options.pool, "connection from %s closed: %s",
                      c->peer,
                      c->collecting ? "its parameters did not come within request_params_timeout"
                                    : "it took nothing of the response for request_body_timeout");
    }
    connection_lost(c);
}
