/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_CREW_H
#define GANGER_MASTER_CREW_H

/*
 * All gangs of the master, tied to the event loop: what happens is given to the gang that it
 * concerns, that gang is settled soon afterwards, and one timer wakes the one that asked first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>
#include "base/error.h"
#include "conf/conf.h"
#include "pool/context.h"
#include "pool/gang.h"

struct crew;

/*
 * A gang for every pool of `conf` (borrowed, as is `context`), none of them open.  `settled` is
 * called after every round of settling.  0 or negative.
 */
int crew_new(struct crew **ret, sd_event *loop, const struct conf *conf,
             const struct pool_context *context, void (*settled)(void *cookie), void *cookie,
             struct error *err);
struct crew *crew_free(struct crew *c);

/*
 * Open every pool: `reasons[i]`, when it is not NULL, fails the i-th one at once.  What fails is
 * logged; the others go on.  Returns how many failed.
 */
size_t crew_open(struct crew *c, char *const *reasons);
/* Settle all of them soon. */
void crew_settle_all(struct crew *c);

/* For master/reap.h. */
bool crew_dead(struct crew *c, pid_t pid, int code, int status);
bool crew_pool_user(const struct crew *c, uid_t uid);

void crew_stop(struct crew *c, enum gang_stop_how how);

struct crew_count {
    size_t pools, failed; /* cannot run */
    size_t failing;       /* throttled */
    size_t decided;       /* pools of which it is known: at full strength, or failing */
    uint32_t workers;     /* alive */
};
struct crew_count crew_count(const struct crew *c);

#endif
