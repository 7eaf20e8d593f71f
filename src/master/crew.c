/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gang is never settled in the middle of an event: it is marked, and a deferred source of the
 * same priority settles all that are marked.  Sources of one priority take turns, so neither a
 * worker that floods nor a pool that keeps dying holds up the others.
 */
#include "master/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "master/voice.h"
#include "master/watch_table.h"
#include "pool/emergency.h"

struct member {
    struct crew *crew;
    struct gang *gang;
    struct voice voice;
    bool marked;
    uint64_t deadline; /* monotonic: when it wants to be settled */
};

struct crew {
    sd_event *loop;
    struct watch_table *watches;
    struct emergency emergency;
    bool scarce; /* process.max holds: a death in one pool may be a birth in another */
    sd_event_source *settle_source;
    sd_event_source *timer;
    void (*settled)(void *cookie);
    void *cookie;
    struct member *members; /* in the order of the config */
    struct gang **gangs;    /* the same, for status workers */
    size_t count;
};

/* ---- settling ---- */

static void mark(struct member *m)
{
    m->marked = true;
    (void)sd_event_source_set_enabled(m->crew->settle_source, SD_EVENT_ONESHOT);
}

static void arm_timer(struct crew *c)
{
    uint64_t soonest = CLOCK_NEVER;

    for (size_t i = 0; i < c->count; i++) {
        if (c->members[i].deadline < soonest)
            soonest = c->members[i].deadline;
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
    for (size_t i = 0; i < c->count; i++) {
        struct member *m = &c->members[i];

        if (!m->marked)
            continue;
        m->marked = false;
        m->deadline = gang_settle(m->gang, now);
        uint64_t flush = voice_flush(&m->voice, gang_name(m->gang), now);
        if (flush < m->deadline)
            m->deadline = flush;
    }
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
    for (size_t i = 0; i < c->count; i++) {
        if (c->members[i].deadline <= now)
            mark(&c->members[i]);
    }
    arm_timer(c); /* for the others; the marked ones ask anew */
    return 0;
}

void crew_settle_all(struct crew *c)
{
    for (size_t i = 0; i < c->count; i++)
        mark(&c->members[i]);
}

/* ---- hooks of the gangs ---- */

static void on_fired(void *cookie, const struct gang_watch *w)
{
    struct member *m = cookie;

    gang_ready(m->gang, w, clock_monotonic());
    mark(m);
}

static int hook_watch(void *cookie, struct gang *g, const struct gang_watch *w)
{
    struct member *m = cookie;

    (void)g;
    return watch_table_set(m->crew->watches, w, on_fired, m);
}

static void hook_unwatch(void *cookie, struct gang *g, const struct gang_watch *w)
{
    struct member *m = cookie;

    (void)g;
    watch_table_remove(m->crew->watches, w);
}

static void hook_line(void *cookie, struct gang *g, pid_t pid, int level, const char *line,
                      size_t length)
{
    struct member *m = cookie;

    voice_line(&m->voice, gang_name(g), pid, level, line, length, clock_monotonic());
}

static void hook_say(void *cookie, struct gang *g, enum log_level level, const char *text)
{
    (void)cookie;
    log_write(level, gang_name(g), "%s", text);
}

/* ---- making and ending ---- */

static int make_member(struct crew *c, const struct conf_pool *pool,
                       const struct pool_context *context, struct error *err)
{
    struct member *m = &c->members[c->count];
    struct gang_hooks hooks = {.cookie = m,
                               .watch = hook_watch,
                               .unwatch = hook_unwatch,
                               .line = hook_line,
                               .say = hook_say};

    *m = (struct member){.crew = c, .deadline = CLOCK_NEVER};
    int r = gang_new(&m->gang, pool, context, &hooks, clock_monotonic(), clock_wall(), err);
    if (r < 0)
        return error_wrap(err, "pool %s", pool->name);
    c->gangs[c->count++] = m->gang;
    return 0;
}

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

int crew_new(struct crew **ret, sd_event *loop, const struct conf *conf,
             const struct pool_context *context, void (*settled)(void *cookie), void *cookie,
             struct error *err)
{
    struct crew *c = calloc(1, sizeof(*c));
    size_t room = conf->pool_count == 0 ? 1 : conf->pool_count;

    if (c == NULL)
        return error_errno(err, ENOMEM, "pools");
    c->loop = sd_event_ref(loop);
    c->settled = settled;
    c->scarce = conf->global.process_max > 0;
    emergency_init(&c->emergency, conf->global.emergency_restart_threshold,
                   conf->global.emergency_restart_interval);
    c->cookie = cookie;
    c->members = calloc(room, sizeof(*c->members));
    c->gangs = calloc(room, sizeof(struct gang *));
    int r = c->members == NULL || c->gangs == NULL ? error_errno(err, ENOMEM, "pools")
                                                   : make_sources(c, err);
    for (size_t i = 0; i < conf->pool_count && r == 0; i++)
        r = make_member(c, &conf->pools[i], context, err);
    if (r < 0) {
        (void)crew_free(c);
        return r;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (conf->pools[i].kind == CONF_KIND_STATUS)
            gang_feed(c->gangs[i], c->gangs, c->count);
    }
    *ret = c;
    return 0;
}

size_t crew_open(struct crew *c, char *const *reasons)
{
    size_t failed = 0;

    for (size_t i = 0; i < c->count; i++) {
        struct member *m = &c->members[i];
        struct error err = ERROR_NONE;

        if (reasons[i] != NULL)
            (void)error_set(&err, EINVAL, "%s", reasons[i]);
        else if (gang_open(m->gang, &err) >= 0)
            continue;
        gang_fail(m->gang, err.text);
        log_write(LOG_LEVEL_ERROR, gang_name(m->gang), "cannot run: %s", err.text);
        failed++;
    }
    return failed;
}

struct crew *crew_free(struct crew *c)
{
    if (c == NULL)
        return NULL;
    for (size_t i = c->count; i > 0; i--)
        (void)gang_free(c->members[i - 1].gang);
    (void)sd_event_source_disable_unref(c->timer);
    (void)sd_event_source_disable_unref(c->settle_source);
    (void)watch_table_free(c->watches);
    sd_event_unref(c->loop);
    free(c->gangs);
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
    for (size_t i = 0; i < c->count; i++)
        gang_replace_all(c->members[i].gang);
    crew_settle_all(c);
}

bool crew_dead(struct crew *c, pid_t pid, int code, int status)
{
    uint64_t now = clock_monotonic();

    for (size_t i = 0; i < c->count; i++) {
        if (!gang_reaped(c->members[i].gang, pid, code, status, now))
            continue;
        mark(&c->members[i]);
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
    for (size_t i = 0; i < c->count; i++) {
        if (gang_runs_as(c->members[i].gang, uid))
            return true;
    }
    return false;
}

void crew_stop(struct crew *c, enum gang_stop_how how)
{
    for (size_t i = 0; i < c->count; i++) {
        gang_stop(c->members[i].gang, how, clock_monotonic());
        mark(&c->members[i]);
    }
}

struct crew_count crew_count(const struct crew *c)
{
    struct crew_count n = {.pools = c->count};

    for (size_t i = 0; i < c->count; i++) {
        const struct gang *g = c->members[i].gang;

        n.failed += gang_state(g) == BOARD_POOL_FAILED;
        n.failing += gang_state(g) == BOARD_POOL_FAILING;
        n.decided += gang_at_strength(g) || gang_state(g) == BOARD_POOL_FAILED ||
                     gang_state(g) == BOARD_POOL_FAILING;
        n.workers += gang_alive(g);
    }
    return n;
}
