/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools that cannot run at the start because their address is taken.  When a master was killed, its
 * workers finish what they have in hand and leave, and until then the listening socket is theirs:
 * whoever takes its place too early would share a pool with an unknown configuration.  So a new
 * master tries again until they are gone, for as long as they may take.  Somebody else's socket is
 * never taken, however long that lasts.
 */
#include <errno.h>
#include "base/clock.h"
#include "base/log.h"
#include "master/crew_struct.h"

/* The pause between two tries; it grows by an eighth each time. */
#define PAUSE_FIRST (100 * CLOCK_MSEC)
#define PAUSE_MOST (5 * CLOCK_SEC)
/* Beyond process_control_timeout, which the workers of a dead master take at most. */
#define RETRY_GRACE (5 * CLOCK_SEC)

void crew_retry_begin(struct place *p, uint64_t now)
{
    uint64_t patience = p->current->crew->context->process_control_timeout + RETRY_GRACE;

    p->retry_pause = PAUSE_FIRST;
    p->retry_at = now + p->retry_pause;
    p->retry_until = now + patience;
    p->moving = true;
    log_write(LOG_LEVEL_NOTICE, p->name,
              "if its address is held by workers of a ganger that was killed, it is free when they "
              "have finished: trying again for %llu s",
              (unsigned long long)(patience / CLOCK_SEC));
}

/* Anything else that happened to the pool meanwhile has the right of way. */
static bool wanted(const struct place *p)
{
    return p->listed && !p->stopped && p->coming == NULL && p->current != NULL &&
           gang_state(p->current->gang) == BOARD_POOL_FAILED && !p->current->crew->stopping;
}

void crew_retry_look(struct place *p, uint64_t now)
{
    struct error err = ERROR_NONE;

    if (p->retry_until == 0)
        return;
    if (!wanted(p)) {
        p->retry_until = 0;
        return;
    }
    struct member *m = p->current;
    if (now >= p->retry_at) {
        int r = crew_place_open(m, &err);
        if (r < 0 && (err.number != EADDRINUSE || now >= p->retry_until)) {
            p->retry_until = 0;
            log_write(LOG_LEVEL_ERROR, p->name, "cannot run, and is not tried again: %s", err.text);
            return;
        }
        if (r >= 0) {
            p->retry_until = 0;
            log_write(LOG_LEVEL_NOTICE, p->name, "its address is free now");
            crew_mark(m);
            return;
        }
        if (p->retry_pause < PAUSE_FIRST) /* an upgrade came in between */
            p->retry_pause = PAUSE_FIRST;
        p->retry_pause += p->retry_pause < PAUSE_MOST ? p->retry_pause / 8 : 0;
        p->retry_at = now + p->retry_pause;
    }
    if (p->retry_at < m->deadline)
        m->deadline = p->retry_at;
}
