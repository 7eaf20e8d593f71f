/* SPDX-License-Identifier: Apache-2.0 */
#include "master/journal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>
#include "base/clock.h"
#include "base/log.h"

/* Between two tries to write what a target did not take: at first, and at most. */
#define AGAIN (100 * CLOCK_MSEC)
#define AGAIN_MOST (800 * CLOCK_MSEC)

static int facility_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } rows[] = {
        {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},
        {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},           {"kern", LOG_KERN},
        {"lpr", LOG_LPR},       {"mail", LOG_MAIL},         {"news", LOG_NEWS},
        {"syslog", LOG_SYSLOG}, {"user", LOG_USER},         {"uucp", LOG_UUCP},
        {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
        {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5},
        {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };

    for (size_t i = 0; name != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].number;
    }
    return LOG_DAEMON; /* conf lets no other name pass */
}

void journal_tune(const struct conf_global *global)
{
    log_set_level(global->log_level);
    log_set_limit(global->log_limit);
    log_set_spool(LOG_SPOOL_DEFAULT);
    log_set_ident(global->syslog_ident, facility_number(global->syslog_facility));
}

int journal_open(const struct conf_global *global, bool daemon, struct error *err)
{
    const char *target = global->error_log;
    bool to_stderr = strcmp(target, "stderr") == 0;

    if (strcmp(target, "syslog") == 0 || (to_stderr && daemon))
        return log_open(LOG_TARGET_SYSLOG, NULL, err);
    if (to_stderr)
        return log_open(LOG_TARGET_STDERR, NULL, err);
    if (strcmp(target, "journal") == 0)
        return log_open(LOG_TARGET_JOURNAL, NULL, err);
    if (strncmp(target, "journal:", strlen("journal:")) == 0)
        return log_open(LOG_TARGET_JOURNAL, target + strlen("journal:"), err);
    return log_open(LOG_TARGET_FILE, target, err);
}

/* ---- what could not be written at once ---- */

static void arm(struct journal *j)
{
    (void)sd_event_source_set_time(j->timer, clock_monotonic() + j->pause);
    (void)sd_event_source_set_enabled(j->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct journal *j = userdata;

    (void)source;
    (void)usec;
    if (log_flush())
        return 0;
    j->pause = j->pause * 2 < AGAIN_MOST ? j->pause * 2 : AGAIN_MOST;
    arm(j);
    return 0;
}

/* After whatever happened: something may have been logged. */
static int on_turn(sd_event_source *source, void *userdata)
{
    struct journal *j = userdata;
    int enabled = SD_EVENT_OFF;

    (void)source;
    if (!log_waits() || sd_event_source_get_enabled(j->timer, &enabled) != 0)
        return 0;
    j->pause = AGAIN;
    arm(j);
    return 0;
}

int journal_watch(struct journal *j, sd_event *loop, struct error *err)
{
    int r = sd_event_add_time(loop, &j->timer, CLOCK_MONOTONIC, 0, CLOCK_MSEC, on_timer, j);

    if (r >= 0)
        r = sd_event_source_set_enabled(j->timer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_post(loop, &j->turn, on_turn, j);
    return r < 0 ? error_errno(err, -r, "the event loop") : 0;
}

void journal_close(struct journal *j)
{
    (void)log_flush();
    j->timer = sd_event_source_disable_unref(j->timer);
    j->turn = sd_event_source_disable_unref(j->turn);
}
