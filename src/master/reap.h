/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_REAP_H
#define GANGER_MASTER_REAP_H

/* Dead children: all of them, whoever they were. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct reaper {
    void *cookie;
    /* A child is gone (waitid's si_code and si_status); it and the children that it had waited for
     * have used `cpu` microseconds of processor time.  True when it was a worker. */
    bool (*dead)(void *cookie, pid_t pid, int code, int status, uint64_t cpu);
    /* Whether programs of some pool run as this user. */
    bool (*pool_user)(void *cookie, uid_t uid);
};

/* Reap what is dead, at most REAP_TURN processes.  True when there may be more: call again soon. */
#define REAP_TURN 1024
bool reap_children(const struct reaper *r);

#endif
