/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_SLOW_CASE_H
#define GANGER_SERVE_SLOW_CASE_H

/*
 * The examination of one slow request: by a process of its own (host/errand.h), which looks at the
 * program through /proc, runs slowlog.command beside it, and writes one entry into the slow log.
 * Neither the program nor whoever serves its request waits for it.
 *
 *   slow_examine.c  what comes when, and writing
 *   slow_text.c     what /proc says, as lines
 *   slow_hook.c     slowlog.command
 *
 * Whatever comes from outside (a URI, a command line, what a hook prints) is escaped and cut.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/bytes.h"

struct slow_case {
    const char *pool;
    pid_t worker;  /* the program itself, for a native one */
    pid_t program; /* an unreaped child of `worker`'s, or of the master */
    int pidfd;     /* of the program */
    int log;       /* the slow log, open for appending */
    const char *method, *uri, *script, *user; /* NULL: nobody knows */
    uint64_t age, timeout;                    /* microseconds */
    unsigned omitted;                         /* slow requests before this one that have no entry */
    unsigned depth;                           /* lines of a stack, and of the hook's output */
    char *const *hook;                        /* slowlog.command; NULL: none */
    uint64_t hook_timeout;                    /* microseconds */
    uint64_t pipes[3]; /* inodes of what the program had as 0, 1 and 2; 0: not known */
};

/* The exit status of the process: 0, or the errno value of what kept the entry out of the log. */
int slow_examine(const struct slow_case *c);

/* A stage of the examination that takes longer, but for the hook (seconds): the kernel ends the process. */
#define SLOW_WATCHDOG 15u

#define SLOW_LINE 512u /* bytes of one escaped value */

/* ---- between the files of it ---- */
struct slow_watch {
    int program; /* pidfd: readable when it has ended */
    int orders;  /* signalfd: readable when we are to stop */
};
enum slow_news { SLOW_NOTHING, SLOW_PROGRAM_ENDED, SLOW_TOLD_TO_STOP };
/* Wait for news, `msec` milliseconds at most. */
enum slow_news slow_watch(const struct slow_watch *w, int msec);

/* "key = value", the value escaped and cut; nothing when it is NULL. */
void slow_text_line(struct bytes *to, const char *key, const char *value);
/* All that /proc tells. */
void slow_text(struct bytes *to, const struct slow_case *c);
/* Is the program stopped, or about to be? */
bool slow_text_is_stopped(const struct slow_case *c);

/* Run slowlog.command and add what it says; when this returns, nothing of it is left. */
void slow_hook(struct bytes *to, const struct slow_case *c, const struct slow_watch *watch);

#endif
