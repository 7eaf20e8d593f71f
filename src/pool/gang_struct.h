/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_GANG_STRUCT_H
#define GANGER_POOL_GANG_STRUCT_H

/*
 * The inside of a gang, for the files that make it up and nobody else: gang.c (its life),
 * gang_settle.c, gang_count.c, gang_stock.c (what the policy is to know), gang_queue.c (what waits, and the
 * shedder), gang_hearing.c (what comes from workers), gang_lines.c (what they write), gang_burial.c (their
 * deaths), gang_card.c (what is published).
 */

#include "pool/feed.h"
#include "pool/gang.h"
#include "pool/output.h"
#include "pool/overload.h"
#include "pool/plan.h"
#include "pool/policy.h"
#include "pool/ports.h"
#include "pool/recycle.h"
#include "pool/throttle.h"
#include "pool/verdict.h"
#include "pool/window.h"
#include "pool/worker.h"

/* A worker's output that outlived it: a child of it holds the pipe.  Read for so long. */
#define GANG_LINGER UINT64_C(10000000)
/* How many such pipes one gang keeps; the oldest is given up for the next. */
#define GANG_LEFTOVERS 64u

struct leftover {
    struct output output;
    pid_t pid;
    uint32_t slot, serial;
    uint64_t expires;
};

/* Workers of which it is said that they flood, in a second; of more it is said together. */
#define GANG_LINES_TOLD 10u
/* Between two looks at what one worker has written. */
#define GANG_LINES_PAUSE UINT64_C(10000)

/* While it empties its sockets: how often to look.  The first look comes as late, for a client that
 * found a path just before it went. */
#define GANG_EMPTY_EVERY UINT64_C(10000)

#define GANG_FEED_AGAIN UINT64_C(1000000)

/* While a pool is failing: how often to look whether a worker has served meanwhile. */
#define GANG_LOOK_EVERY UINT64_C(1000000)

#define GANG_LAST_WORDS 200

/* What waits in front of the gang; gang_queue.c alone. */
struct gang_queue {
    struct conf_pool pool; /* the pool as its shedder is to see it */
    struct plan plan;      /* the shedder's */
    bool planned;
    struct overload overload;
    uint64_t last, next;                 /* looks; next is CLOCK_NEVER while somebody is idle */
    bool rung;                           /* the bell has rung since the last one */
    uint64_t not_before;                 /* to start a shedder */
    uint64_t quiet_full, quiet_shedding; /* no complaint before */
    unsigned full_looks, reached;
    bool said_shedding;
    uint32_t shed_by;   /* which shedder … */
    uint64_t shed_seen; /* … has answered as many, which are counted */
};

/* The examination of a slow native worker; gang_slow.c alone. */
struct gang_slow {
    pid_t pid; /* 0: none is running */
    int pidfd, report;
    pid_t program;      /* whom it looks at */
    uint64_t deadline;  /* it is ended then */
    uint64_t free_from; /* the allowance: each takes a second of it */
    unsigned omitted;   /* slow ones since the last entry that have none … */
    unsigned told;      /* … and what the one that is running knows of them */
    struct log_limit complaints;
};

