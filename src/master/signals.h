/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_SIGNALS_H
#define GANGER_MASTER_SIGNALS_H

/* The master's signals: blocked from the first moment on, and read as events. */

#include <systemd/sd-event.h>

struct signals {
    void *cookie;
    void (*heard)(void *cookie, int number); /* SIGHUP, USR1, USR2, QUIT, TERM, INT, CHLD */
};

/* Block them, before the first child and the first thread. */
void signals_block(void);
/* Hear them on `loop`; *s is borrowed and must outlive the loop.  0 or negative. */
int signals_hear(sd_event *loop, const struct signals *s);

#endif
