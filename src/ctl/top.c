/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gangerctl top: the loop.  It sleeps until a key, a signal, a byte from ganger or the next second, and
 * waits for nothing else; each sample is asked for at its time whether or not the last one came.
 */

#include "ctl/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "ctl/cells.h"
#include "ctl/interrupts.h"
#include "ctl/sampler.h"
#include "ctl/top_model.h"
#include "ctl/top_screen.h"
#include "ctl/top_view.h"

enum { BLIND_MAX = 3 };

struct top {
    struct sampler *sampler;
    struct top_model pools, workers;
    struct top_view view;
    uint64_t interval;
    uint64_t next;     /* monotonic, when the next question is due */
    uint64_t answered; /* monotonic, when the last answer came, or the start */
    struct error away; /* number 0: ganger answers */
    unsigned blind;    /* times in a row that the terminal was readable and had nothing */
    bool dirty;
    int ended; /* signal */
};

static struct top_model *model_of(struct top *t)
{
    return t->view.workers ? &t->workers : &t->pools;
}

static void refresh_rows(struct top *t)
{
    struct top_held held = top_view_hold(&t->view);
    if (top_view_refresh(&t->view, model_of(t)) < 0)
        t->away = (struct error){.number = ENOMEM, .text = "no memory"};
    top_view_restore(&t->view, &held);
    t->dirty = true;
}

static void fail(struct top *t, const struct error *err)
{
    t->away = *err;
    t->dirty = true;
}

static void ask(struct top *t, uint64_t now)
{
    struct error err = ERROR_NONE;
    t->next = now + t->interval;
    if (sampler_ask(t->sampler, t->view.workers ? t->view.pool : NULL, t->view.workers, &err) < 0)
        fail(t, &err);
}

/* An answer that is none of ganger's. */
static int refuse(struct top *t, struct error *err)
{
    char name[256];
    unsigned status = sampler_status(t->sampler);
    if (status == 404 && t->view.workers)
        return error_set(err, ENOENT, "there is no pool \"%s\"%s",
                         text_escape_fixed(name, sizeof name, t->view.pool, strlen(t->view.pool)),
                         t->workers.any ? " any more" : "");
    return error_set(err, EPROTO, "%s answered with Status %u", sampler_path(t->sampler), status);
}

static int take_answer(struct top *t, uint64_t now, struct error *err)
{
    const struct bytes *page = sampler_page(t->sampler);
    struct summary sample;
    if (sampler_status(t->sampler) >= 400)
        return refuse(t, err);
    int rc = summary_parse(&sample, bytes_front(page), bytes_held(page), err);
    if (rc < 0)
        return rc;
    struct top_held held = top_view_hold(&t->view);
    rc = top_model_feed(model_of(t), &sample, t->view.workers, now);
    if (rc == 0)
        rc = top_view_refresh(&t->view, model_of(t));
    top_view_restore(&t->view, &held);
    summary_clear(&sample);
    return rc < 0 ? error_set(err, ENOMEM, "no memory") : 0;
}

static void hear(struct top *t)
{
    struct error err = ERROR_NONE;
    int rc = sampler_turn(t->sampler, &err);
    uint64_t now = clock_monotonic();
    if (rc == SAMPLER_MORE)
        return;
    if (rc == SAMPLER_ANSWERED)
        rc = take_answer(t, now, &err);
    if (rc < 0) {
        fail(t, &err);
        return;
    }
    t->answered = now;
    t->away = ERROR_NONE;
    t->dirty = true;
}

/* Another pool, or another view: what was known of the workers before is somebody else's. */
static void turn_to(struct top *t, uint64_t now)
{
    const struct summary *known = &t->workers.now;
    if (t->view.workers && (known->count == 0 || strcmp(known->pools[0].name, t->view.pool) != 0))
        top_model_clear(&t->workers);
    t->answered = now;
    ask(t, now);
}

static void take_keys(struct top *t, uint64_t now)
{
    bool any = false;
    for (int key; (key = top_screen_key()) != TOP_KEY_NONE && !t->view.quit;) {
        enum top_effect effect = top_view_key(&t->view, key);
        any = true;
        if (effect == TOP_ASK)
            turn_to(t, now);
        if (effect != TOP_NOTHING)
            refresh_rows(t);
    }
    t->blind = any ? 0 : t->blind + 1;
}