struct gang {
    const struct conf_pool *pool;
    const struct pool_context *context;
    struct gang_hooks hooks;
    struct board *board;
    int bell[2];
    struct ports ports;
    struct logs logs;
    struct plan plan;
    bool planned;       /* plan is filled */
    bool level_changed; /* since then: every new worker is told */
    bool opened;        /* sockets are bound, workers may be started */
    bool failed;        /* cannot run; opened is false */
    bool stopping;
    bool ports_closed;     /* while stopping: nobody serves them any more */
    bool retiring;         /* stopping, and there is no hurry */
    uint32_t max_children; /* at least 1 */
    uint32_t wanted;       /* the policy's last answer; at first, what to start with */
    bool settled;          /* the policy was asked */
    uint64_t next_reached; /* max_children was reached: not counted again before */
    /* Stopping, but its workers still serve what waits in sockets that nobody new finds. */
    bool emptying;
    uint64_t empty_look;  /* while emptying: when to look next */
    uint64_t empty_after; /* … and, where others may still come in: when so many were accepted */
    uint64_t stop_by;     /* while stopping: no request in hand may take longer */
    bool proven;          /* a worker has been ready */
    struct worker *workers; /* by slot; owned */
    uint32_t slots;         /* all of them; the last one is for a shedder */
    uint32_t posts;         /* slots that ordinary workers have ever been allowed to have: the first
                               ones.  There may be room for more. */
    uint32_t surplus;       /* processes beyond max_children, for replacing */
    uint32_t generation;
    uint32_t floor, cap, room; /* pool/gang.h */
    bool starved;              /* it wants more than it is allowed to have */
    uint32_t scaled;           /* gang_scale(), or 0 */
    struct conf_pool altered;  /* while it is scaled: `given` with another max_children */
    const struct conf_pool *given;
    struct board_totals inherited; /* of the gang that another one inherited from: counted there */
    struct board_card inherited_card;
    uint32_t last_serial;
    struct throttle throttle;
    uint64_t failed_at; /* monotonic: the last failure; only a later start can prove anything */
    struct leftover leftovers[GANG_LEFTOVERS];
    size_t leftover_count;
    uint64_t
        lines_due; /* when lines that were held back are to be said; CLOCK_NEVER: there are none */
    struct pace told;  /* of what is said about them */
    struct feed *feed; /* boards for status workers; borrowed, NULL: none */
    struct gang_queue queue;
    struct gang_slow slow;
    struct window window;         /* of how many were needed at once */
    struct recycle_budget budget; /* of replacements */
    struct recycle_hold hold;     /* of those that have served far more than they were to */
    uint64_t next_measure;        /* when memory is to be looked at */
    bool due_left;                /* more are due than the budget allows */
    bool knocked;                 /* a listening socket was readable while nobody was idle */
    bool watching;                /* the listening sockets are watched */
    bool nobody_idle;             /* at the last stock */
    uint32_t silent;              /* serve without a word, at the last stock */
    uint64_t feed_again;          /* after a shortage: no board is sent before */
    bool feed_short;              /* … which has been said */
    uint64_t next_look;           /* while failing: when to look for proof again */
    int64_t wall_offset;          /* wall clock minus monotonic */
    char reason[BOARD_REASON];
    char last_words[GANG_LAST_WORDS]; /* the last line that a worker wrote, escaped … */
    pid_t last_speaker;               /* … and which */
    enum gang_cause cause;
    uint64_t resident, proportional; /* bytes, of all workers, as measured last */
    struct gang_elders elders;
    struct board_card card; /* counters, and all else as published last */
    struct board_card published;
    struct log_limit deaths;  /* of lines about deaths */
    struct log_limit opaques; /* of lines about workers that turned out to be opaque */
};

__attribute__((format(printf, 3, 4))) void gang_say(struct gang *g, enum log_level level,
                                                    const char *format, ...);
/* About one worker, which the text names, too. */
__attribute__((format(printf, 4, 5))) void gang_say_of(struct gang *g, pid_t worker,
                                                       enum log_level level, const char *format,
                                                       ...);
/* "worker PID …", when log_level is debug. */
__attribute__((format(printf, 3, 4))) void gang_say_debug(struct gang *g, const struct worker *w,
                                                          const char *format, ...);
/* Why the pool is failing; cut where it is longer than the board can hold. */
__attribute__((format(printf, 2, 3))) void gang_set_reason(struct gang *g, const char *format, ...);
/* Let `event` happen to a worker, with what follows from it for the gang. */
enum lifecycle_action gang_event(struct gang *g, struct worker *w, enum lifecycle_event event,
                                 uint64_t now);
/* A start failed, or workers die too fast: g->reason says why. */
void gang_start_failed(struct gang *g, uint64_t now);
/* A worker that was started at `started` proved that the pool can serve.  One from before the last
 * failure proves nothing about starts: it would end the throttle's pauses for ever. */
void gang_proved(struct gang *g, uint64_t started);

/* Watch or stop watching one descriptor of a worker. */
int gang_hear_watch(struct gang *g, const struct worker *w, enum gang_watch_kind kind, int fd,
                    bool writable);
void gang_hear_unwatch(struct gang *g, const struct worker *w, enum gang_watch_kind kind, int fd);
/* Read the spawn report of `w` if there is one. */
void gang_hear_report(struct gang *g, struct worker *w, uint64_t now);
/* Read its words, a bounded number. */
void gang_hear_words(struct gang *g, struct worker *w, uint64_t now);
/* Whether there are words or boards that `w` has not been sent; send them, or begin to. */
bool gang_hear_unsent(const struct gang *g, const struct worker *w);
void gang_hear_send(struct gang *g, struct worker *w, uint64_t now);

