/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_NOTIFY_H
#define GANGER_MASTER_NOTIFY_H

/*
 * What the service manager is told (sd_notify(3)); without NOTIFY_SOCKET it is nothing.  Nothing
 * here ever waits: what cannot be sent is tried again later, and told once in the log.
 */

#include <systemd/sd-event.h>
#include "base/error.h"
#include "master/crew.h"

#define NOTIFY_TEXT_MAX 160

struct notify_message;
struct notify { /* all zero: closed, and nothing was told yet */
    sd_event_source *timer;
    sd_event_source *watchdog;
    uint64_t watchdog_every;              /* usec between signs of life; 0: nobody asks for them */
    struct notify_message *first, **last; /* unsent, in order; owned */
    uint64_t interval; /* usec between two STATUS that differ in the number of workers; 0: never */
    struct crew_count told;
    bool changed; /* the status is still to be sent … */
    uint64_t due; /* … and not before */
    char status[NOTIFY_TEXT_MAX];
    bool said_ready;
    unsigned tries; /* in vain, of what is to be sent */
    bool warned;
    uint64_t sent_at; /* monotonic */
};

/* Before the others; 0 or negative.  From here on WATCHDOG=1 is sent as often as $WATCHDOG_USEC asks
 * for, by a timer of the loop: a loop that hangs is silent. */
int notify_open(struct notify *n, sd_event *loop, struct error *err);
/* What is still to be said is tried once more. */
void notify_close(struct notify *n);
/* systemd_interval. */
void notify_tune(struct notify *n, uint64_t interval);
/* READY=1, at the start and when a reload is settled; the first time with a line in the log. */
void notify_ready(struct notify *n, const struct crew_count *count);
/* A reload begins; notify_ready() is to follow, whatever comes of it. */
void notify_reloading(struct notify *n);
/* A new STATUS, when the number of pools that fail has changed; a few a second at most. */
void notify_changes(struct notify *n, const struct crew_count *count);
/* The end begins, and is over in `patience` usec at the latest. */
void notify_stopping(struct notify *n, const char *status, uint64_t patience);

/* For the file descriptor store: keep a copy of `fd` under this name, or forget what has that name. */
void notify_store(struct notify *n, const char *name, int fd);
void notify_unstore(struct notify *n, const char *name);

#endif
