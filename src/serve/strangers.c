/* SPDX-License-Identifier: Apache-2.0 */
/* A child that is not reaped keeps its number, so signalling children by number is safe here. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "host/process.h"
#include "serve/connection.h"
#include "serve/slow.h"
#include "serve/strangers.h"
#include "serve/worker.h"

#define SWEEP (CLOCK_SEC / 2)
#define SWEEP_SOON (20 * CLOCK_MSEC)

/* Is `pid` the program of a request in hand, or an examiner?  Those are reaped by program_collect(), and
 * by serve/slow.c. */
static bool is_known(const struct worker *w, pid_t pid)
{
    if (slow_is_examiner(w, pid))
        return true;
    for (const struct connection *c = w->connections; c != NULL; c = c->next)
        for (const struct request *r = c->requests; r != NULL; r = r->next)
            if (r->program.pid == pid)
                return true;
    for (const struct request *r = w->orphans; r != NULL; r = r->next)
        if (r->program.pid == pid)
            return true;
    return false;
}

void strangers_look(struct worker *w)
{
    siginfo_t info;
    uint64_t delay = SWEEP_SOON;

    if (w->programs > 0) { /* there surely are children: no need to ask, and no hurry */
        if (w->strangers && w->sweep_at != CLOCK_NEVER)
            return;
        delay = SWEEP;
    } else if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD) {
        return;
    }
    w->strangers = true;
    w->sweep_at = clock_monotonic() + delay;
    worker_alarm(w, w->sweep_at);
}

void strangers_sweep(struct worker *w)
{
    pid_t *pids = NULL;
    size_t count = 0;
    size_t left = 0;

    if (process_children(&pids, &count, NULL) < 0)
        count = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_known(w, pids[i]) && waitpid(pids[i], NULL, WNOHANG) == 0)
            left++;
    free(pids);
    w->strangers = left > 0;
    w->sweep_at = left > 0 ? clock_monotonic() + SWEEP : CLOCK_NEVER;
    worker_alarm(w, w->sweep_at);
}

/* Does a descriptor of process `pid` lead to the same pipe as one of these inodes? */
static bool holds(pid_t pid, const struct stat pipes[2], unsigned count)
{
    char path[64];
    bool found = false;

    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(folder)) != NULL;) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(dirfd(folder), entry->d_name, &st, 0) < 0)
            continue;
        for (unsigned i = 0; i < count; i++)
            found |= st.st_ino == pipes[i].st_ino && st.st_dev == pipes[i].st_dev;
    }
    closedir(folder);
    return found;
}

void strangers_evict(struct request *r)
{
    struct stat pipes[2];
    unsigned count = 0;
    pid_t *pids = NULL;
    size_t children = 0;

    if (r->program.out >= 0 && fstat(r->program.out, &pipes[count]) == 0)
        count++;
    if (r->program.err >= 0 && fstat(r->program.err, &pipes[count]) == 0)
        count++;
    if (count == 0 || process_children(&pids, &children, NULL) < 0)
        return;
    for (size_t i = 0; i < children; i++)
        if (!is_known(r->worker, pids[i]) && holds(pids[i], pipes, count))
            (void)kill(pids[i], SIGKILL);
    free(pids);
    r->worker->strangers = true;
    r->worker->sweep_at = clock_monotonic() + SWEEP_SOON;
    worker_alarm(r->worker, r->worker->sweep_at);
}
