/* SPDX-License-Identifier: Apache-2.0 */
#include "master/notify.h"

#include <stdio.h>
#include <systemd/sd-daemon.h>
#include "base/log.h"

#define TEXT_MAX 160

static void describe(const struct crew_count *c, char out[TEXT_MAX])
{
    int used = snprintf(out, TEXT_MAX, "%zu pool%s, %u worker%s", c->pools,
                        c->pools == 1 ? "" : "s", c->workers, c->workers == 1 ? "" : "s");

    if (c->failed + c->failing > 0 && used > 0 && used < TEXT_MAX)
        (void)snprintf(out + used, (size_t)(TEXT_MAX - used),
                       "; %zu cannot run, %zu failing: gangerctl status says why", c->failed,
                       c->failing);
}

void notify_ready(struct notify *n, const struct crew_count *count)
{
    char text[TEXT_MAX];

    n->told = *count;
    describe(count, text);
    log_write(LOG_LEVEL_NOTICE, NULL, "ready to handle connections: %s", text);
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", text);
}

void notify_changes(struct notify *n, const struct crew_count *count)
{
    char text[TEXT_MAX];

    if (count->failing == n->told.failing && count->failed == n->told.failed)
        return;
    n->told = *count;
    describe(count, text);
    (void)sd_notifyf(0, "STATUS=%s", text);
}

void notify_stopping(const char *status)
{
    (void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}
