/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_GANG_H
#define GANGER_POOL_GANG_H

/*
 * The gang of one pool: its private table of workers, its board, its doorbell and its listening
 * sockets.
 *
 * There is no event loop and no clock here.  The owner (master/) passes the time in, watches the
 * descriptors that the gang names through its hooks, hands back what happened, and calls
 * gang_settle() after every event.  Settling decides by pool/policy.h, obeys by pool/worker.h, and
 * does nothing when called twice.  Times are monotonic microseconds unless they say "wall".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/log.h"
#include "board/board.h"
#include "conf/conf.h"
#include "pool/context.h"

struct gang;
struct feed; /* pool/feed.h */

/* Levels of lines that are nobody's by themselves, and are to be written as they are: foreign ones, and
 * those that a worker of ours has escaped. */
#define GANG_LINE_PLAIN (-2)
#define GANG_LINE_CLEAN (-3)

enum gang_watch_kind {
    GANG_WATCH_BELL,
    GANG_WATCH_REPORT,  /* of a spawn */
    GANG_WATCH_CHANNEL, /* of a worker */
    GANG_WATCH_OUTPUT,  /* a worker's descriptor 2; may outlive the worker */
    GANG_WATCH_LISTEN,  /* a listening socket, while nobody is idle; `slot` says which */
};

/*
 * A descriptor to watch.  slot and serial name the worker; a serial is never used twice, so what
 * comes too late for a worker that is gone finds nobody.
 */
struct gang_watch {
    enum gang_watch_kind kind;
    uint32_t slot;
    uint32_t serial;
    int fd;
    bool writable; /* watch for room to write, besides for something to read */
    uint64_t
        pause; /* OUTPUT: once read, leave it alone for so long (usec); 0: as the owner likes */
};

struct gang_hooks {
    void *cookie;
    /* Watch w->fd until unwatch(); again for the same fd: change what is watched for.  0 or
     * negative. */
    int (*watch)(void *cookie, struct gang *g, const struct gang_watch *w);
    /* Called before w->fd is closed.  One that is not watched is ignored. */
    void (*unwatch)(void *cookie, struct gang *g, const struct gang_watch *w);
    /* A line that worker `pid` wrote: raw bytes, not terminated.  `level` is what the worker marked
     * it with (an enum log_level; gossip), -1 when it did not, or GANG_LINE_PLAIN or
     * GANG_LINE_CLEAN: do not say who wrote it. */
    void (*line)(void *cookie, struct gang *g, pid_t pid, int level, const char *line,
                 size_t length);
    /* Something to log about the pool, or about its worker (0: none).  The text is fit for a log. */
    void (*say)(void *cookie, struct gang *g, pid_t worker, enum log_level level, const char *text);
    /* A worker says that somebody looks at the status.  NULL: nobody wants to know. */
    void (*look)(void *cookie, struct gang *g);
};

/*
 * A gang with a board and a doorbell, and no workers.  `pool` and `context` are borrowed and must
 * outlive it; *hooks is copied.  0 or negative.
 */
int gang_new(struct gang **ret, const struct conf_pool *pool, const struct pool_context *context,
             const struct gang_hooks *hooks, uint64_t now, uint64_t wall, struct error *err);
/* The same, with pm.max_children as by gang_scale(); 0: as by the configuration. */
int gang_new_scaled(struct gang **ret, const struct conf_pool *pool, uint32_t max_children,
                    const struct pool_context *context, const struct gang_hooks *hooks,
                    uint64_t now, uint64_t wall, struct error *err);
/* Bind the sockets and make ready to start workers: 0, or negative with err; then gang_fail() it. */
int gang_open(struct gang *g, struct error *err);
/*
 * As gang_open(), beside gangs that serve already: a listening socket of one of `others` that has
 * the same address is taken along (the same open file description, so nothing that waits in it is
 * lost and nobody is refused), and its backlog, owner and mode become those of this pool.  Its path
 * goes on belonging to the other gang, until gang_inherit().
 */
int gang_open_beside(struct gang *g, struct gang *const *others, size_t count, struct error *err);
/* The pool cannot run, for this reason.  It keeps its board, so that the status page shows it.
 * gang_open() may be tried again later. */
void gang_fail(struct gang *g, const char *reason);
/* Status pools: every worker is to be given the boards of this feed (borrowed), and what changes in
 * it. */
void gang_feed(struct gang *g, struct feed *feed);
/* What all its workers know of the feed, `most` at most. */
uint64_t gang_fed(const struct gang *g, uint64_t most);
/* Close everything.  Workers that still live are left alone.  NULL is allowed; returns NULL. */
struct gang *gang_free(struct gang *g);

/* Make it so.  Returns when it wants to be settled again at the latest, or CLOCK_NEVER. */
uint64_t gang_settle(struct gang *g, uint64_t now);

/* What happened.  gang_settle() is to follow, once, after any number of them. */

/* A watched descriptor is readable (or hung up), or writable. */
void gang_ready(struct gang *g, const struct gang_watch *w, uint64_t now);
/* Child `pid` is dead (waitid's si_code and si_status), and has used `cpu` microseconds of processor
 * time, its own children included.  False when it is not one of this gang. */
bool gang_reaped(struct gang *g, pid_t pid, int code, int status, uint64_t cpu, uint64_t now);

