/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_NOTIFY_H
#define GANGER_MASTER_NOTIFY_H

/* What the service manager is told (sd_notify(3)); without NOTIFY_SOCKET it is nothing. */

#include "master/crew.h"

struct notify { /* all zero: nothing was told yet */
    struct crew_count told;
};

/* READY=1, and a line in the log. */
void notify_ready(struct notify *n, const struct crew_count *count);
/* A new STATUS, when the number of pools that fail has changed. */
void notify_changes(struct notify *n, const struct crew_count *count);
void notify_stopping(const char *status);

#endif
