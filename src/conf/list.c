/* SPDX-License-Identifier: Apache-2.0 */

/* Lists of strings.  Invariant: items[count] is NULL once anything was added. */

#include "conf/list.h"
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
