/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Statements and lists of strings: plain owned memory.
 *
 * Invariant: items[count] of a conf_list is NULL once anything was added, and `lines` holds
 * exactly values.count numbers.
 */

#include "conf/statement.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int conf_list_add(struct conf_list *list, const char *text)
{
    char **items = reallocarray(list->items, list->count + 2, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    list->items = items;
    items[list->count] = strdup(text);
    if (items[list->count] == NULL)
        return -ENOMEM;
    items[++list->count] = NULL;
    return 0;
}

void conf_list_clear(struct conf_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct conf_list){0};
}

int conf_list_copy(struct conf_list *ret, const struct conf_list *from)
{
    struct conf_list copy = {0};
    for (size_t i = 0; i < from->count; i++) {
        if (conf_list_add(&copy, from->items[i]) < 0) {
            conf_list_clear(&copy);
            return -ENOMEM;
        }
    }
    conf_list_clear(ret);
    *ret = copy;
    return 0;
}

bool conf_list_equal(const struct conf_list *a, const struct conf_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

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