static void take_signals(struct top *t)
{
    struct interrupts seen = interrupts_take();
    t->ended = seen.end;
    if (seen.end != 0)
        return;
    if (seen.stop) {
        top_screen_leave();
        interrupts_stop();
        /* The SIGCONT that ended it, and what may have come with it: `kill %1`. */
        t->ended = interrupts_take().end;
        if (t->ended != 0)
            return;
        top_screen_return();
    } else if (seen.resume) {
        top_screen_return(); /* after a SIGSTOP the shell has had the terminal */
    }
    if (seen.resize)
        top_screen_resize();
    t->dirty = true;
}

static void draw(struct top *t, uint64_t now)
{
    struct top_scene scene = {.view = &t->view,
                              .pools = &t->pools,
                              .workers = &t->workers,
                              .interval = t->interval,
                              .away = t->away.text,
                              .silence = now - t->answered};
    /* An answer that is two samples late is worth a word. */
    if (t->away.number == 0 && sampler_asking(t->sampler) && !t->view.paused &&
        scene.silence > 2 * t->interval + 2 * CLOCK_SEC)
        scene.away = "it is slow to answer";
    size_t page = t->view.page;
    top_screen_draw(&scene);
    if (t->view.page != page) { /* another size: the cursor may be out of sight */
        refresh_rows(t);
        top_screen_draw(&scene);
    }
    t->dirty = false;
}

/* Milliseconds until there is something to do unasked. */
static int pause_of(const struct top *t, uint64_t now)
{
    uint64_t until = t->view.paused ? CLOCK_NEVER : t->next;
    if (sampler_deadline(t->sampler) < until)
        until = sampler_deadline(t->sampler);
    if (until == CLOCK_NEVER)
        return -1;
    return until <= now ? 0 : (int)((until - now + CLOCK_MSEC - 1) / CLOCK_MSEC);
}

/* 0 to go on; else an exit status and 1. */
static int turn(struct top *t)
{
    struct pollfd fds[] = {
        {.fd = interrupts_fd(), .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = sampler_fd(t->sampler), .events = sampler_events(t->sampler)},
    };
    uint64_t now = clock_monotonic();
    if (t->dirty)
        draw(t, now);
    if (poll(fds, sizeof fds / sizeof *fds, pause_of(t, now)) < 0 && errno != EINTR)
        return 1;
    now = clock_monotonic();
    if (fds[0].revents != 0)
        take_signals(t);
    if (t->ended != 0)
        return 1;
    if (fds[1].revents != 0)
        take_keys(t, now);
    if (t->view.quit || (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
        t->blind > BLIND_MAX)
        return 1;
    if (sampler_asking(t->sampler) && (fds[2].revents != 0 || now >= sampler_deadline(t->sampler)))
        hear(t);
    if (!t->view.paused && now >= t->next) {
        if (sampler_asking(t->sampler))
            t->next = now + t->interval; /* it has its own deadline */
        else
            ask(t, now);
        t->dirty = true;
    }
    return 0;
}

static int run(struct top *t)
{
    uint64_t now = clock_monotonic();
    t->answered = now;
    ask(t, now);
    t->dirty = true;
    while (turn(t) == 0) {
    }
    return CTL_OK;
}

int ctl_top(const struct ctl_top_options *options)
{
    struct top t = {.interval = options->interval > 0 ? options->interval : CLOCK_SEC};
    struct error err = ERROR_NONE;
    int status = CTL_UNREACHABLE;

    if (descriptor_open_standard() < 0)
        return CTL_UNREACHABLE;
    bool utf8 = cells_locale();
    top_model_init(&t.pools);
    top_model_init(&t.workers);
    t.sampler = sampler_new(options->directory, &err);
    if (t.sampler != NULL && top_view_init(&t.view, options->pool) < 0)
        error_set(&err, ENOMEM, "no memory");
    if (err.number == 0 && interrupts_open(&err) == 0 && top_screen_open(utf8, &err) == 0)
        status = run(&t);
    top_screen_close();
    if (err.number != 0)
        fprintf(stderr, "gangerctl: %s\n", err.text);
    top_view_clear(&t.view);
    top_model_clear(&t.pools);
    top_model_clear(&t.workers);
    t.sampler = sampler_free(t.sampler);
    interrupts_close(t.ended);
    return status;
}
