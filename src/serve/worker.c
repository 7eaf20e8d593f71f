/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start order: settings, undumpable before any request is read, board, event loop; listeners
 * last, when everything that a connection needs is there.
 */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/number.h"
#include "base/sanitized.h"
#include "host/handover.h"
#include "host/process.h"
#include "serve/access.h"
#include "serve/connection.h"
#include "serve/diagnostics.h"
#include "serve/ledger.h"
#include "serve/listener.h"
#include "serve/orders.h"
#include "serve/patience.h"
#include "serve/shed.h"
#include "serve/slow.h"
#include "serve/status.h"
#include "serve/strangers.h"
#include "serve/worker.h"

#define ALARM_ACCURACY (10 * CLOCK_MSEC)
/* Between two tries to write lines that the master's pipe had no room for. */
#define LOG_AGAIN (20 * CLOCK_MSEC)

static size_t payload_room(const struct options *o)
{
    return o->response_header_limit * 2 + (size_t)4 * WORKER_BUFFER;
}

static uint64_t earliest(const struct worker *w)
{
    const uint64_t times[] = {
        listener_deadline(w),
        pace_due(&w->chatter),
        log_waits() ? clock_monotonic() + LOG_AGAIN : CLOCK_NEVER,
        w->untold != 0 ? w->untold : CLOCK_NEVER,
        ledger_deadline(w),
        w->strangers ? w->sweep_at : CLOCK_NEVER,
    };
    uint64_t when = w->leave_by, t;

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        when = times[i] < when ? times[i] : when;
    for (const struct connection *c = w->connections; c != NULL; c = c->next) {
        if (!c->dead && (t = patience_deadline(c)) < when)
            when = t;
        for (const struct request *r = c->requests; r != NULL; r = r->next)
            if ((t = request_deadline(r)) < when)
                when = t;
    }
    for (const struct request *r = w->orphans; r != NULL; r = r->next)
        if ((t = request_deadline(r)) < when)
            when = t;
    return when;
}

static int on_alarm(sd_event_source *s, uint64_t usec, void *userdata)
{
    struct worker *w = userdata;
    uint64_t now = clock_monotonic();

    (void)s;
    (void)usec;
    w->alarm_at = CLOCK_NEVER;
    if (w->leave_by <= now)
        w->quit = true;
    if (w->untold <= now)
        w->untold = 0;
    listener_expire(w, now);
    ledger_expire(w, now);
    diagnostics_flush(w, now);
    (void)log_flush();
    if (w->strangers && w->sweep_at <= now)
        strangers_sweep(w);
    for (struct connection *c = w->connections; c != NULL; c = c->next) {
        patience_expire(c, now);
        for (struct request *r = c->requests, *next; r != NULL && !c->dead; r = next) {
            next = r->next;
            if (request_deadline(r) <= now) {
                request_expire(r,
                               now); /* may free requests of this connection: start again later */
                break;
            }
        }
    }
    for (struct request *r = w->orphans; r != NULL; r = r->next)
        request_expire(r, now);
    worker_alarm(w, earliest(w));
    return 0;
}

void worker_alarm(struct worker *w, uint64_t when)
{
    int r;

    if (when == CLOCK_NEVER || when >= w->alarm_at)
        return;
    w->alarm_at = when;
    if (w->alarm == NULL) {
        r = sd_event_add_time(w->event, &w->alarm, CLOCK_MONOTONIC, when, ALARM_ACCURACY, on_alarm,
                              w);
    } else {
        r = sd_event_source_set_time(w->alarm, when);
        if (r >= 0)
            r = sd_event_source_set_enabled(w->alarm, SD_EVENT_ONESHOT);
    }
    if (r < 0) { /* without deadlines there is no safe serving */
        log_write(LOG_LEVEL_ERROR, w->options.pool, "cannot set a timer: %s", strerror(-r));
        w->quit = true;
    }
}

static void tell_state(struct worker *w)
{
    enum board_worker_state state = w->leaving        ? BOARD_WORKER_LEAVING
                                    : w->shed != NULL ? BOARD_WORKER_SHEDDING
                                    : w->in_hand > 0  ? BOARD_WORKER_BUSY
                                    : w->held         ? BOARD_WORKER_LEAVING
                                                      : BOARD_WORKER_IDLE;
    board_worker_state(w->board, state, w->in_hand);
}

