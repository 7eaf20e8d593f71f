/* SPDX-License-Identifier: Apache-2.0 */
#include "master/journal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>
#include "base/log.h"

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
}

int journal_open(const struct conf_global *global, bool daemon, struct error *err)
{
    bool to_stderr = strcmp(global->error_log, "stderr") == 0;

    if (strcmp(global->error_log, "syslog") == 0 || (to_stderr && daemon))
        return log_open(LOG_TARGET_SYSLOG, global->syslog_ident,
                        facility_number(global->syslog_facility), err);
    if (to_stderr)
        return log_open(LOG_TARGET_STDERR, NULL, 0, err);
    return log_open(LOG_TARGET_FILE, global->error_log, 0, err);
}
