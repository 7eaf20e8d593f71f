/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry for each descriptor number that was ever watched.  Entries live as long as the table
 * and are used again, so what the loop hands back is never memory that is gone.  An event counts only when it comes
 * from the source that the entry holds now and for the worker (slot and serial) that it holds
 * now: an event from before a descriptor was closed and its number used again finds nobody.
 * (PHP-FPM kept pointers to child records in epoll and freed them in the middle of a batch:
 * CVE-2026-129291.)
 */
#include "master/watch_table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"

/* Between two turns of one output, unless its watcher says otherwise. */
#define OUTPUT_PAUSE (10 * CLOCK_MSEC)

struct entry {
    sd_event_source *source; /* NULL: free */
    struct gang_watch watch;
    watch_fired *fired;
    void *cookie;
};

struct watch_table {
    sd_event *loop;
    struct entry **entries; /* by descriptor number; NULL: never watched */
    size_t count;
};

int watch_table_new(struct watch_table **ret, sd_event *loop)
{
    struct watch_table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return -ENOMEM;
    t->loop = sd_event_ref(loop);
    *ret = t;
    return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct entry *e = userdata;

    (void)events;
    if (e->source != source || e->watch.fd != fd)
        return 0;
    struct gang_watch watch = e->watch; /* the entry may be removed by what follows */
    e->fired(e->cookie, &watch);
    return 0;
}

/*
 * How often a descriptor may fire in a tenth of a second; then it waits for the next.  What does not
 * change as fast keeps nobody busy, and one that floods cannot turn the loop into its own.  Output has
 * pauses between its turns instead: the writer goes on meanwhile, and there is more to read at once.
 */
static void limit_rate(sd_event_source *source, const struct gang_watch *w)
{
    static const unsigned bursts[] = {
        [GANG_WATCH_BELL] = 200, /* scaling waits for it; all rings are read at once */
        [GANG_WATCH_REPORT] = 20,
        [GANG_WATCH_CHANNEL] = 20,
        [GANG_WATCH_LISTEN] = 50,
    };

    if (w->kind == GANG_WATCH_OUTPUT)
        (void)sd_event_source_set_ratelimit(source, w->pause > 0 ? w->pause : OUTPUT_PAUSE, 1);
    else
        (void)sd_event_source_set_ratelimit(source, 100 * CLOCK_MSEC, bursts[w->kind]);
}

static int find_entry(struct watch_table *t, int fd, struct entry **ret)
{
    size_t i = (size_t)fd;

    if (fd < 0)
        return -EBADF;
    if (i >= t->count) {
        size_t count = i + 64;
        struct entry **entries = realloc(t->entries, count * sizeof(struct entry *));
        if (entries == NULL)
            return -ENOMEM;
        for (size_t k = t->count; k < count; k++)
            entries[k] = NULL;
        t->entries = entries;
        t->count = count;
    }
    if (t->entries[i] == NULL)
        t->entries[i] = calloc(1, sizeof(struct entry));
    if (t->entries[i] == NULL)
        return -ENOMEM;
    *ret = t->entries[i];
    return 0;
}

static void drop(struct entry *e)
{
    e->source = sd_event_source_disable_unref(e->source);
    e->fired = NULL;
    e->cookie = NULL;
}

int watch_table_set(struct watch_table *t, const struct gang_watch *w, watch_fired *fired,
                    void *cookie)
{
    uint32_t events = EPOLLIN | (w->writable ? (uint32_t)EPOLLOUT : 0);
    struct entry *e = NULL;
    int r = find_entry(t, w->fd, &e);

    if (r < 0)
        return r;
    if (e->source != NULL) {
        if (e->watch.kind == w->kind && e->watch.serial == w->serial && e->cookie == cookie) {
            bool same = e->watch.writable == w->writable;
            bool as_often = e->watch.pause == w->pause;
            e->watch = *w;
            if (!as_often)
                limit_rate(e->source, w);
            return same ? 0 : sd_event_source_set_io_events(e->source, events);
        }
        drop(e); /* closed without a word: its watcher's mistake, not this one's loss */
    }
    r = sd_event_add_io(t->loop, &e->source, w->fd, events, on_io, e);
    if (r < 0)
        return r;
    limit_rate(e->source, w);
    e->watch = *w;
    e->fired = fired;
    e->cookie = cookie;
    return 0;
}

void watch_table_remove(struct watch_table *t, const struct gang_watch *w)
{
    if (w->fd < 0 || (size_t)w->fd >= t->count || t->entries[w->fd] == NULL)
        return;
    struct entry *e = t->entries[w->fd];
    if (e->source != NULL && e->watch.kind == w->kind && e->watch.serial == w->serial)
        drop(e);
}

struct watch_table *watch_table_free(struct watch_table *t)
{
    if (t == NULL)
        return NULL;
    for (size_t i = 0; i < t->count; i++) {
        if (t->entries[i] != NULL)
            drop(t->entries[i]);
        free(t->entries[i]);
    }
    free(t->entries);
    sd_event_unref(t->loop);
    free(t);
    return NULL;
}
