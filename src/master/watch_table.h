/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_WATCH_TABLE_H
#define GANGER_MASTER_WATCH_TABLE_H

/* The descriptors that gangs want watched, as event sources of the loop. */

#include <systemd/sd-event.h>
#include "pool/gang.h"

struct watch_table;

typedef void watch_fired(void *cookie, const struct gang_watch *w);

/* An empty table on `loop` (borrowed).  0 or negative. */
int watch_table_new(struct watch_table **ret, sd_event *loop);
/* Watch w->fd; `fired` is called with `cookie` and a copy of *w.  A second call for the same
 * descriptor and worker changes what is watched for.  0 or negative. */
int watch_table_set(struct watch_table *t, const struct gang_watch *w, watch_fired *fired,
                    void *cookie);
/* Nothing of w->fd fires after this, not even what the loop has already seen. */
void watch_table_remove(struct watch_table *t, const struct gang_watch *w);
struct watch_table *watch_table_free(struct watch_table *t);

#endif
