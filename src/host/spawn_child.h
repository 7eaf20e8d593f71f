/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SPAWN_CHILD_H
#define GANGER_HOST_SPAWN_CHILD_H

/* What happens between clone and exec.  Only host/spawn.c uses this. */

#include <stddef.h>
#include <sys/types.h>
#include "host/spawn.h"

struct spawn_child {
    const struct spawn_plan *plan;
    pid_t parent;                /* pid of the starter as it was before the clone */
    int report_fd;               /* write end of the report pipe; -1: use *report */
    struct spawn_report *report; /* memory shared with the starter */
    int exec_fd;                 /* the plan's; the child moves it out of the way of plan->fds */
    gid_t *groups;               /* room to read the groups back; NULL without identity */
    size_t group_room;
};

/* Carry out the plan of `context` (a struct spawn_child) and exec; on failure report and exit with
 * status 127.  Never returns.  Runs with every signal blocked. */
int spawn_child_run(void *context) __attribute__((noreturn));

/* No instrumentation: see host/spawn_child.c. */
#define BARE __attribute__((no_sanitize("address", "undefined")))

/* Steps of host/spawn_caps.c, in this order; 0 or a positive errno value.  What plan->chroot_later
 * needs stays. */
int spawn_caps_keep(const struct spawn_plan *plan);
int spawn_caps_bound(void);
int spawn_caps_drop(const struct spawn_plan *plan);

#endif
