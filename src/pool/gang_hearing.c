/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from workers: the result of their exec, words on the channel (and lines: gang_lines.c).
 * All but the first is gossip from processes of the pool's user: it may be wrong, late, repeated or
 * endless, and costs the master a bounded amount of work each time.
 */
#include "pool/gang_struct.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/descriptor.h"

/* Words read from one worker in one turn, and boards sent to it. */
#define TURN 16

int gang_hear_watch(struct gang *g, const struct worker *w, enum gang_watch_kind kind, int fd,
                    bool writable)
{
    struct gang_watch watch = {
        .kind = kind, .slot = w->slot, .serial = w->serial, .fd = fd, .writable = writable};

    return g->hooks.watch(g->hooks.cookie, g, &watch);
}

void gang_hear_unwatch(struct gang *g, const struct worker *w, enum gang_watch_kind kind, int fd)
{
    struct gang_watch watch = {.kind = kind, .slot = w->slot, .serial = w->serial, .fd = fd};

    if (fd >= 0)
        g->hooks.unwatch(g->hooks.cookie, g, &watch);
}

/* ---- the exec ---- */

void gang_hear_report(struct gang *g, struct worker *w, uint64_t now)
{
    struct spawn_report report;
    struct error err = ERROR_NONE;

    if (w->report < 0)
        return;
    int r = spawn_result(w->report, &report, &err);
    if (r == SPAWN_PENDING)
        return;
    gang_hear_unwatch(g, w, GANG_WATCH_REPORT, w->report);
    descriptor_close(&w->report);
    if (r == SPAWN_FAILED || r < 0) {
        gang_set_reason(g, "a worker cannot be started: %s", err.text);
        (void)gang_event(g, w, LIFECYCLE_EXEC_FAILED, now);
    } else
        (void)gang_event(g, w, LIFECYCLE_EXEC_OK, now);
}

/* ---- the channel ---- */

static void end_channel(struct gang *g, struct worker *w)
{
    gang_hear_unwatch(g, w, GANG_WATCH_CHANNEL, w->channel);
    channel_close(&w->channel);
    w->drain_unsent = false;
}

void gang_hear_words(struct gang *g, struct worker *w, uint64_t now)
{
    for (int i = 0; i < TURN && w->channel >= 0; i++) {
        struct channel_message message;
        int r = channel_hear(w->channel, &message);

        if (r == CHANNEL_EMPTY)
            return;
        if (r == -EPROTO)
            continue;
        if (r == CHANNEL_FOREIGN) {
            gang_say_of(g, w->pid, LOG_LEVEL_WARNING,
                        "worker %d sent descriptors, which no worker does; killed", (int)w->pid);
            end_channel(g, w);
            (void)gang_event(g, w, LIFECYCLE_KILL, now);
            return;
        }
        if (r != 0) { /* it closed its end; what that means, its exit will tell */
            end_channel(g, w);
            return;
        }
        if (message.word == CHANNEL_READY)
            (void)gang_event(g, w, LIFECYCLE_READY, now);
        else if (message.word == CHANNEL_LOOK && g->hooks.look != NULL)
            g->hooks.look(g->hooks.cookie, g);
    }
}

/* Send a message with a descriptor, which is closed: 0 sent, or its worker is gone; CHANNEL_FULL;
 * negative: a shortage, which passes. */
static int send_descriptor(struct worker *w, const struct channel_message *message, int fd)
{
    int r = channel_send(w->channel, message, fd);

    descriptor_close(&fd);
    return r < 0 && r != -ETOOMANYREFS && r != -ENOBUFS && r != -ENOMEM ? 0 : r;
}

/* Are there more boards to tell of than this one? */
static bool more_follow(const struct feed *f, const struct feed_item *item)
{
    do
        item = feed_next(f, item->change);
    while (item != NULL && item->board == NULL);
    return item != NULL;
}

