/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: the timer runs exactly when something is still to be sent and not given up. */
#include "master/notify.h"

#include <stdio.h>
#include "base/clock.h"
#include "base/log.h"
#include "host/herald.h"

/* Between two messages, unless they are urgent; and between two tries. */
#define PACE (200 * CLOCK_MSEC)
/* In vain, then what was to be said is dropped: ten minutes. */
#define TRIES_MAX 3000u

static void describe(const struct crew_count *c, char out[NOTIFY_TEXT_MAX])
{
    int used = snprintf(out, NOTIFY_TEXT_MAX, "%zu pools, %u workers", c->pools, c->workers);

    if (c->failed + c->failing > 0 && used > 0 && used < NOTIFY_TEXT_MAX)
        (void)snprintf(out + used, (size_t)(NOTIFY_TEXT_MAX - used), "; %zu failing, %zu failed",
                       c->failing, c->failed);
}

static void later(struct notify *n)
{
    (void)sd_event_source_set_time(n->timer, clock_monotonic() + PACE);
    (void)sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT);
}

static void forget(struct notify *n)
{
    n->ready = n->stopping = false;
    n->tries = 0;
    (void)sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
}

static void try_to_send(struct notify *n)
{
    char text[NOTIFY_TEXT_MAX + 64];
    struct error err = ERROR_NONE;

    (void)snprintf(text, sizeof(text), "%s%sSTATUS=%s", n->ready ? "READY=1\n" : "",
                   n->stopping ? "STOPPING=1\n" : "", n->status);
    int r = herald_send(text, &err);
    if (r == 0 || r == HERALD_NOBODY || ++n->tries >= TRIES_MAX) {
        n->sent_at = clock_monotonic();
        forget(n);
        return;
    }
    if (!n->warned)
        log_write(LOG_LEVEL_WARNING, NULL, "%s; trying again",
                  r == HERALD_FULL ? "the service manager does not read what it is told"
                                   : err.text);
    n->warned = true;
    later(n);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    try_to_send(userdata);
    return 0;
}

int notify_open(struct notify *n, sd_event *loop, struct error *err)
{
    int r = sd_event_add_time(loop, &n->timer, CLOCK_MONOTONIC, 0, CLOCK_MSEC, on_timer, n);

    if (r >= 0)
        r = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
    return r < 0 ? error_errno(err, -r, "the event loop") : 0;
}

void notify_close(struct notify *n)
{
    n->timer = sd_event_source_disable_unref(n->timer);
}

void notify_ready(struct notify *n, const struct crew_count *count)
{
    n->told = *count;
    describe(count, n->status);
    log_write(LOG_LEVEL_NOTICE, NULL, "ready to handle connections: %s", n->status);
    n->ready = true;
    try_to_send(n);
}

void notify_changes(struct notify *n, const struct crew_count *count)
{
    if (count->failing == n->told.failing && count->failed == n->told.failed)
        return;
    n->told = *count;
    describe(count, n->status);
    if (n->tries == 0 && clock_monotonic() - n->sent_at >= PACE)
        try_to_send(n);
    else
        later(n);
}

void notify_stopping(struct notify *n, const char *status)
{
    (void)snprintf(n->status, sizeof(n->status), "%s", status);
    n->stopping = true;
    try_to_send(n);
}
