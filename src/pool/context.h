/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_CONTEXT_H
#define GANGER_POOL_CONTEXT_H

/* What all pools of one master share: facts about the master and the global options.  Read-only
 * for the pool room; the master owns everything in it and keeps it longer than any gang. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include "base/log.h"
#include "host/queue.h"

struct pool_context {
    bool root; /* the master may become other users */
    uid_t uid; /* its own, effective */
    gid_t gid;
    const char *runtime_directory;    /* the master makes it at start; NULL: none */
    int worker_fd;                    /* ganger-worker, opened once (host/process.h); -1: none */
    const char *worker_path;          /* for messages */
    char *const *environment;         /* of every worker: a NULL-terminated list */
    uint64_t process_control_timeout; /* usec */
    enum log_level log_level;
    struct rlimit files;  /* RLIMIT_NOFILE that workers start from: what the master was born with */
    int oom_score_adjust; /* for every worker; INT_MIN: as it is */
    struct queue *queue;  /* to ask how many connections wait; NULL: unix sockets are not known */
    uint32_t process_max; /* workers of all pools together (but status pools); 0: no limit */
    uint32_t *processes;  /* how many there are: the gangs count, nobody else writes; NULL: none */
};

#endif
