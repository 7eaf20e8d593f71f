/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_GANG_STRUCT_H
#define GANGER_POOL_GANG_STRUCT_H

/*
 * The inside of a gang, for the files that make it up and nobody else: gang.c (its life),
 * gang_settle.c, gang_hearing.c (what comes from workers), gang_burial.c (their deaths), gang_card.c
 * (what is published).
 */

#include "pool/gang.h"
#include "pool/output.h"
#include "pool/plan.h"
#include "pool/ports.h"
#include "pool/throttle.h"
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

/* While it empties its sockets: how often to look.  The first look comes as late, for a client that
 * found a path just before it went. */
#define GANG_EMPTY_EVERY UINT64_C(10000)

#define GANG_FEED_AGAIN UINT64_C(1000000)

/* While a pool is failing: how often to look whether a worker has served meanwhile. */
#define GANG_LOOK_EVERY UINT64_C(1000000)

#define GANG_LAST_WORDS 200

struct gang {
    const struct conf_pool *pool;
    const struct pool_context *context;
    struct gang_hooks hooks;
    struct board *board;
    int bell[2];
    struct ports ports;
    struct plan plan;
    bool planned; /* plan is filled */
    bool opened;  /* sockets are bound, workers may be started */
    bool failed;  /* cannot run; opened is false */
    bool stopping;
    /* Stopping, but its workers still serve what waits in sockets whose paths are gone already. */
    bool emptying;
    uint64_t empty_look;    /* while emptying: when to look next */
    uint64_t stop_by;       /* while stopping: no request in hand may take longer */
    uint32_t wanted;        /* the policy's last answer */
    bool proven;            /* a worker has been ready */
    struct worker *workers; /* by slot; owned */
    uint32_t slots;
    uint32_t last_serial;
    struct throttle throttle;
    uint64_t failed_at; /* monotonic: the last failure; only a later start can prove anything */
    struct leftover leftovers[GANG_LEFTOVERS];
    size_t leftover_count;
    struct gang *const *fed; /* boards for status workers; borrowed */
    size_t fed_count;
    uint64_t feed_again; /* after a shortage: no board is sent before */
    bool feed_short;     /* … which has been said */
    uint64_t next_look;  /* while failing: when to look for proof again */
    int64_t wall_offset; /* wall clock minus monotonic */
    char reason[BOARD_REASON];
    char last_words[GANG_LAST_WORDS]; /* the last line that a worker wrote, escaped … */
    pid_t last_speaker;               /* … and which */
    struct board_card card;           /* counters, and all else as published last */
    struct board_card published;
    struct log_limit deaths; /* of lines about deaths */
};

__attribute__((format(printf, 3, 4))) void gang_say(struct gang *g, enum log_level level,
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
/* Read what is left of a dead worker's output, and keep the rest for later. */
void gang_hear_last_words(struct gang *g, const struct leftover *last, uint64_t now);
/* Give up outputs whose time has come; the next such time. */
uint64_t gang_hear_expire(struct gang *g, uint64_t now);
void gang_hear_close(struct gang *g);
/* Send boards and words that are still unsent. */
void gang_hear_send(struct gang *g, struct worker *w, uint64_t now);

/* Publish what has changed. */
void gang_publish(struct gang *g, uint64_t now);

#endif
