/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages go out in order; a status waits for all of them, and only the last one is kept.
 *
 * Invariants: the timer runs exactly when something is still to be sent and not given up.  Among the
 * unsent messages one at most tells a state (READY, RELOADING, STOPPING): the last counts.
 */
#include "master/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "host/herald.h"

/* Between two statuses, and between two tries. */
#define PACE (200 * CLOCK_MSEC)
/* Between two tries while messages wait, at first. */
#define SOON (5 * CLOCK_MSEC)
/* In vain, then what was to be said is dropped: ten minutes. */
#define TRIES_MAX 3000u
#define TRIES_SOON 100u

struct notify_message {
    struct notify_message *next;
    bool state;  /* READY, RELOADING, STOPPING */
    int fd;      /* to go with it, owned; -1: none */
    char text[]; /* VARIABLE=VALUE lines */
};

static void describe(struct notify *n, const struct crew_count *c)
{
    int used = snprintf(n->status, NOTIFY_TEXT_MAX, "%zu pools, %u workers", c->pools, c->workers);

    if (c->failed + c->failing > 0 && used > 0 && used < NOTIFY_TEXT_MAX)
        (void)snprintf(n->status + used, (size_t)(NOTIFY_TEXT_MAX - used),
                       "; %zu failing, %zu failed", c->failing, c->failed);
    n->told = *c;
}

static void message_free(struct notify_message *m)
{
    descriptor_close(&m->fd);
    free(m);
}

static void drop_first(struct notify *n)
{
    struct notify_message *m = n->first;

    n->first = m->next;
    if (n->first == NULL)
        n->last = &n->first;
    message_free(m);
}

static void drop_states(struct notify *n)
{
    struct notify_message **link = &n->first;

    while (*link != NULL) {
        struct notify_message *m = *link;

        if (m->state) {
            *link = m->next;
            message_free(m);
        } else
            link = &m->next;
    }
    n->last = link;
}

static void wake_at(struct notify *n, uint64_t when)
{
    (void)sd_event_source_set_time(n->timer, when);
    (void)sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT);
}

/* Not sent: try again, or give up. */
static void failed(struct notify *n, int r, const struct error *err)
{
    if (++n->tries >= TRIES_MAX) {
        while (n->first != NULL)
            drop_first(n);
        n->changed = false;
        n->tries = 0;
        return;
    }
    if (!n->warned && (r != HERALD_FULL || n->tries > TRIES_SOON))
        log_write(LOG_LEVEL_WARNING, NULL, "%s; trying again",
                  r == HERALD_FULL ? "the service manager does not read what it is told"
                                   : err->text);
    n->warned = n->warned || r != HERALD_FULL || n->tries > TRIES_SOON;
    wake_at(n, clock_monotonic() + (r == HERALD_FULL && n->tries <= TRIES_SOON ? SOON : PACE));
}

static void try_to_send(struct notify *n)
{
    char text[NOTIFY_TEXT_MAX + 16];
    struct error err = ERROR_NONE;
    int r = 0;

    while (n->first != NULL) {
        r = herald_send_with(n->first->text, n->first->fd, &err);
        if (r != 0 && r != HERALD_NOBODY) {
            failed(n, r, &err);
            return;
        }
        drop_first(n);
        n->tries = 0;
    }
    if (!n->changed)
        return;
    uint64_t now = clock_monotonic();
    if (now < n->due) {
        wake_at(n, n->due);
        return;
    }
    (void)snprintf(text, sizeof(text), "STATUS=%s", n->status);
    r = herald_send(text, &err);
    if (r != 0 && r != HERALD_NOBODY) {
        failed(n, r, &err);
        return;
    }
    n->changed = false;
    n->tries = 0;
    n->sent_at = now;
}

/* Nothing new while an old message cannot be sent: its timer goes on. */
static void soon(struct notify *n)
{
    if (n->tries == 0)
        try_to_send(n);
}

