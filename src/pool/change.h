/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_CHANGE_H
#define GANGER_POOL_CHANGE_H

/* What a new configuration means for one pool: a decision from the configurations alone. */

#include <stdbool.h>
#include "conf/conf.h"

struct change_input {
    const struct conf_pool *next;    /* as it is to be; NULL: not at all */
    const struct conf_pool *current; /* as it serves; NULL: it does not exist */
    const struct conf_pool *coming;  /* as its next generation, not proven yet, is; NULL: none */
    bool broken;                     /* the current one cannot run at all */
    bool stopped;                    /* by an order: nothing of it is to run */
};

enum change_action {
    CHANGE_NOTHING, /* there is no such pool, and there is to be none */
    CHANGE_KEEP,
    CHANGE_TUNE,
    CHANGE_REPLACE,
    CHANGE_ADD,
    CHANGE_DROP,
    CHANGE_NOTE, /* remember the configuration, for when it is started */
};
struct change_answer {
    enum change_action action;
    bool on_coming;  /* KEEP, TUNE: the coming generation is meant, not the current one */
    bool end_coming; /* the coming generation is not wanted any more */
};

/*
 * A coming generation that fits is kept; the current one is compared with what does not fit it, so
 * that a change that is taken back ends where it began.
 */
struct change_answer change_decide(const struct change_input *in);

#endif
