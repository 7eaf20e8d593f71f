/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_CHECK_H
#define GANGER_POOL_CHECK_H

/*
 * A pool's configuration held against the host: do its users, programs, folders and addresses
 * exist?  Nothing is changed.  `ganger -t` prints the findings; at start a pool with an error among
 * them is *failed* and the other pools run.
 */

#include "base/error.h"
#include "conf/conf.h"
#include "host/identity.h"
#include "pool/context.h"

enum check_outcome {
    CHECK_REFUSED = 1, /* the configuration asks for what may not or cannot be; err says what */
    CHECK_KEEP = 2,    /* workers keep the master's identity; *ret is empty */
};

/*
 * Who the pool's workers are (`user`, `group`, `allow_root`; ganger.conf(5)).  0 with *ret, to be
 * cleared by identity_clear(); CHECK_REFUSED; CHECK_KEEP; negative.
 * *ret_warning (may be NULL) receives a constant sentence or NULL.
 */
int check_identity(struct identity *ret, const struct conf_pool *pool,
                   const struct pool_context *context, const char **ret_warning, struct error *err);

/*
 * Everything about `pool`: one complaint for each finding is added to *found.  The number of
 * errors (not warnings) that were added, or -ENOMEM.
 */
int pool_check(const struct conf_pool *pool, const struct pool_context *context,
               struct conf_complaints *found);

/* Two pools that listen at one address, after the addresses are made canonical.  As pool_check();
 * the complaint is about the later one. */
int check_duplicates(const struct conf *conf, const struct conf_pool *pool,
                     struct conf_complaints *found);

#endif
