/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_CREW_H
#define GANGER_MASTER_CREW_H

/*
 * All gangs of the master, tied to the event loop: what happens is given to the gang that it
 * concerns, that gang is settled soon afterwards, and one timer wakes the one that asked first.
 *
 * Each pool has one place here (master/crew_struct.h).  In it sits its CURRENT gang, for a while
 * perhaps a COMING one beside it, and any number of GOING ones.  A COMING gang becomes the CURRENT
 * one as soon as one of its workers accepts; the old one is GOING from then on, and shrinks as fast
 * as the new one grows.  One that dies before it serves, or is not ready in time, ends, and the
 * CURRENT one stays.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>
#include "base/error.h"
#include "conf/conf.h"
#include "pool/context.h"
#include "pool/gang.h"

struct crew;

/*
 * A gang for every pool of `conf` (referred to from then on; `context` is borrowed), none of them
 * open.  `settled` is called after every round of settling.  0 or negative.
 */
int crew_new(struct crew **ret, sd_event *loop, struct conf *conf,
             const struct pool_context *context, void (*settled)(void *cookie), void *cookie,
             struct error *err);
struct crew *crew_free(struct crew *c);

/*
 * Open every pool: `reasons[i]`, when it is not NULL, fails the i-th one at once.  What fails is
 * logged; the others go on.  One whose address is taken is tried again for a while (crew_retry.c).
 * Returns how many others failed.
 */
size_t crew_open(struct crew *c, char *const *reasons);
/* Settle all of them soon. */
void crew_settle_all(struct crew *c);

/* Say now how many lines of workers were held back: whoever comes after us does not know. */
void crew_say_held(struct crew *c);

/* For master/reap.h. */
bool crew_dead(struct crew *c, pid_t pid, int code, int status, uint64_t cpu);
bool crew_pool_user(const struct crew *c, uid_t uid);

/* End all pools, for good: nothing of what follows is possible afterwards. */
void crew_stop(struct crew *c, enum gang_stop_how how);

struct crew_count {
    size_t pools, failed; /* cannot run */
    size_t failing;       /* throttled */
    size_t stopped;       /* as was ordered */
    size_t decided;       /* pools of which it is known: at full strength, or failing */
    uint32_t workers;     /* alive, those of older generations included */
};
struct crew_count crew_count(const struct crew *c);

/* ---- changes ---- */

/*
 * Each of these begins a change and returns: 0; or negative with err naming the pool and the
 * remedy, and nothing has changed.  crew_busy() tells how long it takes, crew_outcome() what came
 * of it.  A change of a pool in the middle of another one takes its place.
 */

/*
 * Make the pools those of `conf` (referred to).  reasons[i], when it is not NULL, is why its i-th
 * pool cannot run here: a pool that runs then goes on as it is.  The global options are the
 * caller's.  Fails only for want of memory.
 */
int crew_reload(struct crew *c, struct conf *conf, char *const *reasons, struct error *err);
/* A new generation of the same pool.  Also starts one that failed. */
int crew_restart(struct crew *c, const char *name, struct error *err);
/* Finish what it has in hand and what waits, then close its sockets; it stays so, whatever is
 * reloaded, until crew_start_pool(). */
int crew_stop_pool(struct crew *c, const char *name, struct error *err);
int crew_start_pool(struct crew *c, const char *name, struct error *err);
/* pm.max_children of the running pool, until a reload changes the pool. */
int crew_scale(struct crew *c, const char *name, uint32_t max_children, struct error *err);

/* Something is under way in this pool (NULL: in any): a change is pending, or it is neither at
 * strength nor known to fail.  False for a pool that there is not. */
bool crew_busy(const struct crew *c, const char *name);

enum crew_action {
    CREW_KEEP, /* nothing to do */
    CREW_TUNE,
    CREW_REPLACE,
    CREW_ADD,
    CREW_DROP,
    CREW_STOP,
    CREW_START,
    CREW_ACTIONS
};
enum crew_result { CREW_PENDING, CREW_DONE, CREW_FAILED };
struct crew_outcome { /* texts belong to the crew and hold until it changes */
    const char *name;
    enum crew_action action;
    enum crew_result result;
    const char *reason; /* of a failure; else "" */
};
/* "tune", "replace" …; never NULL. */
const char *crew_action_name(enum crew_action action);
/* What became of the last change of each pool, the dropped included (until the next reload), in the
 * order of the config.  False when there are no more than `i`. */
bool crew_outcome(const struct crew *c, size_t i, struct crew_outcome *ret);
/* Of this pool; false when it is not known. */
bool crew_outcome_of(const struct crew *c, const char *name, struct crew_outcome *ret);

/* ---- looking at it ---- */

/* The CURRENT gang of that pool, or NULL. */
struct gang *crew_find(const struct crew *c, const char *name);

enum crew_role {
    CREW_CURRENT,
    CREW_COMING, /* new, and not proven yet */
    CREW_GOING,  /* old: drained, and freed when its last worker is gone */
};
struct crew_member {
    struct gang *gang;
    enum crew_role role;
    struct conf *conf;  /* that its gang's pool is in; borrowed */
    bool stopped;       /* its pool was stopped by an order */
    uint32_t scaled;    /* crew_scale() of its pool; 0: none */
    const char *toward; /* GOING: it shrinks as this pool's CURRENT one grows; NULL: it just goes */
    uint32_t size;      /* … from so many */
    bool hurried;       /* GOING: it has been given a time */
    uint64_t retry_until; /* CURRENT, failed: its address is tried again; 0: not */
    uint64_t begun;       /* COMING: when its first worker was started; 0: not yet */
};
/* Call `visit` for every gang, those of one pool together, until it returns other than 0, which is
 * then returned.  Nothing may be changed meanwhile. */
int crew_each(const struct crew *c, int (*visit)(void *cookie, const struct crew_member *m),
              void *cookie);

/*
 * For an upgrade: the crew of the new image is made by crew_new(), which makes unopened gangs, and
 * then filled.  `make` is called with the hooks for one gang of pool `name` of member.conf and is to
 * make it, as gang_new() does, of what was frozen; *m says what it is (its `gang` is ignored).  A
 * CURRENT one takes the place of what crew_new() made.  Those that another one is `toward` to may
 * come later, and crew_thawed() comes last.  0 or negative.
 */
struct crew_thaw {
    const char *name;
    struct crew_member member;
    int (*make)(void *cookie, struct gang **ret, const struct conf_pool *pool,
                const struct pool_context *context, const struct gang_hooks *hooks,
                struct error *err);
    void *cookie;
};
int crew_thaw(struct crew *c, const struct crew_thaw *t, struct error *err);
void crew_thawed(struct crew *c);

#endif
