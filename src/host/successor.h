/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SUCCESSOR_H
#define GANGER_HOST_SUCCESSOR_H

/*
 * A process that becomes another program and keeps its pid, its children and the descriptors that it
 * names.  Single-threaded callers only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

struct successor_plan {
    const char *path; /* absolute */
    char *const *argv;
    char *const *envp;
    const int *fds; /* what the program finds open besides 0, 1 and 2 */
    size_t count;
};

struct successor_trial {
    pid_t pid; /* the caller's to reap */
    int pidfd; /* close-on-exec; the caller's to close */
    int answer; /* all that it writes to 1 and 2, non-blocking, close-on-exec; the caller's to close */
};
/*
 * Run it in a child, with copies of those descriptors, 0 on /dev/null, 1 and 2 on a pipe, and a process
 * group of its own.  The child is killed when the caller dies.  0 or negative; an exec that fails
 * writes its reason to the pipe and exits with 127.
 */
int successor_try(const struct successor_plan *p, struct successor_trial *ret, struct error *err);
/* Kill it, unless it was `reaped`, and with it (or after it) all of its group that are children of
 * ours; close its descriptors.  Safe to call twice. */
void successor_end(struct successor_trial *t, bool reaped);

/*
 * Become it.  Comes back only when that has failed: negative with err, and every descriptor is
 * close-on-exec again.  Blocked signals stay blocked, and pending those that are pending.
 */
int successor_become(const struct successor_plan *p, struct error *err);

/* Our environment without the variables of these names (the last is NULL), and with the entry `more`,
 * unless that is NULL.  The list alone is to be freed; NULL: no memory. */
char **successor_environment(const char *const *without, char *more);

/*
 * The path by which this process's program was started, as far as it leads there (it is what an
 * upgrade replaces): absolute, links in it not followed; malloc'd, NULL with err.
 */
char *successor_own_path(struct error *err);

#endif
