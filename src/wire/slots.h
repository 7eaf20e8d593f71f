/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_SLOTS_H
#define GANGER_WIRE_SLOTS_H

/* Private to wire: the table of a connection's active request ids. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/params.h"

enum slot_state {
    SLOT_PARAMS, /* collecting parameters */
    SLOT_BODY,   /* reported; its STDIN is open */
    SLOT_OVER,   /* reported; its STDIN has ended */
    SLOT_DRAIN,  /* answered; its STDIN is still open and of no interest */
};

struct slot {
    enum slot_state state;
    uint16_t id;
    uint16_t role;
    uint8_t flags;
    bool aborted;
    unsigned records;      /* PARAMS records seen */
    struct params *params; /* in SLOT_PARAMS */
};

struct slots {
    struct slot *table;
    unsigned count;
    unsigned capacity;
};

void slots_clear(struct slots *t);
/* NULL when the id is not active.  The pointer lives until the next add or remove. */
struct slot *slots_find(const struct slots *t, uint16_t id);
/* A new slot in SLOT_PARAMS with empty params, or NULL: no memory. */
struct slot *slots_add(struct slots *t, uint16_t id, const struct params_limits *limits);
void slots_remove(struct slots *t, struct slot *s);
/* Bytes of memory held by parameters that are still being collected. */
size_t slots_pending(const struct slots *t);

#endif
