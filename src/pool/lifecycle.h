/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_LIFECYCLE_H
#define GANGER_POOL_LIFECYCLE_H

/*
 * The life of a worker: states x events in one table, every cell written out.  The table knows
 * nothing of pids or clocks; pool/worker.c carries the actions out, pool/gang.c draws the
 * conclusions for the pool.
 */

enum lifecycle_state {
    LIFECYCLE_EMPTY,       /* the slot has no occupant */
    LIFECYCLE_STARTING,    /* forked; the exec has neither succeeded nor failed yet */
    LIFECYCLE_WARMING,     /* exec'd, not yet accepting */
    LIFECYCLE_SERVING,     /* accepting */
    LIFECYCLE_DRAINING,    /* asked to finish what it has in hand and leave */
    LIFECYCLE_TERMINATING, /* sent SIGTERM */
    LIFECYCLE_KILLED,      /* sent SIGKILL */
    LIFECYCLE_STATES
};

enum lifecycle_event {
    LIFECYCLE_SPAWNED,     /* fork succeeded */
    LIFECYCLE_EXEC_OK,     /* the report pipe closed without a report */
    LIFECYCLE_EXEC_FAILED, /* the report pipe named a step */
    LIFECYCLE_READY,       /* the worker says that it accepts (gossip, but it harms only itself) */
    LIFECYCLE_DRAIN,       /* the pool wants it to leave between requests */
    LIFECYCLE_TERM,        /* the pool wants it to leave now */
    LIFECYCLE_KILL,        /* the pool wants it gone whatever it does */
    LIFECYCLE_DEADLINE,    /* the deadline that the last action set has passed */
    LIFECYCLE_EXITED,      /* the kernel says that it is dead */
    LIFECYCLE_EVENTS
};

enum lifecycle_action {
    LIFECYCLE_DO_NOTHING,
    LIFECYCLE_DO_ALARM,       /* our own tables disagree: say so, change nothing */
    LIFECYCLE_DO_AWAIT_EXEC,  /* set the deadline for becoming ready */
    LIFECYCLE_DO_AWAIT_READY, /* keep that deadline, close the report pipe */
    LIFECYCLE_DO_SERVE,       /* clear the deadline; the worker counts as started */
    LIFECYCLE_DO_REFUSED,     /* keep the failing step as the reason; the exit follows */
    LIFECYCLE_DO_ASK,         /* drain flag and word; deadline: process_control_timeout */
    LIFECYCLE_DO_TERMINATE,   /* SIGTERM; deadline: a second */
    LIFECYCLE_DO_KILL,        /* SIGKILL; no deadline */
    LIFECYCLE_DO_GIVE_UP,     /* SIGKILL, and the start counts as failed */
    LIFECYCLE_DO_BURY_EARLY,  /* died before it was ready: the start failed */
    LIFECYCLE_DO_BURY_LOST,   /* died while it was serving, nobody asked it to */
    LIFECYCLE_DO_BURY_ASKED,  /* left as it was asked to, or made to */
    LIFECYCLE_ACTIONS
};

struct lifecycle_cell {
    enum lifecycle_state next;
    enum lifecycle_action action;
};

/* The cell of the table.  Values outside the enums give {state, LIFECYCLE_DO_ALARM}. */
struct lifecycle_cell lifecycle_step(enum lifecycle_state state, enum lifecycle_event event);
/* "serving", "draining" …; never NULL. */
const char *lifecycle_state_name(enum lifecycle_state state);
const char *lifecycle_event_name(enum lifecycle_event event);

#endif
