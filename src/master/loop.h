/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_LOOP_H
#define GANGER_MASTER_LOOP_H

#include <systemd/sd-event.h>

/*
 * Run until sd_event_exit().  Its status; or `failed`, when the loop itself fails again and again
 * for seconds on end.  Want of memory passes, and the workers serve meanwhile: one failure ends nobody.
 */
int loop_run(sd_event *loop, int failed);

#endif