void worker_began(struct worker *w)
{
    w->in_hand++;
    listener_answered(w);
    tell_state(w);
    if (w->in_hand == 1 && w->shed == NULL)
        board_ring(w->board, w->bell);
}

void worker_ended(struct worker *w)
{
    w->in_hand--;
    tell_state(w);
    board_ring_due(w->board, w->bell);
}

void worker_leave(struct worker *w, uint64_t deadline)
{
    if (deadline < w->leave_by) {
        w->leave_by = deadline;
        worker_alarm(w, deadline);
    }
    if (w->leaving)
        return;
    w->leaving = true;
    tell_state(w);
    listener_close(w);
    for (struct connection *c = w->connections; c != NULL; c = c->next)
        connection_leave(c);
}

void worker_renew(struct worker *w, const struct settings *settings)
{
    options_renew(&w->options, settings);
    (void)access_renew(w, settings, NULL);
    options_set_log(&w->options);
    if (payload_room(&w->options) > w->payload.maximum)
        w->payload.maximum = payload_room(&w->options);
    worker_alarm(w, clock_monotonic()); /* every deadline is looked at anew */
}

bool worker_has_descriptors(const struct worker *w)
{
    struct rlimit limit;
    uint64_t used = w->base_descriptors + (uint64_t)w->connection_count +
                    (uint64_t)w->programs * PROGRAM_KEEPS + slow_descriptors(w) +
                    PROGRAM_DESCRIPTORS;

    return getrlimit(RLIMIT_NOFILE, &limit) < 0 || used < limit.rlim_cur;
}

static unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 64;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count; /* ".", ".." and the folder itself: a small reserve */
}

/* Free what was marked over in this round. */
static void tidy(struct worker *w)
{
    if (!w->tidy)
        return;
    w->tidy = false;
    for (struct connection *c = w->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (c->dead)
            connection_free(c);
    }
    for (struct request **link = &w->orphans; *link != NULL;) {
        struct request *r = *link;
        if (r->state == REQUEST_OVER) {
            *link = r->next;
            request_free(r);
        } else {
            link = &r->next;
        }
    }
}

/* Its successor is on the way and it has served far more than it was to: connections are left to its
 * siblings.  What comes on those that it has is served.  The alarm is for a word that the master takes
 * back, or a master that is stuck. */
static bool waits_for_successor(struct worker *w)
{
    bool held = board_hold_wanted(w->board);
    uint64_t now, accepted;

    if (held) {
        now = clock_monotonic();
        accepted = atomic_load_explicit(&board_own_slot(w->board)->accepted, memory_order_relaxed);
        if (w->held_since == 0 || w->held_accepted != accepted)
            w->held_since = now;
        w->held_accepted = accepted;
        held = now - w->held_since < BOARD_HOLD_MOST * CLOCK_MSEC;
        if (held)
            worker_alarm(w, now + BOARD_HOLD_LOOK * CLOCK_MSEC);
    } else {
        w->held_since = 0;
    }
    if (held != w->held) {
        w->held = held;
        tell_state(w);
    }
    return held;
}

static int serve(struct worker *w)
{
    int r = 0;

    while (!w->quit && r >= 0) {
        if (board_drain_wanted(w->board))
            worker_leave(w, CLOCK_NEVER);
        if (w->leaving && w->connection_count == 0 && w->in_hand == 0)
            break;
        status_relieve(w);
        r = worker_may_accept(w) && listener_is_open(w) && !waits_for_successor(w)
                ? listener_wait(w)
                : sd_event_run(w->event, UINT64_MAX);
        tidy(w);
        if (log_waits())
            worker_alarm(w, clock_monotonic() + LOG_AGAIN);
    }
    if (r < 0)
        log_write(LOG_LEVEL_ERROR, w->options.pool, "the event loop failed: %s; leaving",
                  strerror(-r));
    return r < 0 ? 1 : 0;
}