static void push(struct notify *n, bool state, int fd, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void push(struct notify *n, bool state, int fd, const char *format, ...)
{
    va_list list;

    if (getenv("NOTIFY_SOCKET") == NULL)
        return;
    va_start(list, format);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    struct notify_message *m = length < 0 ? NULL : malloc(sizeof(*m) + (size_t)length + 1);
    if (m == NULL) {
        log_write(LOG_LEVEL_WARNING, NULL, "no memory to tell the service manager something");
        return;
    }
    *m = (struct notify_message){.state = state, .fd = -1};
    va_start(list, format);
    (void)vsnprintf(m->text, (size_t)length + 1, format, list);
    va_end(list);
    if (fd >= 0 && (m->fd = descriptor_copy(fd)) < 0) {
        log_write(LOG_LEVEL_WARNING, NULL,
                  "too few descriptors to hand one to the service manager; raise rlimit_files");
        free(m);
        return;
    }
    if (state)
        drop_states(n);
    *n->last = m;
    n->last = &m->next;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    try_to_send(userdata);
    return 0;
}

/* A sign of life that finds no room is as good as sent: whoever does not read does not count. */
static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct notify *n = userdata;
    struct error err = ERROR_NONE;
    int r = herald_send("WATCHDOG=1", &err);

    (void)usec;
    uint64_t pause = n->watchdog_every / (r == 0 ? 2 : 8) + 1;
    (void)sd_event_source_set_time(source, clock_monotonic() + pause);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int notify_open(struct notify *n, sd_event *loop, struct error *err)
{
    int r = sd_event_add_time(loop, &n->timer, CLOCK_MONOTONIC, 0, CLOCK_MSEC, on_timer, n);

    n->last = &n->first;
    if (r >= 0)
        r = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
    if (r >= 0 && sd_watchdog_enabled(0, &n->watchdog_every) > 0)
        r = sd_event_add_time(loop, &n->watchdog, CLOCK_MONOTONIC, 0, CLOCK_MSEC, on_watchdog, n);
    return r < 0 ? error_errno(err, -r, "the event loop") : 0;
}

void notify_close(struct notify *n)
{
    if (n->last != NULL)
        try_to_send(n);
    while (n->first != NULL)
        drop_first(n);
    n->watchdog = sd_event_source_disable_unref(n->watchdog);
    n->timer = sd_event_source_disable_unref(n->timer);
}

void notify_tune(struct notify *n, uint64_t interval)
{
    n->interval = interval;
}

void notify_ready(struct notify *n, const struct crew_count *count)
{
    describe(n, count);
    if (!n->said_ready)
        log_write(LOG_LEVEL_NOTICE, NULL, "ready to handle connections: %s", n->status);
    n->said_ready = true;
    n->changed = false;
    push(n, true, -1, "READY=1\nSTATUS=%s", n->status);
    soon(n);
}

void notify_reloading(struct notify *n)
{
    push(n, true, -1, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_monotonic());
    soon(n);
}

void notify_changes(struct notify *n, const struct crew_count *count)
{
    bool health = count->failing != n->told.failing || count->failed != n->told.failed;
    bool size =
        n->interval > 0 && (count->workers != n->told.workers || count->pools != n->told.pools);

    if (!health && !size)
        return;
    describe(n, count);
    uint64_t due = n->sent_at + (health || n->interval < PACE ? PACE : n->interval);
    if (!n->changed || due < n->due)
        n->due = due;
    n->changed = true;
    soon(n);
}

void notify_stopping(struct notify *n, const char *status, uint64_t patience)
{
    n->changed = false;
    push(n, true, -1, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s",
         (unsigned long long)patience, status);
    soon(n);
}

void notify_store(struct notify *n, const char *name, int fd)
{
    push(n, false, fd, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    soon(n);
}

void notify_unstore(struct notify *n, const char *name)
{
    push(n, false, -1, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    soon(n);
}
