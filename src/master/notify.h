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

struct notify { /* all zero: closed, and nothing was told yet */
    sd_event_source *timer;
    struct crew_count told;
    bool ready, stopping; /* still to be sent */
    char status[NOTIFY_TEXT_MAX];
    unsigned tries; /* in vain, of what is to be sent */
    bool warned;
    uint64_t sent_at; /* monotonic */
};

/* Before the others; 0 or negative. */
int notify_open(struct notify *n, sd_event *loop, struct error *err);
void notify_close(struct notify *n);
/* READY=1, and a line in the log. */
void notify_ready(struct notify *n, const struct crew_count *count);
/* A new STATUS, when the number of pools that fail has changed; a few a second at most. */
void notify_changes(struct notify *n, const struct crew_count *count);
void notify_stopping(struct notify *n, const char *status);

#endif