static int read_settings(struct worker *w, struct error *err)
{
    struct settings settings;
    void *data = NULL;
    size_t length = 0;

    settings_init(&settings);
    int r = handover_read(HANDOVER_SETTINGS, SETTINGS_MAX, &data, &length, err);
    if (r >= 0)
        r = settings_load(&settings, data, length, err);
    if (r >= 0)
        r = options_read(&w->options, &settings, err);
    if (r >= 0)
        r = access_renew(w, &settings, err);
    free(data);
    settings_clear(&settings);
    int fd = HANDOVER_SETTINGS;
    descriptor_close(&fd);
    return r;
}

static int prepare(struct worker *w, char **argv, struct error *err)
{
    uint64_t slot;
    int fd = HANDOVER_BOARD;

    int r = read_settings(w, err);
    if (r < 0)
        return r;
    if (!SANITIZED && !w->options.process_dumpable)
        process_undumpable();
    if (strcmp(argv[1], w->options.pool) != 0 || number_parse(argv[2], UINT32_MAX, &slot) < 0)
        return error_set(err, EINVAL, "the arguments do not fit the settings");
    options_set_log(&w->options);
    r = board_attach(&w->board, fd, (uint32_t)slot, err);
    descriptor_close(&fd);
    if (r < 0)
        return r;
    w->bell = HANDOVER_BELL;
    w->channel = HANDOVER_CHANNEL;
    (void)descriptor_cloexec(w->bell, true);
    (void)descriptor_cloexec(w->channel, true);
    bytes_init(&w->payload, payload_room(&w->options));
    r = sd_event_new(&w->event);
    if (r < 0)
        return error_errno(err, -r, "cannot make the event loop");
    /* The timer's descriptor exists from here on, so that the count of descriptors stays. */
    worker_alarm(w, clock_monotonic() + CLOCK_SEC);
    r = orders_open(w, err);
    if (r == 0)
        r = listener_open(w, HANDOVER_LISTEN, w->options.listen_count, err);
    if (r == 0 && w->options.kind == OPTIONS_SHED)
        r = shed_open(w, err);
    if (r == 0)
        r = ledger_open(w, HANDOVER_LISTEN + (int)w->options.listen_count, err);
    w->base_descriptors = count_descriptors();
    return r;
}

/* Whatever the reason to go: no program outlives its worker. */
static void end_programs(struct worker *w)
{
    for (struct connection *c = w->connections; c != NULL; c = c->next)
        for (struct request *r = c->requests; r != NULL; r = r->next)
            request_kill(r);
    for (struct request *r = w->orphans; r != NULL; r = r->next)
        request_kill(r);
}

static void clear(struct worker *w)
{
    listener_close(w);
    for (struct connection *c = w->connections; c != NULL; c = c->next) {
        while (c->requests != NULL) {
            struct request *r = c->requests;
            c->requests = r->next;
            request_free(r);
        }
        c->dead = true;
    }
    for (struct request *r = w->orphans; r != NULL; r = r->next)
        r->state = REQUEST_OVER;
    w->tidy = true;
    tidy(w);
    orders_close(w);
    ledger_close(w);
    access_close(w);
    sd_event_source_disable_unref(w->alarm);
    sd_event_unref(w->event);
    status_clear(w);
    shed_close(w);
    board_free(w->board);
    bytes_clear(&w->payload);
    options_clear(&w->options);
}

int worker_run(int argc, char **argv)
{
    static struct worker worker;
    struct worker *w = &worker;
    struct error err = ERROR_NONE;

    log_set_worker();
    log_set_spool(LOG_SPOOL_DEFAULT);
    if (descriptor_open_standard() < 0)
        return 1;
    if (argc != 4) {
        log_write(LOG_LEVEL_ERROR, NULL, "ganger-worker is started by ganger alone");
        return 2;
    }
    (void)process_signals_normalise(NULL);
    process_set_name("ganger-worker");
    process_become_subreaper();
    w->alarm_at = w->leave_by = w->sweep_at = CLOCK_NEVER;
    w->channel = w->bell = w->logs[HANDOVER_LOG_ACCESS] = w->logs[HANDOVER_LOG_SLOW] = -1;
    if (prepare(w, argv, &err) < 0) {
        log_write(LOG_LEVEL_ERROR, argv[1], "worker cannot start: %s", err.text);
        clear(w);
        return 1;
    }
    tell_state(w);
    orders_ready(w);
    int status = serve(w);
    end_programs(w);
    slow_close(w);
    clear(w);
    (void)log_flush();
    return status;
}
