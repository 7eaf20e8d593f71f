/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_PLAN_H
#define GANGER_POOL_PLAN_H

/*
 * How a worker of one pool is started: the configuration translated once into settings (what the
 * worker is told) and a spawn plan (what the kernel is asked).  Made in the parent before the
 * first worker; nothing is looked up at spawn time.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/settings.h"
#include "conf/conf.h"
#include "host/identity.h"
#include "host/spawn.h"
#include "pool/context.h"
#include "pool/logs.h"
#include "pool/native.h"
#include "pool/ports.h"

struct plan {
    const struct conf_pool *pool;       /* borrowed */
    const struct pool_context *context; /* borrowed */
    struct settings settings;
    struct identity identity;
    bool has_identity; /* false: workers keep the master's */
    struct spawn_limit limits[2];
    size_t limit_count;
    struct native *native;   /* kind = fastcgi; NULL: workers are ganger's own */
    uint32_t slots;          /* of the board; the owner sets it */
    const struct logs *logs; /* of the pool; borrowed; the owner sets it */
    bool whole;              /* plan_make() succeeded; else nobody is started by it */
};

/* 0; negative with err in the words of the configuration.  *ret is to be cleared in any case. */
int plan_make(struct plan *ret, const struct conf_pool *pool, const struct pool_context *context,
              const struct ports *ports, struct error *err);
void plan_clear(struct plan *p);
/* `pool` (which differs in no more than CONF_TUNE), the context as it is now, hold for workers that
 * are started from now on.  1 when the settings are others than before, 0 when not; negative, and
 * nothing has changed. */
int plan_renew(struct plan *p, const struct conf_pool *pool, const struct ports *ports,
               struct error *err);
/* The settings as a sealed memfd: the descriptor, or negative. */
int plan_seal(const struct plan *p, struct error *err);
/* 0; negative for a plan that failed, by which processes would keep the master's identity. */
int plan_usable(const struct plan *p, struct error *err);

struct plan_fds { /* the parent's numbers for what the worker is born with; all borrowed */
    int output;   /* its descriptor 2 */
    int board;
    int bell;
    int channel; /* own workers */
};
/* Start a native program, or `ganger-worker POOL slot generation`.  0 with *ret (spawn_fork), or negative. */
int plan_spawn(const struct plan *p, const struct ports *ports, const struct plan_fds *fds,
               uint32_t slot, uint32_t generation, struct spawned *ret, struct error *err);

/* What the kernel is asked for every process of the pool; the rest stays as it is. */
void plan_fill(const struct plan *p, struct spawn_plan *spawn);

struct plan_case { /* a slow native worker */
    pid_t pid;
    int pidfd, log;        /* borrowed */
    uint64_t age, timeout; /* microseconds */
    unsigned omitted;      /* slow requests since the last examination that had none */
};
/* Start `ganger-worker POOL slow`.  0 with *ret (spawn_fork), or negative. */
int plan_examine(const struct plan *p, const struct plan_case *c, struct spawned *ret,
                 struct error *err);

#endif