/* What a worker has written; what one that is gone had, and the rest of it for later. */
void gang_lines_worker(struct gang *g, struct worker *w, uint64_t now);
void gang_lines_last(struct gang *g, const struct leftover *last, uint64_t now);
void gang_lines_leftover(struct gang *g, uint32_t serial, uint64_t now);
/* Give up outputs whose time has come, and say what was held back.  When to call again. */
uint64_t gang_lines_settle(struct gang *g, uint64_t now);
/* No output of the gang is read again.  Those of its workers are left open. */
void gang_lines_close(struct gang *g);

/* Does the board say that the worker in `slot` served?  Gossip. */
bool gang_slot_served(const struct gang *g, uint32_t slot);

/* One worker of this pool more, or less, towards process.max. */
void gang_count_process(struct gang *g, int difference);

/* What the policy is to know. */
struct policy_input gang_stock_take(struct gang *g, uint64_t now);
/* When stock is to be taken again at the latest, after this answer. */
uint64_t gang_stock_next(const struct gang *g, const struct policy_answer *answer, uint64_t now);
/* Watch the listening sockets, or stop it.  When to try again, or CLOCK_NEVER. */
uint64_t gang_stock_watch(struct gang *g, const struct policy_input *taken,
                          const struct policy_answer *answer, uint64_t now);
/* Hold workers that have served far more than pm.max_requests, or let them serve on.  When to call
 * again at the latest. */
uint64_t gang_stock_hold(struct gang *g, const struct policy_input *taken,
                         const struct policy_answer *answer, uint64_t now);
/* A due worker has been asked to leave: count why. */
void gang_stock_recycled(struct gang *g, const struct worker *w);

/* Native workers: one has been forked. */
void gang_native_started(struct gang *g, struct worker *w);
/* See who is ready, ask those who are to leave, and limit the time of requests.  When to call again
 * at the latest; nothing when called again before. */
uint64_t gang_native_settle(struct gang *g, uint64_t now);

/* Slow native workers: none is examined yet. */
void gang_slow_init(struct gang *g);
/* `w` has been busy with one connection for request_slowlog_timeout / is so no more. */
void gang_slow_note(struct gang *g, struct worker *w);
void gang_slow_over(struct gang *g, struct worker *w);
/* Examine the next one.  When to call again at the latest. */
uint64_t gang_slow_settle(struct gang *g, uint64_t now);
/* The examiner is dead; false when it is not that. */
bool gang_slow_reaped(struct gang *g, pid_t pid, int code, int status, uint64_t now);
bool gang_slow_running(const struct gang *g);
/* Tell it to end, and forget it. */
void gang_slow_close(struct gang *g);

/* What waits: make ready to look and, when the pool may shed, to shed.  0 or negative. */
int gang_queue_open(struct gang *g, struct error *err);
void gang_queue_close(struct gang *g);
/* Look when it is time, complain, start or end the shedder.  When to call again at the latest. */
uint64_t gang_queue_settle(struct gang *g, const struct policy_input *in, uint64_t now);
/* How many idle workers it wants the bell to be rung below: 1, or 0 while it looks by itself. */
uint32_t gang_queue_spare(const struct gang *g);
/* The shedder sits in the last slot. */
bool gang_queue_is_shedder(const struct gang *g, const struct worker *w);
void gang_queue_bury(struct gang *g, struct worker *w, int code, int status, uint64_t cpu,
                     uint64_t now);

/* Those of the pool opened.  0 or negative. */
int gang_logs_open(struct gang *g, struct error *err);
/* After an upgrade: one that cannot be opened is said, and left to the next reopening. */
void gang_logs_thaw(struct gang *g);
/* `next` is what a tuned pool wants. */
void gang_logs_replace(struct gang *g, struct logs *next);
/* Send to `w` what it has yet to be given.  0, CHANNEL_FULL or negative (a shortage). */
int gang_logs_send(const struct gang *g, struct worker *w);

/* Slots of a gang that is made for so many posts: it may grow. */
uint32_t gang_change_capacity(uint32_t posts);
/* The shedder's plan for `pool`, as it is now.  0 or negative. */
int gang_queue_renew(struct gang *g, const struct conf_pool *pool, struct error *err);

/* ---- gang_count.c ---- */
/* It has been asked to leave, and had not been before: count why. */
void gang_count_leaving(struct gang *g, const struct worker *w);
/* It is dead, and has used so much: nothing of what it cost is to be counted any more. */
void gang_count_gone(struct gang *g, struct worker *w, uint64_t cpu);
void gang_count_death(struct gang *g, enum verdict_sort sort, int code, int status);
/* Count what the shedder has answered since the last look. */
void gang_count_shed(struct gang *g);

#endif
