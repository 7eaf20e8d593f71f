/* SPDX-License-Identifier: Apache-2.0 */

/* Statements: plain owned memory.  Invariant: `lines` holds exactly values.count numbers. */

#include "conf/statement.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(struct statement_list *list)
{
    if (list->count < list->capacity)
        return 0;
    size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    struct statement *items = reallocarray(list->items, capacity, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    list->items = items;
    list->capacity = capacity;
    return 0;
}

int statement_add(struct statement_list *list, enum statement_kind kind, unsigned file,
                  unsigned line, const char *name)
{
    if (grow(list) < 0)
        return -ENOMEM;
    struct statement s = {.kind = kind, .file = file, .line = line};
    if (name != NULL) {
        s.name = strdup(name);
        if (s.name == NULL)
            return -ENOMEM;
    }
    list->items[list->count++] = s;
    return 0;
}

int statement_add_value(struct statement *s, unsigned line, const char *value)
{
    unsigned *lines = reallocarray(s->lines, s->values.count + 1, sizeof *lines);
    if (lines == NULL)
        return -ENOMEM;
    s->lines = lines;
    lines[s->values.count] = line;
    return conf_list_add(&s->values, value);
}

int statement_move(struct statement_list *list, struct statement *s)
{
    if (grow(list) < 0)
        return -ENOMEM;
    list->items[list->count++] = *s;
    *s = (struct statement){0};
    return 0;
}

void statement_clear(struct statement_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].lines);
        conf_list_clear(&list->items[i].values);
    }
    free(list->items);
    *list = (struct statement_list){0};
}
