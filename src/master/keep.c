/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gang hands its socket to the next by a copy, so a socket is counted: it leaves the store when the
 * last one that listens on it has closed it.
 *
 * Invariant: no two items have the same address; uses is at least 1.
 */
#include "master/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/number.h"
#include "host/inherited.h"

struct kept {
    char name[INHERITED_NAME_MAX + 1]; /* in the store */
    ino_t number;                      /* of the socket */
    unsigned uses;
};

/* More than anybody has; systemd takes what its FileDescriptorStoreMax= says. */
#define LIMIT_MAX 1048576u

static struct kept *find(const struct keep *k, const char *name)
{
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->items[i].name, name) == 0)
            return &k->items[i];
    }
    return NULL;
}

static void cannot(struct keep *k, const struct address *address, const char *why)
{
    if (!k->warned)
        log_write(LOG_LEVEL_WARNING, NULL,
                  "the service manager does not keep the socket %s while ganger is away: %s",
                  address->text, why);
    k->warned = true;
}

static void hook_keep(void *cookie, const struct address *address, int fd, bool bound)
{
    struct keep *k = cookie;
    struct kept new = {.uses = 1};
    struct stat st;

    if (k->stopping)
        return;
    if (inherited_name(new.name, address) < 0 || fstat(fd, &st) < 0) {
        cannot(k, address, "its address is too long to be its name there");
        return;
    }
    new.number = st.st_ino;
    struct kept *item = find(k, new.name);
    if (item != NULL && item->number == new.number) {
        item->uses++;
        return;
    }
    if (item != NULL) { /* the old one lives on in some gang, but is nobody's way in any more */
        *item = new;
        bound = true;
    } else if (k->count >= k->limit) {
        cannot(k, address, "its store is full; raise FileDescriptorStoreMax= in the unit");
        return;
    } else {
        struct kept *items = realloc(k->items, (k->count + 1) * sizeof(*items));
        if (items == NULL) {
            cannot(k, address, "no memory");
            return;
        }
        k->items = items;
        items[k->count++] = new;
    }
    /* What has the name from an earlier life is not what we bound now, and one word would take both
     * out together. */
    if (bound)
        notify_unstore(k->notify, new.name);
    notify_store(k->notify, new.name, fd);
}

static void hook_drop(void *cookie, const struct address *address, int fd)
{
    struct keep *k = cookie;
    char name[INHERITED_NAME_MAX + 1];
    struct stat st;

    if (k->stopping || inherited_name(name, address) < 0 || fstat(fd, &st) < 0)
        return;
    struct kept *item = find(k, name);
    if (item == NULL || item->number != st.st_ino || --item->uses > 0)
        return;
    *item = k->items[--k->count];
    notify_unstore(k->notify, name);
}

void keep_open(struct keep *k, struct notify *notify)
{
    const char *text = getenv("FDSTORE");
    uint64_t limit = 0;

    *k = (struct keep){.notify = notify};
    if (text == NULL || getenv("NOTIFY_SOCKET") == NULL ||
        number_parse(text, LIMIT_MAX, &limit) != 0)
        return;
    k->limit = (size_t)limit;
    k->keeper = (struct port_keeper){.cookie = k, .keep = hook_keep, .drop = hook_drop};
}

bool keep_holds(const struct keep *k, const char *name)
{
    return find(k, name) != NULL;
}

bool keep_active(const struct keep *k)
{
    return k->limit > 0;
}

void keep_stop(struct keep *k)
{
    k->stopping = true;
}

void keep_close(struct keep *k)
{
    free(k->items);
    *k = (struct keep){0};
}
