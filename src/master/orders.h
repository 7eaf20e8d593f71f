/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_ORDERS_H
#define GANGER_MASTER_ORDERS_H

/*
 * What the master can be ordered to do, by a signal or over the control socket.  This is the one list
 * of it; master_orders.c carries it out.
 *
 * An order is a line of words with single or more spaces between them:
 *
 *     ping | test | reload [wait] | restart POOL [wait] | stop POOL [wait] | start POOL [wait] |
 *     scale POOL NUMBER [wait] | reopen | upgrade [wait] | quit [wait]
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"

enum order_word {
    ORDER_PING,
    ORDER_TEST,
    ORDER_RELOAD,
    ORDER_RESTART,
    ORDER_STOP,
    ORDER_START,
    ORDER_SCALE,
    ORDER_REOPEN,
    ORDER_UPGRADE,
    ORDER_QUIT,
};

#define ORDERS_LINE_MAX 512u /* bytes of a line, its newline included */
#define ORDERS_POOL_MAX 63u  /* of a pool's name; conf lets no longer one pass */
#define ORDERS_SCALE_MAX 16384u

struct order {
    enum order_word word;
    char pool[ORDERS_POOL_MAX + 1]; /* restart, stop, start, scale; "" otherwise */
    uint32_t number;                /* scale: 1 to ORDERS_SCALE_MAX */
    bool wait;                      /* whoever gave it waits until all is settled */
};

/* Read one line (foreign bytes, its newline left out).  0; -EINVAL with err saying what is allowed. */
int orders_parse(struct order *ret, const void *line, size_t length, struct error *err);
const char *orders_name(enum order_word word);

/* What has become of an order: besides 0, done, and negative, failed with err saying why. */
enum orders_outcome { ORDERS_PENDING = 1 };

/* Who carries orders out.  `said` is for lines to whoever gave the order, each ended by a newline and
 * fit for a terminal; it is bounded, and what does not fit is left out. */
struct orders_desk {
    void *cookie;
    /* Begin.  0 done; ORDERS_PENDING: begun, ask again with look(); negative. */
    int (*give)(void *cookie, const struct order *o, struct bytes *said, struct error *err);
    /* What has become of it now.  As give(). */
    int (*look)(void *cookie, const struct order *o, struct bytes *said, struct error *err);
};

#endif
