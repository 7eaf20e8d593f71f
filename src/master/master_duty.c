/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master does between its start and its end.  Nothing that a worker, a pool or a shortage
 * does ends it.
 */
#include "master/master_struct.h"

#include <signal.h>
#include "base/clock.h"
#include "base/log.h"
#include "host/process.h"
#include "master/reap.h"

/* What a stop may take beyond process_control_timeout: TERM, KILL, and a kernel that is slow. */
#define STOP_PATIENCE (10 * CLOCK_SEC)

/* ---- readiness ---- */

static void announce(struct master *m, const struct crew_count *n)
{
    m->ready = true;
    notify_ready(&m->notice, n);
    process_daemon_ready();
    (void)sd_event_source_set_enabled(m->patience, SD_EVENT_OFF);
}

/* After every round of settling. */
void master_settled(void *cookie)
{
    struct master *m = cookie;
    struct crew_count n = crew_count(m->crew);

    if (m->stopping) {
        if (n.workers == 0)
            (void)sd_event_exit(m->loop, MASTER_EXIT_OK);
        return;
    }
    if (m->ready)
        notify_changes(&m->notice, &n);
    else if (n.decided >= n.pools)
        announce(m, &n);
}

int master_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct master *m = userdata;

    (void)source;
    (void)usec;
    struct crew_count n = crew_count(m->crew);
    if (m->stopping) {
        log_write(LOG_LEVEL_ALERT, NULL, "%u workers cannot be ended; leaving them behind",
                  n.workers);
        return sd_event_exit(m->loop, MASTER_EXIT_CANNOT);
    }
    if (!m->ready)
        announce(m, &n);
    return 0;
}

/* ---- signals ---- */

void master_stop(struct master *m, enum gang_stop_how how)
{
    static const char *const words[] = {
        [GANG_STOP_DRAIN] = "finishing requests, then stopping",
        [GANG_STOP_TERM] = "stopping now",
        [GANG_STOP_KILL] = "killing all workers",
    };
    uint64_t patience = STOP_PATIENCE;

    if (m->stopping && how <= m->how)
        return;
    if (!m->stopping)
        notify_stopping(&m->notice, words[how]);
    m->stopping = true;
    m->how = how;
    log_write(LOG_LEVEL_NOTICE, NULL, "%s", words[how]);
    if (how == GANG_STOP_DRAIN)
        patience += m->context.process_control_timeout;
    (void)sd_event_source_set_time(m->patience, clock_monotonic() + patience);
    (void)sd_event_source_set_enabled(m->patience, SD_EVENT_ONESHOT);
    crew_stop(m->crew, how);
}

static bool child_dead(void *cookie, pid_t pid, int code, int status)
{
    struct master *m = cookie;

    return crew_dead(m->crew, pid, code, status);
}

static bool child_of_pool(void *cookie, uid_t uid)
{
    struct master *m = cookie;

    return crew_pool_user(m->crew, uid);
}

static void reap(struct master *m)
{
    const struct reaper reaper = {.cookie = m, .dead = child_dead, .pool_user = child_of_pool};

    if (reap_children(&reaper))
        (void)sd_event_source_set_enabled(m->again, SD_EVENT_ONESHOT);
}

int master_on_again(sd_event_source *source, void *userdata)
{
    (void)source;
    reap(userdata);
    return 0;
}

void master_signal(void *cookie, int number)
{
    struct master *m = cookie;
    struct error err = ERROR_NONE;

    switch (number) {
    case SIGCHLD:
        reap(m);
        break;
    case SIGQUIT:
        master_stop(m, GANG_STOP_DRAIN);
        break;
    case SIGTERM:
    case SIGINT:
        master_stop(m, m->stopping && m->how >= GANG_STOP_TERM ? GANG_STOP_KILL : GANG_STOP_TERM);
        break;
    case SIGUSR1:
        if (log_reopen(&err) < 0)
            log_write(LOG_LEVEL_ERROR, NULL, "cannot reopen the log, going on with the old one: %s",
                      err.text);
        else
            log_write(LOG_LEVEL_NOTICE, NULL, "log reopened");
        break;
    case SIGHUP:
        log_write(LOG_LEVEL_WARNING, NULL,
                  "SIGHUP: reload is not yet supported; nothing has changed");
        break;
    case SIGUSR2:
        log_write(LOG_LEVEL_WARNING, NULL,
                  "SIGUSR2: upgrade is not yet supported; nothing has changed");
        break;
    default:
        break;
    }
}
