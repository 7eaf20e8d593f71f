/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/ledger.h"

#include <string.h>
#include "base/descriptor.h"
#include "base/log.h"

int ledger_open(struct worker *w, int first, struct error *err)
{
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        if (!w->options.has_log[i])
            continue;
        int r = descriptor_cloexec(first, true);
        if (r < 0)
            return error_errno(err, -r, "the log files were not handed over");
        w->logs[i] = first++;
    }
    return 0;
}

void ledger_replace(struct worker *w, uint32_t which, int descriptor)
{
    int copy = -1;

    if (which >= HANDOVER_LOGS) /* a newer master's */
        return;
    if (descriptor >= 0 && (copy = descriptor_copy(descriptor)) < 0) {
        log_write(LOG_LEVEL_WARNING, w->options.pool, "a log file is not taken over: %s",
                  strerror(-copy));
        return;
    }
    descriptor_close(&w->logs[which]);
    w->logs[which] = copy;
}

void ledger_close(struct worker *w)
{
    for (size_t i = 0; i < HANDOVER_LOGS; i++)
        descriptor_close(&w->logs[i]);
}
