/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: no two items have the same name, or the same change. */
#include "pool/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct feed_item *find(const struct feed *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->items[i].name, name) == 0)
            return &f->items[i];
    }
    return NULL;
}

int feed_set(struct feed *f, const char *name, const struct board *board)
{
    struct feed_item *item = find(f, name);

    if (item == NULL) {
        struct feed_item *more = reallocarray(f->items, f->count + 1, sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        f->items = more;
        item = &more[f->count++];
        *item = (struct feed_item){0};
        (void)snprintf(item->name, sizeof(item->name), "%s", name);
    }
    if (item->board != board || board == NULL) {
        item->board = board;
        item->change = ++f->change;
    }
    return 0;
}

void feed_forget(struct feed *f, const char *name, const struct board *board)
{
    struct feed_item *item = find(f, name);

    if (item == NULL || item->board != board || board == NULL)
        return;
    item->board = NULL;
    item->change = ++f->change;
}

const struct feed_item *feed_next(const struct feed *f, uint64_t known)
{
    const struct feed_item *next = NULL;

    if (f == NULL || known >= f->change)
        return NULL;
    for (size_t i = 0; i < f->count; i++) {
        const struct feed_item *item = &f->items[i];

        if (item->change > known && (next == NULL || item->change < next->change))
            next = item;
    }
    return next;
}

void feed_trim(struct feed *f, uint64_t known)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].board != NULL || f->items[i].change > known)
            f->items[kept++] = f->items[i];
    }
    f->count = kept;
}

void feed_clear(struct feed *f)
{
    free(f->items);
    *f = (struct feed){0};
}
