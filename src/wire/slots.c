/* SPDX-License-Identifier: Apache-2.0 */

/* Active ids in no order: there are few, and a search through them costs less than keeping one. */

#include "wire/slots.h"

#include <stdlib.h>

void slots_clear(struct slots *t)
{
    for (unsigned i = 0; i < t->count; i++)
        params_free(t->table[i].params);
    free(t->table);
    *t = (struct slots){0};
}

struct slot *slots_find(const struct slots *t, uint16_t id)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (t->table[i].id == id)
            return &t->table[i];
    }
    return NULL;
}

struct slot *slots_add(struct slots *t, uint16_t id, const struct params_limits *limits)
{
    if (t->count == t->capacity) {
        unsigned capacity = t->capacity == 0 ? 2 : t->capacity * 2;
        struct slot *table = reallocarray(t->table, capacity, sizeof *table);

        if (table == NULL)
            return NULL;
        t->table = table;
        t->capacity = capacity;
    }
    struct params *params = params_new(limits);

    if (params == NULL)
        return NULL;
    struct slot *s = &t->table[t->count++];

    *s = (struct slot){.state = SLOT_PARAMS, .id = id, .params = params};
    return s;
}

void slots_remove(struct slots *t, struct slot *s)
{
    params_free(s->params);
    *s = t->table[--t->count];
}

size_t slots_pending(const struct slots *t)
{
    size_t held = 0;

    for (unsigned i = 0; i < t->count; i++) {
        if (t->table[i].params != NULL)
            held += params_held(t->table[i].params);
    }
    return held;
}
