/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration for the master that runs.
 *
 * Everything is read and checked before anything is touched: a mistake in the text changes nothing
 * at all, and a pool that cannot run here keeps only itself from changing.  What can fail after
 * that concerns one pool alone, and is told as what became of it (master/crew.h).
 *
 * Signals that come close together are one reload: after one there is a pause, and whatever came in
 * it is one more.
 */
#include "master/master_struct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "master/birth.h"
#include "master/journal.h"

/* Between two reloads that signals ask for. */
#define PAUSE (50 * CLOCK_MSEC)
#define FIXED_MAX 16u

/* ---- global options ---- */

static void warn_of_fixed(const struct conf *before, const struct conf *after)
{
    const char *names[FIXED_MAX];
    size_t count = conf_fixed(before, after, names, FIXED_MAX);

    for (size_t i = 0; i < count && i < FIXED_MAX; i++)
        log_write(LOG_LEVEL_WARNING, NULL, "%s takes effect when ganger is started anew", names[i]);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void change_journal(const struct master *m, const struct conf_global *before,
                           const struct conf_global *now)
{
    struct error err = ERROR_NONE;

    journal_tune(now);
    if (same_text(before->error_log, now->error_log) &&
        same_text(before->syslog_ident, now->syslog_ident) &&
        same_text(before->syslog_facility, now->syslog_facility))
        return;
    if (journal_open(now, m->daemon, &err) < 0)
        log_write(LOG_LEVEL_ERROR, NULL, "%s; going on with the old log", err.text);
}

static int tell_level(void *cookie, const struct crew_member *member)
{
    const struct conf_global *g = cookie;

    gang_tell_level(member->gang, g->log_level);
    return 0;
}

static void change_globals(struct master *m, struct inspection *next,
                           const struct pool_context *context)
{
    struct conf_global *before = &m->inspection.conf->global, *now = &next->conf->global;

    warn_of_fixed(m->inspection.conf, next->conf);
    change_journal(m, before, now);
    notify_tune(&m->notice, now->systemd_interval);
    m->context.process_control_timeout = context->process_control_timeout;
    m->context.process_max = context->process_max;
    m->context.log_level = context->log_level;
    if (before->log_level != now->log_level || before->log_limit != now->log_limit)
        (void)crew_each(m->crew, tell_level, now);
    birth_take_room(next->conf);
}

/* ---- a reload ---- */

/* The folder that we are in stays the one it was. */
static int keep_folder(struct master *m)
{
    if (m->reload.folder == NULL)
        m->reload.folder = strdup(m->context.runtime_directory);
    if (m->reload.folder == NULL)
        return -ENOMEM;
    m->context.runtime_directory = m->reload.folder;
    return 0;
}

static int apply(struct master *m, struct inspection *next, const struct pool_context *context,
                 struct error *err)
{
    if (keep_folder(m) < 0)
        return error_errno(err, ENOMEM, "reload");
    change_globals(m, next, context);
    int r = crew_reload(m->crew, next->conf, next->reasons, err);
    if (r < 0)
        return r;
    struct inspection before = m->inspection;
    m->inspection = *next;
    *next = before;
    return 0;
}

/* Others than for status? */
static bool has_pools(const struct conf *conf)
{
    size_t count = 0;

    for (size_t i = 0; i < conf->pool_count; i++)
        count += conf->pools[i].kind != CONF_KIND_STATUS;
    return count > 0;
}

/* The service manager waits for it after RELOADING=1. */
static void tell_ready(struct master *m)
{
    struct crew_count n = crew_count(m->crew);

    if (m->ready)
        notify_ready(&m->notice, &n);
}

int master_reload(struct master *m, struct bytes *said, struct error *err)
{
    struct pool_context context = m->context;
    struct inspection next;

    if (m->stopping)
        return error_set(err, ESHUTDOWN, "ganger is stopping");
    m->reload.again = false;
    m->reload.last = clock_monotonic();
    if (m->ready)
        notify_reloading(&m->notice);
    log_write(LOG_LEVEL_NOTICE, NULL, "reloading %s", m->options->config);
    int r = inspect_config(&next, m->options->config, &context);
    if (r < 0)
        (void)error_errno(err, -r, "cannot read the configuration");
    else {
        inspect_log(&next);
        inspect_say(&next, said);
        if (next.conf == NULL)
            r = error_set(err, EINVAL, "configuration file %s does not pass; nothing has changed",
                          m->options->config);
    }
    if (r == 0 && !has_pools(next.conf) && has_pools(m->inspection.conf))
        r = error_set(err, EINVAL,
                      "configuration file %s has no pool (is it being written?); nothing has "
                      "changed; to end all pools, stop ganger",
                      m->options->config);
    if (r == 0)
        r = apply(m, &next, &context, err);
    inspect_clear(&next);
    if (r < 0) {
        if (!m->reload.under_way)
            tell_ready(m);
        return r;
    }
    m->reload.under_way = true;
    return 0;
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct master *m = userdata;

    (void)source;
    (void)usec;
    if (m->reload.again)
        master_reload_soon(m);
    return 0;
}

void master_reload_soon(struct master *m)
{
    struct error err = ERROR_NONE;
    struct bytes said;
    uint64_t now = clock_monotonic(), when = m->reload.last + PAUSE;

    if (m->reload.last != 0 && now < when) {
        m->reload.again = true;
        int r = m->reload.timer == NULL
                    ? sd_event_add_time(m->loop, &m->reload.timer, CLOCK_MONOTONIC, when,
                                        CLOCK_MSEC, on_pause, m)
                    : sd_event_source_set_time(m->reload.timer, when);
        if (r >= 0)
            r = sd_event_source_set_enabled(m->reload.timer, SD_EVENT_ONESHOT);
        if (r >= 0)
            return;
    }
    bytes_init(&said, CONTROL_ANSWER_MAX);
    if (master_reload(m, &said, &err) < 0)
        log_write(LOG_LEVEL_ERROR, NULL, "reload failed: %s", err.text);
    bytes_clear(&said);
}

void master_reload_close(struct master *m)
{
    m->reload.timer = sd_event_source_disable_unref(m->reload.timer);
    free(m->reload.folder);
    m->reload.folder = NULL;
}

/* ---- what became of it ---- */

void master_reload_settled(struct master *m)
{
    struct crew_outcome o;
    size_t counts[CREW_ACTIONS] = {0}, failed = 0;

    if (!m->reload.under_way || crew_busy(m->crew, NULL))
        return;
    m->reload.under_way = false;
    tell_ready(m);
    for (size_t i = 0; crew_outcome(m->crew, i, &o); i++) {
        counts[o.action]++;
        failed += o.result == CREW_FAILED;
    }
    log_write(failed > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, NULL,
              "reload done: %zu pools kept, %zu tuned, %zu replaced, %zu added, %zu dropped; "
              "%zu failed",
              counts[CREW_KEEP], counts[CREW_TUNE], counts[CREW_REPLACE], counts[CREW_ADD],
              counts[CREW_DROP], failed);
}

/* One line about a pool, when there is something to say. */
static bool say_outcome(const struct crew_outcome *o, struct bytes *said)
{
    if (o->result == CREW_FAILED)
        (void)bytes_printf(said, "pool %s: %s failed: %s\n", o->name, crew_action_name(o->action),
                           o->reason);
    else if (o->action != CREW_KEEP)
        (void)bytes_printf(said, "pool %s: %s\n", o->name, crew_action_name(o->action));
    return o->result == CREW_FAILED;
}

int master_change_look(const struct master *m, const char *pool, struct bytes *said,
                       struct error *err)
{
    struct crew_outcome o;
    size_t failed = 0;
    char first[ERROR_TEXT_MAX] = "";

    if (crew_busy(m->crew, pool))
        return ORDERS_PENDING;
    for (size_t i = 0; crew_outcome(m->crew, i, &o); i++) {
        if (pool != NULL && strcmp(pool, o.name) != 0)
            continue;
        if (say_outcome(&o, said) && failed++ == 0)
            (void)snprintf(first, sizeof(first), "pool %s: %.400s", o.name, o.reason);
    }
    if (failed == 0)
        return 0;
    return error_set(err, EINVAL, failed == 1 ? "%s" : "%s; and other pools, see above", first);
}
