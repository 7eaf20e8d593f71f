/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_ERRAND_H
#define GANGER_HOST_ERRAND_H

/*
 * A copy of this process that does one thing and exits: for what may take long, in a process that
 * must not wait.
 *
 * It has a session of its own, and no descriptors but 0 to 2 and those that it is to keep, or the
 * other end of a connection would not notice its end.  It gets SIGTERM when its starter dies; SIGTERM is
 * blocked in it, and all else is as at its birth.  What it starts and loses comes back to it
 * (subreaper).
 */

#include <stdint.h>
#include "base/error.h"
#include "host/spawn.h"

#define ERRAND_KEEP_MAX 8

struct errand {
    int (*run)(void *cookie); /* in the copy: returns its exit status */
    void *cookie;
    const int *keep; /* descriptors; those below 0 are ignored */
    size_t keep_count;
};

/* 0 with *ret (report_fd -1), the caller's to reap; or negative.  The caller is single-threaded. */
int errand_start(const struct errand *e, struct spawned *ret, struct error *err);
/* The part of it that holds in a process that was exec'd for the errand, too: signals, parent, who
 * its children are.  `parent` is who is to be its parent; negative when that one is gone. */
int errand_settle_in(pid_t parent);

#endif