enum gang_stop_how {
    /* What has been accepted, or waits in a socket that no other gang serves, is finished, however
     * long that takes. */
    GANG_STOP_RETIRE,
    /* What has been accepted, or waits in a socket with a path, is finished within
     * process_control_timeout. */
    GANG_STOP_DRAIN,
    GANG_STOP_TERM, /* SIGTERM, and SIGKILL a second later */
    GANG_STOP_KILL,
};
/* End the pool: nobody new finds its sockets.  A stronger order may follow a weaker one. */
void gang_stop(struct gang *g, enum gang_stop_how how, uint64_t now);

/* ---- change ---- */

enum gang_tune_outcome {
    GANG_TUNE_BEYOND = 1, /* more workers than it has room for: it has to be replaced */
};
/*
 * `pool` (borrowed in place of the one before, which it must not differ from in more than
 * CONF_TUNE) holds from now on, without anybody being restarted.  0; GANG_TUNE_BEYOND, or negative
 * with err, and nothing has changed.
 */
int gang_tune(struct gang *g, const struct conf_pool *pool, uint64_t now, struct error *err);
/* pm.max_children, whatever the configuration says; 0: what that says.  As gang_tune(). */
int gang_scale(struct gang *g, uint32_t max_children, uint64_t now, struct error *err);
/* Its number among the gangs of its pool, for the status page; 1 when nobody says otherwise. */
void gang_set_generation(struct gang *g, uint32_t generation);
uint32_t gang_generation(const struct gang *g);
/* These return whether that is new, and the gang is to be settled.
 * At least so many workers whatever the policy says (not more than max_children); 0: no such rule.
 * A gang that must prove itself has 1 at least. */
bool gang_set_floor(struct gang *g, uint32_t floor);
/* At most so many, the idle leaving first; UINT32_MAX: no such rule. */
bool gang_set_cap(struct gang *g, uint32_t cap);
/* At most so many more processes than live now, as other gangs of its pool live, too. */
bool gang_set_room(struct gang *g, uint32_t room);
/* Why a gang is made to take the place of another one; and then, why the workers of that one leave. */
enum gang_cause { GANG_CAUSE_NONE, GANG_CAUSE_RELOAD, GANG_CAUSE_RESTART };
void gang_set_cause(struct gang *g, enum gang_cause cause);
/* What gangs of before that still finish use: published with what `g` uses itself. */
struct gang_elders {
    uint32_t workers;
    uint64_t resident, proportional; /* bytes */
};
struct gang_elders gang_weight(const struct gang *g);
/* Returns whether that is new, and the gang is to be settled. */
bool gang_set_elders(struct gang *g, const struct gang_elders *elders);
/* `g` goes on in the place of `from`: the paths of sockets they share belong to it now, and what
 * `from` has counted counts for it. */
void gang_inherit(struct gang *g, struct gang *from);
/* The first half of that alone. */
void gang_take_paths(struct gang *g, struct gang *from);
/* What `from` has counted since gang_inherit() or the last call. */
void gang_inherit_counts(struct gang *g, struct gang *from);
/* log_level (by now in the context, too) or log_limit has changed: tell the workers. */
void gang_tell_level(struct gang *g, enum log_level level);

/* The pool's log files are opened anew, and its workers given them; the gang is to be settled.  One that
 * cannot be opened is said, and the old one stays: how many those were. */
unsigned gang_logs_reopen(struct gang *g);

/* Say at once how many lines of its workers were held back so far. */
void gang_say_held(struct gang *g, uint64_t now);

/* Replace every worker that serves now, as if it had reached pm.max_requests. */
void gang_replace_all(struct gang *g);

/* ---- what workers cost ---- */

struct gang_worker { /* one that lives, or did when it was listed */
    uint32_t slot, serial;
    pid_t pid;
};
/* All that live, at most `room`.  How many. */
size_t gang_list(const struct gang *g, struct gang_worker *to, size_t room);
struct gang_cost {
    uint64_t resident, proportional; /* bytes, of all its processes; proportional 0: not known */
    uint64_t cpu;                    /* microseconds since its start */
};
/* `of` costs so much; to be published.  One that is gone is ignored. */
void gang_measured(struct gang *g, const struct gang_worker *of, const struct gang_cost *cost,
                   uint64_t now);
/* Publish what has changed; settling does so, too. */
void gang_publish(struct gang *g, uint64_t now);

/* ---- questions ---- */
const char *gang_name(const struct gang *g);
enum board_pool_state gang_state(const struct gang *g);
/* Why it is failing or failed; "" otherwise. */
const char *gang_reason(const struct gang *g);
const struct board *gang_board(const struct gang *g);
/* Workers that live, and those of them that accept. */
uint32_t gang_alive(const struct gang *g);
uint32_t gang_serving(const struct gang *g);
/* As many accept as its policy wants; false before it was settled once. */
bool gang_at_strength(const struct gang *g);
/* Processes that it may have: pm.max_children and the surplus. */
uint32_t gang_most(const struct gang *g);
/* What it borrows: the pool as it is now. */
const struct conf_pool *gang_pool(const struct gang *g);
/* It would have more workers if only process.max, or gang_set_room(), let it. */
bool gang_starved(const struct gang *g);
/* Stopped, and nobody is left; nor anything that one of them may have to say. */
bool gang_ended(const struct gang *g);
bool gang_silent(const struct gang *g);
/* It has its sockets, and workers may be started. */
bool gang_is_open(const struct gang *g);
/* Both have the same socket. */
bool gang_shares(const struct gang *g, const struct gang *other);
/* Whether its workers run as this user. */
bool gang_runs_as(const struct gang *g, uid_t uid);

#endif
