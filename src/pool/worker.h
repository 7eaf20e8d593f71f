/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_WORKER_H
#define GANGER_POOL_WORKER_H

/*
 * One worker: its process, its descriptors, and what is done to it.  This file obeys: when to start,
 * drain or stop one is decided by pool/policy.c and pool/gang.c.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "host/handover.h"
#include "pool/lifecycle.h"
#include "pool/output.h"
#include "pool/plan.h"
#include "pool/recycle.h"

/* A worker that is not ready so long after its fork is given up (microseconds). */
#define WORKER_START_TIMEOUT UINT64_C(30000000)
/* From SIGTERM to SIGKILL. */
#define WORKER_TERM_GRACE UINT64_C(1000000)

/* What is different about a native program: it has no channel.  pool/gang_native.c is its clock. */
struct worker_native {
    bool is;           /* it is one */
    bool opaque;       /* and nothing is known of what it does */
    bool stop_sent;    /* stop_signal has been sent */
    int stop;          /* stop_signal */
    uint64_t warm;     /* when it was seen running first; 0: not yet */
    uint64_t nudge;    /* while it is draining: when to ask again */
    bool busy;         /* it had a connection when it was looked at last … */
    uint64_t accepted; /* … and had accepted so many … */
    uint64_t since;    /* … and both have been so since then */
    bool slow;         /* … for longer than request_slowlog_timeout */
    bool queued;       /* … and it is to be examined */
};

struct worker {
    enum lifecycle_state state;
    uint32_t slot;
    uint32_t serial; /* never 0; no other worker of this pool ever had it */
    pid_t pid;       /* from fork; valid while state is not EMPTY */
    int pidfd;
    int report; /* spawn's report pipe; -1 once the exec is known */
    int channel;
    struct output output;
    uint64_t started;        /* monotonic */
    uint64_t deadline;       /* monotonic, CLOCK_NEVER when there is none */
    bool drain_unsent;       /* the channel was full when it was asked to leave */
    unsigned drain_changes;  /* how often it was found, while draining … */
    uint64_t drain_accepted; /* … to have accepted more than this */
    bool refused;            /* its exec failed, and the gang's reason says why */
    enum recycle_cause due;  /* to be replaced, and why */
    uint32_t recycle_at;     /* when it has answered so many requests; 0: never */
    uint64_t hold_at;        /* told: to wait, once it has answered so many */
    uint64_t hold_from;      /* so many beyond the limit when that was changed */
    uint64_t fed;            /* status workers: what it knows of the feed (pool/feed.h) */
    bool settings_unsent;    /* it has yet to be told of new settings */
    int level_unsent;        /* and of a new log level; -1: not */
    unsigned logs_unsent;    /* bits of log files that it has yet to be given */
    uint64_t cpu;            /* microseconds of processor time that are counted … */
    uint64_t resident;       /* … and bytes, of it and its descendants */
    uint64_t proportional;
    struct worker_native native;
};

/* An empty slot. */
void worker_init(struct worker *w, uint32_t slot);
/*
 * Fork.  `w` must be EMPTY and keeps its slot.  0 and STARTING; or negative and still EMPTY, with
 * err naming what failed.  `fds->output` and `fds->channel` are ignored: they are made here.
 */
int worker_start(struct worker *w, const struct plan *plan, const struct ports *ports, int board,
                 int bell, uint32_t serial, uint64_t now, struct error *err);
/*
 * Let `event` happen at `now`: the state moves and the mechanical part of the action is carried out
 * (signals, words, deadlines).  Returns the action, for what concerns the whole pool.  For EXITED
 * the descriptors stay as they are: worker_forget() follows.
 */
enum lifecycle_action worker_event(struct worker *w, enum lifecycle_event event,
                                   uint64_t control_timeout, uint64_t now);
/* Send what could not be sent.  True when there is still something left: watch for writing. */
bool worker_flush(struct worker *w);
/* Close everything but the output, which may still hold last words and is moved to *ret_output. */
void worker_forget(struct worker *w, struct output *ret_output);
/* While it is TERMINATING: the signal that it was sent last. */
int worker_last_signal(const struct worker *w);
/* True in the states before SERVING / in which the worker has been asked to leave. */
bool worker_pending(const struct worker *w);
bool worker_leaving(const struct worker *w);

#endif
