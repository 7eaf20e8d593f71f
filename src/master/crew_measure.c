/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers cost, measured while somebody looks: for LOOK after the last word of a status worker,
 * every PERIOD at most, and never so often that it takes more than one part in SHARE of a processor.
 * While nobody looks there is neither a timer nor a thread, and nothing of this runs.
 *
 * The survey itself is a thread's (host/survey.h).  Here its list is made and its results are handed
 * out, a bounded number in one turn of the loop.  Workers come and go meanwhile: a result finds its
 * worker by the numbers of both, or nobody.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/log.h"
#include "host/survey.h"
#include "master/crew_struct.h"

#define LOOK (10 * CLOCK_SEC)
#define PERIOD (2 * CLOCK_SEC)
#define SHARE 20u
#define TURN 64u
#define AGAIN (10 * CLOCK_SEC) /* after a shortage */

/* ---- the list ---- */

static int list_workers(struct crew *c)
{
    struct crew_measure *x = &c->measure;
    size_t room = 0;

    for (size_t i = 0; i < c->member_count; i++)
        room += gang_alive(c->members[i]->gang);
    x->targets = calloc(room + 1, sizeof(*x->targets));
    struct gang_worker *all = calloc(room + 1, sizeof(*all));
    if (x->targets == NULL || all == NULL) {
        free(all);
        return -1;
    }
    x->count = x->taken = 0;
    for (size_t i = 0; i < c->member_count; i++) {
        size_t n = gang_list(c->members[i]->gang, all, room - x->count);

        for (size_t k = 0; k < n; k++)
            x->targets[x->count++] =
                (struct crew_target){.member = c->members[i]->number, .worker = all[k]};
    }
    free(all);
    return 0;
}

static void forget(struct crew_measure *x)
{
    free(x->targets);
    free(x->results);
    x->targets = NULL;
    x->results = NULL;
}

static int start(struct crew *c, uint64_t now)
{
    struct crew_measure *x = &c->measure;
    struct error err = ERROR_NONE;
    pid_t *pids = NULL;
    int r = list_workers(c);

    if (r == 0)
        pids = calloc(x->count + 1, sizeof(*pids));
    for (size_t i = 0; i < x->count && pids != NULL; i++)
        pids[i] = x->targets[i].worker.pid;
    r = pids == NULL ? -1 : survey_start(x->survey, pids, x->count, now, &err);
    free(pids);
    return r;
}

/* ---- when ---- */

static void arm(struct crew_measure *x, uint64_t at)
{
    (void)sd_event_source_set_time(x->timer, at);
    (void)sd_event_source_set_enabled(x->timer, SD_EVENT_ONESHOT);
}

/* Begin one when it is time.  While one is under way its end goes on; should it not end, the timer. */
static void go_on(struct crew *c, uint64_t now)
{
    struct crew_measure *x = &c->measure;

    if (x->results != NULL || now >= x->until || c->stopping)
        return;
    if (now < x->next) {
        arm(x, x->next);
        return;
    }
    forget(x);
    if (start(c, now) == 0)
        x->next = now + SURVEY_PATIENCE;
    else {
        forget(x);
        x->next = now + AGAIN;
    }
    x->began = now;
    arm(x, x->next);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    go_on(userdata, clock_monotonic());
    return 0;
}

void crew_measure_look(struct crew *c)
{
    uint64_t now = clock_monotonic();
    bool idle = now >= c->measure.until;

    c->measure.until = now + LOOK;
    if (idle)
        go_on(c, now);
}

/* ---- the results ---- */

/* Those of one gang. */
static void hand_out(struct member *m, const struct crew_measure *x, size_t from, size_t to,
                     uint64_t now)
{
    for (size_t i = from; i < to; i++) {
        const struct meter_family *f = &x->results[i].family;
        const struct gang_cost cost = {
            .resident = f->resident, .proportional = f->proportional, .cpu = f->cpu};

        if (x->results[i].error == 0)
            gang_measured(m->gang, &x->targets[i].worker, &cost, now);
    }
    gang_publish(m->gang, now);
    if (m->role == CREW_GOING)
        crew_mark(m); /* the CURRENT one tells of it */
}

/* Members stand in the order of their numbers, and so do targets. */
static struct member *find(const struct crew *c, uint64_t number)
{
    size_t low = 0, high = c->member_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (c->members[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->member_count && c->members[low]->number == number ? c->members[low] : NULL;
}

static int on_more(sd_event_source *source, void *userdata)
{
    struct crew *c = userdata;
    struct crew_measure *x = &c->measure;
    uint64_t now = clock_monotonic();
    size_t end = x->taken + TURN;

    while (x->taken < x->count && x->taken < end) {
        size_t from = x->taken;
        struct member *m = find(c, x->targets[from].member);

        while (x->taken < x->count && x->targets[x->taken].member == x->targets[from].member)
            x->taken++;
        if (m != NULL)
            hand_out(m, x, from, x->taken, now);
    }
    if (x->taken < x->count)
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    forget(x);
    go_on(c, now);
    return 0;
}

static int on_over(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct crew *c = userdata;
    struct crew_measure *x = &c->measure;
    uint64_t took = 0;
    size_t count = 0;

    (void)source;
    (void)fd;
    (void)events;
    struct survey_result *results = survey_take(x->survey, &count, &took);
    if (results == NULL)
        return 0;
    if (x->targets == NULL || count != x->count) { /* not of this list: it was given up */
        free(results);
        return 0;
    }
    x->results = results;
    x->next = x->began + (took * SHARE > PERIOD ? took * SHARE : PERIOD);
    (void)sd_event_source_set_enabled(x->timer, SD_EVENT_OFF);
    return sd_event_source_set_enabled(x->more, SD_EVENT_ONESHOT);
}

/* ---- making and ending ---- */

int crew_measure_new(struct crew *c, struct error *err)
{
    struct crew_measure *x = &c->measure;
    int r = survey_new(&x->survey, meter_family, err);

    if (r < 0)
        return r;
    r = sd_event_add_io(c->loop, &x->over, survey_fd(x->survey), EPOLLIN, on_over, c);
    if (r >= 0)
        r = sd_event_add_defer(c->loop, &x->more, on_more, c);
    if (r >= 0)
        r = sd_event_source_set_enabled(x->more, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time(c->loop, &x->timer, CLOCK_MONOTONIC, 0, 10 * CLOCK_MSEC, on_timer, c);
    if (r >= 0)
        r = sd_event_source_set_enabled(x->timer, SD_EVENT_OFF);
    return r < 0 ? error_errno(err, -r, "the event loop") : 0;
}

void crew_measure_free(struct crew *c)
{
    struct crew_measure *x = &c->measure;

    (void)sd_event_source_disable_unref(x->over);
    (void)sd_event_source_disable_unref(x->more);
    (void)sd_event_source_disable_unref(x->timer);
    x->survey = survey_free(x->survey);
    forget(x);
}
