/* SPDX-License-Identifier: Apache-2.0 */
/* A connection with a request in hand, or with output to send, is never closed here. */

#include "base/clock.h"
#include "serve/connection.h"
#include "serve/crowd.h"

#define SILENT (1 * CLOCK_SEC)
#define EXTRA 64 /* connections beyond the kept ones: new ones, and those being answered */

/* Who can be spared: those that are silent for long, kept ones, then those that should have said more
 * by now.  (A web server tries again when a kept connection closes on it, not when a new one does.) */
static unsigned dispensable(const struct connection *c, uint64_t now)
{
    if (c->dead || c->request_count > 0 || !output_empty(&c->output))
        return 0;
    if (!reader_began(c->reader))
        return now - c->created > SILENT ? 4 : 2;
    return c->collecting ? 1 : 3;
}

static void drop_one(struct worker *w, unsigned least)
{
    uint64_t now = clock_monotonic();
    struct connection *victim = NULL;
    unsigned most = least;

    /* The list is newest first: the last of a rank is the oldest. */
    for (struct connection *c = w->connections; c != NULL; c = c->next) {
        unsigned rank = dispensable(c, now);
        if (rank >= most) {
            most = rank;
            victim = c;
        }
    }
    if (victim != NULL)
        connection_lost(victim);
}

void crowd_make_room(struct worker *w)
{
    if (w->connection_count >= w->options.keepalive_connections + EXTRA)
        drop_one(w, 1);
    else if (!worker_has_descriptors(w))
        drop_one(w, 3); /* for want of a better one the newcomers wait in the backlog */
}

void crowd_trim(struct worker *w)
{
    unsigned idle = 0;

    for (const struct connection *c = w->connections; c != NULL; c = c->next)
        idle += connection_is_idle(c) && reader_began(c->reader);
    if (idle > w->options.keepalive_connections)
        drop_one(w, 3);
}
