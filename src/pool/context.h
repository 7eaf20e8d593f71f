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
#include "host/inherited.h"
#include "host/queue.h"

/* Who keeps listening sockets open while the master is away.  Told of each that is opened (`bound`: just
 * now; else it was taken over from somebody), and of each that is closed; both borrow the descriptor
 * for the time of the call.  Not told of systemd's. */
struct port_keeper {
    void *cookie;
    void (*keep)(void *cookie, const struct address *address, int fd, bool bound);
    void (*drop)(void *cookie, const struct address *address, int fd);
};

struct pool_context {
    bool root; /* the master may become other users */
    uid_t uid; /* its own, effective */
    gid_t gid;
    char user[64];                    /* its name; "": not known */
    const char *runtime_directory;    /* the master makes it at start; NULL: none */
    int worker_fd;                    /* ganger-worker, opened once (host/process.h); -1: none */
    const char *worker_path;          /* for messages */
    char *const *environment;         /* of every worker: a NULL-terminated list */
    uint64_t process_control_timeout; /* usec */
    enum log_level log_level;
    struct rlimit files;  /* RLIMIT_NOFILE that workers start from: what the master was born with */
    int oom_score_adjust; /* for every worker; INT_MIN: as it is */
    struct queue *queue;  /* to ask how many connections wait; NULL: unix sockets are not known */
    struct inherited *inherited;      /* sockets handed to the master at its start; NULL: none */
    const struct port_keeper *keeper; /* of listening sockets; NULL: nobody */
    bool leave_paths;     /* at a stop the sockets go on in the keeper's hands: their paths stay */
    uint32_t process_max; /* workers of all pools together (but status pools); 0: no limit */
    uint32_t *processes;  /* how many there are: the gangs count, nobody else writes; NULL: none */
    uint32_t *floods;     /* workers whose output floods, likewise; NULL: none */
};

#endif