/* One board, or the word that there is none any more. */
static int send_item(struct gang *g, struct worker *w, const struct feed_item *item)
{
    struct channel_message message = {.word = item->board == NULL ? CHANNEL_FORGET : CHANNEL_BOARD,
                                      .number = more_follow(g->feed, item)};
    struct error err = ERROR_NONE;
    int fd = -1;

    (void)snprintf(message.name, sizeof(message.name), "%s", item->name);
    if (item->board == NULL && w->fed == 0)
        return 0; /* it never knew */
    if (item->board != NULL)
        fd = board_reopen_readonly(item->board, &err);
    int r = item->board != NULL && fd < 0 ? fd : send_descriptor(w, &message, fd);
    if (r < 0 && !g->feed_short)
        gang_say(g, LOG_LEVEL_WARNING, "the status of pool %s is not shown yet: %s", item->name,
                 item->board != NULL && fd < 0 ? err.text : strerror(-r));
    g->feed_short = r < 0;
    return r;
}

/* The settings of all later workers, for one that lives. */
static int send_settings(const struct gang *g, struct worker *w)
{
    const struct channel_message message = {.word = CHANNEL_SETTINGS};
    int fd = plan_seal(gang_queue_is_shedder(g, w) ? &g->queue.plan : &g->plan, NULL);

    return fd < 0 ? fd : send_descriptor(w, &message, fd);
}

/* What concerns this worker alone.  0, CHANNEL_FULL or negative (a shortage). */
static int send_words(const struct gang *g, struct worker *w)
{
    int r = 0;

    if (w->level_unsent >= 0) {
        struct channel_message message = {.word = CHANNEL_LEVEL,
                                          .number = (uint32_t)w->level_unsent};
        (void)snprintf(message.name, sizeof(message.name), "%zu", log_get_limit());
        r = channel_send(w->channel, &message, -1) == CHANNEL_FULL ? CHANNEL_FULL : 0;
        if (r == 0)
            w->level_unsent = -1;
    }
    if (r == 0)
        r = gang_logs_send(g, w);
    if (r == 0 && w->settings_unsent) {
        r = send_settings(g, w);
        w->settings_unsent = r != 0;
    }
    return r;
}

bool gang_hear_unsent(const struct gang *g, const struct worker *w)
{
    return w->channel >= 0 && (w->drain_unsent || w->settings_unsent || w->level_unsent >= 0 ||
                               w->logs_unsent != 0 || feed_next(g->feed, w->fed) != NULL);
}

void gang_hear_send(struct gang *g, struct worker *w, uint64_t now)
{
    bool full = worker_flush(w);
    const struct feed_item *item = NULL;
    int r = full || now < g->feed_again ? CHANNEL_FULL : send_words(g, w);

    for (int i = 0; r == 0 && i < TURN && (item = feed_next(g->feed, w->fed)) != NULL; i++) {
        r = send_item(g, w, item);
        if (r == 0)
            w->fed = item->change;
    }
    if (r < 0)
        g->feed_again = now + GANG_FEED_AGAIN;
    /* In a shortage the clock says when to go on: there is room in the channel all the while. */
    if (w->channel >= 0)
        (void)gang_hear_watch(g, w, GANG_WATCH_CHANNEL, w->channel,
                              full || (gang_hear_unsent(g, w) && now >= g->feed_again));
}

/* ---- all of it ---- */

void gang_ready(struct gang *g, const struct gang_watch *watch, uint64_t now)
{
    if (watch->kind == GANG_WATCH_BELL) {
        if (g->bell[0] >= 0)
            (void)board_doorbell_drain(g->bell[0]);
        g->queue.rung = true;
        return;
    }
    if (watch->kind == GANG_WATCH_LISTEN) {
        g->knocked = true;
        return;
    }
    struct worker *w = watch->slot < g->slots ? &g->workers[watch->slot] : NULL;
    if (w == NULL || w->serial != watch->serial || w->state == LIFECYCLE_EMPTY) {
        /* Its worker is gone; only its output may have outlived it. */
        if (watch->kind == GANG_WATCH_OUTPUT)
            gang_lines_leftover(g, watch->serial, now);
        return;
    }
    switch (watch->kind) {
    case GANG_WATCH_BELL:
    case GANG_WATCH_LISTEN:
        break;
    case GANG_WATCH_REPORT:
        gang_hear_report(g, w, now);
        break;
    case GANG_WATCH_CHANNEL:
        gang_hear_words(g, w, now);
        if (w->channel >= 0)
            gang_hear_send(g, w, now);
        break;
    case GANG_WATCH_OUTPUT:
        gang_lines_worker(g, w, now);
        break;
    }
}
