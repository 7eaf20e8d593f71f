/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gang is never settled in the middle of an event: it is marked, and a deferred source of the
 * same priority settles all that are marked.  Sources of one priority take turns, so neither a
 * worker that floods nor a pool that keeps dying holds up the others.
 */
#include "master/crew_struct.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"

/* ---- settling ---- */

void crew_mark(struct member *m)
{
    m->marked = true;
    (void)sd_event_source_set_enabled(m->crew->settle_source, SD_EVENT_ONESHOT);
}

static void arm_timer(struct crew *c)
{
    uint64_t soonest = CLOCK_NEVER;

    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i]->deadline < soonest)
            soonest = c->members[i]->deadline;
    }
    if (soonest == CLOCK_NEVER) {
        (void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time(c->timer, soonest);
    (void)sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static int on_settle(sd_event_source *source, void *userdata)
{
    struct crew *c = userdata;
    uint64_t now = clock_monotonic();

    (void)source;
    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        if (!m->marked)
            continue;
        m->marked = false;
        m->deadline = gang_settle(m->gang, now);
        uint64_t flush = voice_flush(&m->voice, gang_name(m->gang), false, now);
        if (flush < m->deadline)
            m->deadline = flush;
    }
    crew_progress(c, now);
    arm_timer(c);
    c->settled(c->cookie);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct crew *c = userdata;
    uint64_t now = clock_monotonic();

    (void)source;
    (void)usec;
    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i]->deadline <= now)
            crew_mark(c->members[i]);
    }
    arm_timer(c); /* for the others; the marked ones ask anew */
    return 0;
}

void crew_settle_all(struct crew *c)
{
    for (size_t i = 0; i < c->member_count; i++)
        crew_mark(c->members[i]);
}

/* ---- making and ending ---- */

static int make_sources(struct crew *c, struct error *err)
{
    int r = watch_table_new(&c->watches, c->loop);

    if (r == 0)
        r = sd_event_add_defer(c->loop, &c->settle_source, on_settle, c);
    if (r >= 0)
        r = sd_event_source_set_enabled(c->settle_source, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time(c->loop, &c->timer, CLOCK_MONOTONIC, 0, CLOCK_MSEC, on_timer, c);
    if (r >= 0)
        r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
    return r < 0 ? error_errno(err, -r, "the event loop") : 0;
}

void crew_limit(struct crew *c, const struct conf_global *global)
{
    c->scarce = global->process_max > 0;
    if (c->emergency.threshold != global->emergency_restart_threshold ||
        c->emergency.interval != global->emergency_restart_interval)
        emergency_init(&c->emergency, global->emergency_restart_threshold,
                       global->emergency_restart_interval);
}

/* Each pool has its place, and a gang in it that is not open. */
static int make_places(struct crew *c, struct conf *conf, struct error *err)
{
    for (size_t i = 0; i < conf->pool_count; i++) {
        struct place *p = crew_place_add(c, conf->pools[i].name);

        if (p == NULL)
            return error_errno(err, ENOMEM, "pools");
        crew_place_assign(p, conf, i);
        p->action = CREW_ADD;
        p->result = CREW_DONE; /* a start is no change that anybody waits for */
        struct member *m = crew_place_hire(c, p, err);
        if (m == NULL)
            return -ENOMEM;
        p->current = m;
        m->role = CREW_CURRENT;
        crew_place_show(m);
    }
    return 0;
}

int crew_new(struct crew **ret, sd_event *loop, struct conf *conf,
             const struct pool_context *context, void (*settled)(void *cookie), void *cookie,
             struct error *err)
{
    struct crew *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return error_errno(err, ENOMEM, "pools");
    c->loop = sd_event_ref(loop);
    c->context = context;
    c->settled = settled;
    c->cookie = cookie;
    crew_limit(c, &conf->global);
    int r = make_sources(c, err);
    if (r == 0)
        r = crew_measure_new(c, err);
    if (r >= 0)
        r = make_places(c, conf, err);
    if (r < 0) {
        (void)crew_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

size_t crew_open(struct crew *c, char *const *reasons)
{
    size_t failed = 0;

    for (size_t i = 0; i < c->place_count; i++) {
        struct place *p = c->places[i];
        struct error err = ERROR_NONE;

        p->moving = true;
        if (reasons[i] != NULL)
            (void)error_set(&err, EINVAL, "%s", reasons[i]);
        else if (gang_open(p->current->gang, &err) >= 0)
            continue;
        gang_fail(p->current->gang, err.text);
        log_write(LOG_LEVEL_ERROR, p->name, "cannot run: %s", err.text);
        if (reasons[i] == NULL && err.number == EADDRINUSE)
            crew_retry_begin(p, clock_monotonic());
        else
            failed++;
    }
    return failed;
}

void crew_say_held(struct crew *c)
{
    uint64_t now = clock_monotonic();

    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        gang_say_held(m->gang, now);
        (void)voice_flush(&m->voice, gang_name(m->gang), true, now);
    }
}

struct crew *crew_free(struct crew *c)
{
    if (c == NULL)
        return NULL;
    crew_say_held(c);
    crew_measure_free(c);
    while (c->member_count > 0)
        crew_place_dismiss(c->members[c->member_count - 1]);
    for (size_t i = 0; i < c->place_count; i++)
        crew_place_free(c->places[i]);
    (void)sd_event_source_disable_unref(c->timer);
    (void)sd_event_source_disable_unref(c->settle_source);
    (void)watch_table_free(c->watches);
    sd_event_unref(c->loop);
    feed_clear(&c->feed);
    free(c->places);
    free(c->members);
    free(c);
    return NULL;
}

/* ---- events and questions ---- */

/* The last resort of emergency_restart_threshold. */
static void replace_all(struct crew *c)
{
    log_write(LOG_LEVEL_WARNING, NULL,
              "%u workers were killed by SIGSEGV or SIGBUS within emergency_restart_interval: "
              "replacing all workers",
              c->emergency.threshold);
    for (size_t i = 0; i < c->member_count; i++)
        gang_replace_all(c->members[i]->gang);
    crew_settle_all(c);
}

bool crew_dead(struct crew *c, pid_t pid, int code, int status, uint64_t cpu)
{
    uint64_t now = clock_monotonic();

    for (size_t i = 0; i < c->member_count; i++) {
        if (!gang_reaped(c->members[i]->gang, pid, code, status, cpu, now))
            continue;
        crew_mark(c->members[i]);
        if (c->scarce)
            crew_settle_all(c);
        if ((code == CLD_KILLED || code == CLD_DUMPED) &&
            emergency_fault(&c->emergency, status, now))
            replace_all(c);
        return true;
    }
    return false;
}

bool crew_pool_user(const struct crew *c, uid_t uid)
{
    for (size_t i = 0; i < c->member_count; i++) {
        if (gang_runs_as(c->members[i]->gang, uid))
            return true;
    }
    return false;
}

void crew_stop(struct crew *c, enum gang_stop_how how)
{
    c->stopping = true;
    for (size_t i = 0; i < c->member_count; i++) {
        gang_stop(c->members[i]->gang, how, clock_monotonic());
        crew_mark(c->members[i]);
    }
}
