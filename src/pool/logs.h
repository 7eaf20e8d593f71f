/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_LOGS_H
#define GANGER_POOL_LOGS_H

/*
 * The log files of one pool: opened here, before its workers are, and handed to them at their start
 * and whenever they are opened anew.  Whoever lives with an old one writes on into it.
 */

#include "base/error.h"
#include "conf/conf.h"
#include "host/handover.h"

struct logs { /* zeroed: none is wanted */
    struct logs_file {
        char *path; /* owned; NULL: not wanted */
        int fd;     /* where one is wanted; -1: not open */
        int keep;   /* likewise: what keeps a FIFO open for reading (host/append.h), or -1 */
    } files[HANDOVER_LOGS];
};

/* The descriptor, or -1. */
int logs_fd(const struct logs *l, enum handover_log which);
void logs_close(struct logs *l);
/* The path of one in the configuration, or NULL. */
const char *logs_path(const struct conf_pool *pool, enum handover_log which);
/*
 * What `pool` wants, opened.  A file that `before` (NULL: nobody) has under the same path is not.  0; or
 * negative with err, naming the option, and *ret is to be closed, or to be used as far as it goes.
 */
int logs_open(struct logs *ret, const struct conf_pool *pool, const struct logs *before,
              struct error *err);
/* `next` takes the place of *l, and keeps what was not opened because *l has it.  Bits (1 << which) of
 * those that are others than before. */
unsigned logs_replace(struct logs *l, struct logs *next);
/* Open one of them anew.  0; negative with err, and the old one stays. */
int logs_reopen(struct logs *l, enum handover_log which, struct error *err);

#endif
