/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_JOURNAL_H
#define GANGER_MASTER_JOURNAL_H

/* Where the master's log goes: error_log, log_level and their relatives. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/error.h"
#include "conf/conf.h"

/* Level, length, who speaks: they hold at once. */
void journal_tune(const struct conf_global *global);
/* The target.  A daemon has no stderr: `daemon` makes "stderr" mean the system log.  0 or negative
 * with the old target kept. */
int journal_open(const struct conf_global *global, bool daemon, struct error *err);

/* Lines that the target does not take are written later, from the loop.  0 or negative. */
struct journal { /* all zero: not watched */
    sd_event_source *timer, *turn;
    uint64_t pause; /* between two tries */
};
int journal_watch(struct journal *j, sd_event *loop, struct error *err);
void journal_close(struct journal *j);

#endif
