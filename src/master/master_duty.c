/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master does between its start and its end.  Nothing that a worker, a pool or a shortage
 * does ends it.
 */
#include "master/master_struct.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/process.h"
#include "master/reap.h"

/* What a stop may take beyond process_control_timeout: TERM, KILL, and a kernel that is slow. */
#define STOP_PATIENCE (10 * CLOCK_SEC)

/* ---- readiness ---- */

void master_announce(struct master *m, const struct crew_count *n)
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

    master_reload_settled(m);
    control_settled(m->control);
    if (m->stopping) {
        if (n.workers == 0)
            (void)sd_event_exit(m->loop, MASTER_EXIT_OK);
        return;
    }
    if (m->ready)
        notify_changes(&m->notice, &n);
    else if (n.decided >= n.pools)
        master_announce(m, &n);
    upgrade_settled(m->upgrade);
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
        master_announce(m, &n);
    return 0;
}

/* ---- the end, and the dead ---- */

void master_stop(struct master *m, enum gang_stop_how how)
{
    static const char *const words[] = {
        [GANG_STOP_RETIRE] = "",
        [GANG_STOP_DRAIN] = "finishing requests, then stopping",
        [GANG_STOP_TERM] = "stopping now",
        [GANG_STOP_KILL] = "killing all workers",
    };
    uint64_t patience = STOP_PATIENCE;

    if (m->stopping && how <= m->how)
        return;
    upgrade_cancel(m->upgrade, "ganger is to stop");
    m->stopping = true;
    m->how = how;
    log_write(LOG_LEVEL_NOTICE, NULL, "%s", words[how]);
    if (how == GANG_STOP_DRAIN)
        patience += m->context.process_control_timeout;
    notify_stopping(&m->notice, words[how], patience);
    /* Whether we are to start again nobody says: if so, those who come meanwhile wait there. */
    m->context.leave_paths = keep_active(&m->keep);
    keep_stop(&m->keep);
    (void)sd_event_source_set_time(m->patience, clock_monotonic() + patience);
    (void)sd_event_source_set_enabled(m->patience, SD_EVENT_ONESHOT);
    crew_stop(m->crew, how);
}

static bool child_dead(void *cookie, pid_t pid, int code, int status, uint64_t cpu)
{
    struct master *m = cookie;

    return upgrade_reaped(m->upgrade, pid, code, status) ||
           crew_dead(m->crew, pid, code, status, cpu);
}

static bool child_of_pool(void *cookie, uid_t uid)
{
    struct master *m = cookie;

    return crew_pool_user(m->crew, uid);
}

void master_reap(struct master *m)
{
    const struct reaper reaper = {.cookie = m, .dead = child_dead, .pool_user = child_of_pool};

    if (reap_children(&reaper))
        (void)sd_event_source_set_enabled(m->again, SD_EVENT_ONESHOT);
}

int master_on_again(sd_event_source *source, void *userdata)
{
    (void)source;
    master_reap(userdata);
    return 0;
}
