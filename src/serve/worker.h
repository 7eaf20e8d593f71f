/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_WORKER_H
#define GANGER_SERVE_WORKER_H

/*
 * The worker process: one sd-event loop, its connections, the requests in hand, one alarm.
 *
 * How objects die: whoever finds that a connection or a request is over marks it; worker_tidy(),
 * which runs after every round of the loop and nowhere else, frees it.  So a pointer is good until
 * its holder goes back to the loop.
 *
 * Deadlines: no object has a timer.  Each tells when it wants to be looked at (…_deadline()) and
 * the worker keeps one timer at the earliest; when that rings, everything overdue is told
 * (…_expire()).  An early ring is harmless, so the timer is moved only when something becomes due
 * sooner than it: nearly never, while requests come and go.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/log.h"
#include "base/pace.h"
#include "board/board.h"
#include "host/handover.h"
#include "report/rate.h"
#include "report/ratchet.h"
#include "serve/options.h"

#define WORKER_BUFFER (64u << 10)
#define WORKER_PAGES 256u /* of the status responder, not yet taken by their readers */

struct access_form;
struct connection;
struct request;
struct listener;
struct boards;
struct shed;
struct slow_desk;

struct ledger {
    bool regular, socket, blocking;
    bool torn; /* the last line that was written here was not taken whole */
    uint64_t dropped;
    int why; /* errno of the last */
    uint64_t tell_at;
};

/* What earlier looks at a pool's status have found; all zero: there were none. */
struct worker_past {
    struct rate rate;
    struct ratchet ratchet;
};

struct worker {
    struct options options;
    sd_event *event;
    sd_event_source *alarm;
    uint64_t alarm_at; /* CLOCK_NEVER: not set */
    struct board *board;
    int bell;
    int channel;
    int logs[HANDOVER_LOGS];              /* descriptors, -1: none; serve/ledger.h … */
    struct ledger ledgers[HANDOVER_LOGS]; /* … which alone uses these */
    struct access_form *access;           /* serve/access.h */
    sd_event_source *orders;              /* the channel's */
    struct listener *listener;
    struct boards *boards;   /* kind = status: the pools it was told of */
    struct shed *shed;       /* kind = shed */
    uint64_t looked;         /* when somebody looked at a status page … */
    struct worker_past past; /* … and, kind = cgi, what was found */
    struct slow_desk *slow;  /* examinations of slow requests; NULL: none yet */

    struct connection *connections; /* newest first */
    unsigned connection_count;
    struct request *orphans; /* their client is gone, their program is being ended */
    unsigned in_hand;        /* requests not over, orphans included */
    unsigned programs;       /* of them, with a running program */

    uint64_t
        untold;   /* kind = status: accepts nobody before, while boards are to come; 0: it does */
    bool leaving; /* accept nothing more; go when nothing is in hand */
    bool held;    /* waits for its successor (board_hold_wanted()) */
    bool quit;    /* leave the loop now */
    bool tidy;    /* something was marked over */
    uint64_t leave_by; /* then end everything; CLOCK_NEVER: no hurry */
    bool strangers;    /* adopted children are alive or to be reaped */
    uint64_t sweep_at;
    uint64_t held_since;           /* monotonic; 0: it is not … */
    uint64_t held_accepted;        /* … and has accepted so many */
    unsigned base_descriptors;     /* open when nothing is in hand */
    struct log_limit illegal;      /* for lines that a peer can cause at will */
    struct log_limit refused;      /* for refused requests */
    struct pace chatter;           /* of what programs write to stderr */
    uint8_t buffer[WORKER_BUFFER]; /* bytes on their way, never kept over a round of the loop */
    struct bytes payload;          /* as above */
};

/* `ganger-worker POOL SLOT GENERATION`: returns the exit status. */
int worker_run(int argc, char **argv);

/* Look at `when` (monotonic microseconds) at the latest; CLOCK_NEVER is allowed. */
void worker_alarm(struct worker *w, uint64_t when);
/* Finish what is in hand, then leave; by `deadline` at the latest. */
void worker_leave(struct worker *w, uint64_t deadline);
/* The limits of requests are these from the next one on. */
void worker_renew(struct worker *w, const struct settings *settings);
/* A request is in hand / is over: the counters, the board and the doorbell. */
void worker_began(struct worker *w);
void worker_ended(struct worker *w);
/* Is there room for one more connection with one more program, by the limit of this moment? */
bool worker_has_descriptors(const struct worker *w);
/* One request at a time; but status pages need no program, and a reader that stops must not keep
 * others from them.  A page without some of the pools would say that they are gone. */
static inline bool worker_may_accept(const struct worker *w)
{
    return !w->leaving && w->untold == 0 && w->options.kind != OPTIONS_SHED &&
           w->in_hand < (w->options.kind == OPTIONS_STATUS ? WORKER_PAGES : 1);
}

#endif
