/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue is looked at every few milliseconds.  Nothing is shed that has not waited for
 * queue_timeout while this process watched; it is started before that time is over.
 *
 * `accepted` comes from the board, which the pool's own workers write: a wrong one sheds the wrong
 * number of this pool's own connections.  Workers of which nothing is known (opaque ones) count as
 * having accepted nothing; then more is shed than need be.
 */

#include "serve/shed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "host/queue.h"
#include "host/queue_age.h"
#include "serve/brief.h"
#include "serve/listener.h"
#include "wire/response.h"

#define STEP(timeout) ((timeout) / 16) /* QUEUE_AGE_NOTES of them are more than queue_timeout */
#define TICK_MIN (5 * CLOCK_MSEC)
#define TICK_MAX (100 * CLOCK_MSEC)
#define TICK_LIMIT (20 * CLOCK_MSEC) /* when only queue_limit is set */
#define TURN 256u                    /* accepted at once from one socket */

struct shed {
    sd_event_source *timer;
    struct queue *queue; /* NULL: unix sockets do not tell */
    struct queue_age age;
};

static uint64_t accepted_by_all(const struct worker *w)
{
    struct board_snapshot snapshot;
    uint64_t accepted;

    if (board_snapshot(w->board, &snapshot) < 0)
        return 0;
    accepted = snapshot.accepted;
    board_snapshot_clear(&snapshot);
    return accepted;
}

/* One look at the queues, and what follows from it. */
static void look(struct worker *w)
{
    const struct options *o = &w->options;
    struct shed *s = w->shed;
    struct queue_note now = {.when = clock_monotonic()};

    for (size_t i = 0; i < listener_count(w); i++) {
        struct queue_length length;
        if (queue_ask(s->queue, listener_socket(w, i), &length) == 0)
            now.waiting += length.waiting;
        else /* nobody tells how many: all of them */
            (void)listener_take(w, i, TURN);
    }
    now.accepted = accepted_by_all(w);

    uint64_t excess = 0;
    if (o->queue_limit > 0 && now.waiting > o->queue_limit)
        excess = now.waiting - o->queue_limit;
    if (o->queue_timeout > 0) {
        uint64_t late = queue_age_overdue(&s->age, &now, o->queue_timeout);
        if (late > excess)
            excess = late;
        queue_age_note(&s->age, &now, STEP(o->queue_timeout));
    }
    for (size_t i = 0; i < listener_count(w) && excess > 0; i++) {
        unsigned taken = listener_take(w, i, excess < TURN ? (unsigned)excess : TURN);
        excess -= taken < excess ? taken : excess;
    }
}

static uint64_t tick(const struct options *o)
{
    uint64_t t = STEP(o->queue_timeout);

    if (o->queue_limit > 0 && (t == 0 || t > TICK_LIMIT))
        t = TICK_LIMIT;
    return t < TICK_MIN ? TICK_MIN : t > TICK_MAX ? TICK_MAX : t;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct worker *w = userdata;

    (void)usec;
    if (w->leaving)
        return 0;
    look(w);
    int r = sd_event_source_set_time(source, clock_monotonic() + tick(&w->options));
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int shed_open(struct worker *w, struct error *err)
{
    struct error unused = ERROR_NONE;

    w->shed = calloc(1, sizeof *w->shed);
    if (w->shed == NULL)
        return error_errno(err, ENOMEM, "shedding");
    (void)queue_open(&w->shed->queue, &unused);
    int r = brief_prepare();
    if (r < 0)
        return error_errno(err, -r, "cannot make a timer");
    r = sd_event_add_time(w->event, &w->shed->timer, CLOCK_MONOTONIC, clock_monotonic(), CLOCK_MSEC,
                          on_tick, w);
    return r < 0 ? error_errno(err, -r, "cannot set a timer") : 0;
}

void shed_close(struct worker *w)
{
    if (w->shed == NULL)
        return;
    w->shed->timer = sd_event_source_disable_unref(w->shed->timer);
    w->shed->queue = queue_free(w->shed->queue);
    free(w->shed);
    w->shed = NULL;
}

void shed_answer(struct request *r)
{
    static const char body[] = "All workers are busy. Please try again in a moment.\n";
    const char *method = params_find(r->params, "REQUEST_METHOD", NULL);
    const char *uri = params_find(r->params, "REQUEST_URI", NULL);

    r->body_left = 0; /* whatever comes is not read */
    r->keep = false;
    r->status = 503;
    r->failed = true;
    r->state = REQUEST_ANSWERING;
    board_request_begin(r->worker->board, r->started, method, uri, NULL, NULL, 0, 0);
    int e = bytes_printf(&r->answer,
                         "Status: 503 %s\r\nRetry-After: 1\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                         "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n%s",
                         response_reason(503), sizeof body - 1, r->head ? "" : body);
    if (e < 0)
        request_answer(r, 503);
}
