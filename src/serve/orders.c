/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/number.h"
#include "host/handover.h"
#include "serve/ledger.h"
#include "serve/orders.h"
#include "serve/status.h"

/* A master that is slow to tell a status worker of the pools is not waited for any longer. */
#define UNTOLD_MOST (5 * CLOCK_SEC)

/* What can change while we serve: limits of requests, from the next one on. */
static void renew(struct worker *w, int descriptor)
{
    struct settings settings;
    struct error err = ERROR_NONE;
    void *data = NULL;
    size_t length = 0;

    settings_init(&settings);
    int r = handover_read(descriptor, SETTINGS_MAX, &data, &length, &err);
    if (r >= 0)
        r = settings_load(&settings, data, length, &err);
    free(data);
    if (r >= 0)
        worker_renew(w, &settings);
    else
        log_write(LOG_LEVEL_ERROR, w->options.pool, "new settings cannot be read: %s", err.text);
    settings_clear(&settings);
}

static void obey(struct worker *w, struct channel_message *m, int descriptor)
{
    uint64_t limit;

    m->name[sizeof m->name - 1] = '\0';
    switch (m->word) {
    case CHANNEL_DRAIN:
        worker_leave(w, CLOCK_NEVER);
        break;
    case CHANNEL_BOARD:
        if (descriptor >= 0)
            status_learn(w, m->name, descriptor);
        if (m->number == 0)
            w->untold = 0;
        break;
    case CHANNEL_FORGET:
        status_forget(w, m->name);
        break;
    case CHANNEL_LEVEL:
        if (m->number <= LOG_LEVEL_DEBUG)
            log_set_level((enum log_level)m->number);
        if (number_parse(m->name, SIZE_MAX, &limit) == 0)
            log_set_limit(limit);
        break;
    case CHANNEL_SETTINGS:
        if (descriptor >= 0)
            renew(w, descriptor);
        break;
    case CHANNEL_LOGS:
        ledger_replace(w, m->number, descriptor);
        break;
    default: /* a newer master's word */
        break;
    }
}

/* The master is gone: finish what is in hand, within process_control_timeout. */
static void orphaned(struct worker *w)
{
    uint64_t patience = w->options.process_control_timeout;

    w->orders = sd_event_source_disable_unref(w->orders);
    worker_leave(w, clock_monotonic() + patience);
}

/* Take one message.  False: there is none. */
static bool hear(struct worker *w)
{
    struct channel_message m;
    int descriptor = -1;
    int r = channel_receive(w->channel, &m, &descriptor);

    if (r == CHANNEL_EMPTY)
        return false;
    if (r == -EPROTO)
        return true; /* one odd message of a newer master */
    if (r == CHANNEL_CLOSED || r < 0) {
        orphaned(w);
        return false;
    }
    obey(w, &m, descriptor);
    descriptor_close(&descriptor);
    return true;
}

static int on_channel(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct worker *w = userdata;

    (void)s;
    (void)fd;
    (void)revents;
    for (int i = 0; i < 64 && hear(w); i++)
        ;
    return 0;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata)
{
    struct worker *w = userdata;

    (void)s;
    if (info->ssi_signo == SIGQUIT)
        worker_leave(w, CLOCK_NEVER);
    else
        w->quit = true;
    return 0;
}

int orders_open(struct worker *w, struct error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT};
    sigset_t mask;

    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&mask, signals[i]);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return error_errno(err, errno, "cannot block signals");
    int r = 0;
    for (size_t i = 0; i < sizeof signals / sizeof *signals && r >= 0; i++)
        r = sd_event_add_signal(w->event, NULL, signals[i], on_signal, w);
    if (r >= 0)
        r = sd_event_add_io(w->event, &w->orders, w->channel, EPOLLIN, on_channel, w);
    if (r < 0)
        return error_errno(err, -r, "cannot watch the channel to the master");
    if (w->options.kind == OPTIONS_STATUS) {
        w->untold = clock_monotonic() + UNTOLD_MOST;
        worker_alarm(w, w->untold);
    }
    /* What the master wants is more urgent than any request. */
    (void)sd_event_source_set_priority(w->orders, SD_EVENT_PRIORITY_IMPORTANT);
    return 0;
}

void orders_hear(struct worker *w)
{
    while (w->channel >= 0 && w->orders != NULL && hear(w))
        ;
}

void orders_ready(struct worker *w)
{
    struct channel_message m = {.word = CHANNEL_READY};

    /* Whoever hears that we are ready may ask at once: first the boards, however many there are. */
    orders_hear(w);
    (void)channel_send(w->channel, &m, -1);
}

void orders_close(struct worker *w)
{
    w->orders = sd_event_source_disable_unref(w->orders);
    descriptor_close(&w->channel);
}
