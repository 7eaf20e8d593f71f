/* SPDX-License-Identifier: Apache-2.0 */
/* The log files of a gang, and which of its workers have yet to be given them. */
#include "pool/gang_struct.h"

#include <errno.h>

int gang_logs_open(struct gang *g, struct error *err)
{
    logs_close(&g->logs);
    g->plan.logs = &g->logs;
    return logs_open(&g->logs, g->pool, NULL, err);
}

/* A worker that was started before has another one, or none. */
static void tell(struct gang *g, unsigned changed)
{
    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        if (w->state != LIFECYCLE_EMPTY && !w->native.is)
            w->logs_unsent |= changed;
    }
}

void gang_logs_thaw(struct gang *g)
{
    struct error err = ERROR_NONE;

    if (gang_logs_open(g, &err) < 0)
        gang_say(g, LOG_LEVEL_ERROR, "%s; its workers go on with the file that they have",
                 err.text);
}

void gang_logs_replace(struct gang *g, struct logs *next)
{
    tell(g, logs_replace(&g->logs, next));
}

unsigned gang_logs_reopen(struct gang *g)
{
    unsigned failed = 0, changed = 0;

    if (!g->opened)
        return 0;
    for (unsigned i = 0; i < HANDOVER_LOGS; i++) {
        struct error err = ERROR_NONE;

        if (g->logs.files[i].path == NULL)
            continue;
        if (logs_reopen(&g->logs, (enum handover_log)i, &err) < 0) {
            gang_say(g, LOG_LEVEL_ERROR, "%s; going on with the old one", err.text);
            failed++;
        } else {
            changed |= 1u << i;
        }
    }
    tell(g, changed);
    return failed;
}

int gang_logs_send(const struct gang *g, struct worker *w)
{
    for (unsigned i = 0; i < HANDOVER_LOGS; i++) {
        const struct channel_message message = {.word = CHANNEL_LOGS, .number = i};
        const struct logs_file *f = &g->logs.files[i];

        if ((w->logs_unsent & 1u << i) == 0)
            continue;
        /* Wanted and not there: what the worker has is better than nothing. */
        int r = f->path != NULL && f->fd < 0
                    ? 0
                    : channel_send(w->channel, &message, logs_fd(&g->logs, (enum handover_log)i));
        if (r == CHANNEL_FULL || r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM)
            return r;
        w->logs_unsent &= ~(1u << i);
    }
    return 0;
}
