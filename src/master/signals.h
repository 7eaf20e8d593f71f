/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_SIGNALS_H
#define GANGER_MASTER_SIGNALS_H

/* The master's signals: blocked from the first moment on, and read as events. */

#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#define SIGNALS_COUNT 7

struct signals {
    void *cookie;
    void (*heard)(void *cookie, int number); /* SIGHUP, USR1, USR2, QUIT, TERM, INT, CHLD */
    sd_event_source *sources[SIGNALS_COUNT]; /* signals_hear()'s */
};

/* Those that are to be blocked, before the first child and the first thread. */
void signals_set(sigset_t *ret);
/* Hear them on `loop`; *s is borrowed and must outlive the loop.  0 or negative. */
int signals_hear(sd_event *loop, struct signals *s);
/* One was taken from the kernel, and heard() has not been called for it yet. */
bool signals_pending(const struct signals *s);
/* Hear no more.  Safe to call twice. */
void signals_end(struct signals *s);

#endif
