/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_INTERRUPTS_H
#define GANGER_CTL_INTERRUPTS_H

/*
 * Signals for a command that stays and that has changed the terminal: they are noted, a descriptor
 * becomes readable, and the command's own loop does what they ask for.  Who sends INT, TERM, HUP or QUIT
 * again three seconds later, and the process is still there (a terminal that takes no output holds
 * it up), ends it at once; before that the terminal would be left as it is.
 */

#include <stdbool.h>
#include "base/error.h"

struct interrupts {
    int end;     /* SIGINT, SIGTERM, SIGHUP or SIGQUIT, the first of them; 0: none */
    bool resize; /* SIGWINCH */
    bool stop;   /* SIGTSTP */
    bool resume; /* SIGCONT */
};

/* Take the signals over; those that are ignored stay so, SIGPIPE is.  0 or negative. */
int interrupts_open(struct error *err);
/* Readable when there is something to take. */
int interrupts_fd(void);
/* What came since the last time. */
struct interrupts interrupts_take(void);
/* Stop as SIGTSTP would have, until somebody sends SIGCONT. */
void interrupts_stop(void);
/* The default again, and for a number other than 0 and SIGINT: end by that signal. */
void interrupts_close(int number);

#endif
