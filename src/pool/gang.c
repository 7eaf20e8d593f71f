/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a gang, and what its events mean for it.
 *
 * Invariants: exactly one of {not opened, opened, failed}; workers exist only in an opened one.
 * The table of workers is private: nothing on the board, and no word on a channel, is ever used as
 * an index, a pid or a size (CVE-2021-21703 was that mistake).
 */
#include "pool/gang_struct.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/descriptor.h"

/* ---- making and ending ---- */

static uint32_t first_size(const struct conf_pool *pool)
{
    switch (pool->pm) {
    case CONF_PM_DYNAMIC:
        return pool->pm_start_servers > 0 ? (uint32_t)pool->pm_start_servers : 1;
    case CONF_PM_ONDEMAND:
        return 0;
    case CONF_PM_STATIC:
        break;
    }
    return pool->pm_max_children;
}

int gang_new(struct gang **ret, const struct conf_pool *pool, const struct pool_context *context,
             const struct gang_hooks *hooks, uint64_t now, uint64_t wall, struct error *err)
{
    return gang_new_scaled(ret, pool, 0, context, hooks, now, wall, err);
}

int gang_new_scaled(struct gang **ret, const struct conf_pool *pool, uint32_t max_children,
                    const struct pool_context *context, const struct gang_hooks *hooks,
                    uint64_t now, uint64_t wall, struct error *err)
{
    uint32_t children = max_children > 0            ? max_children
                        : pool->pm_max_children > 0 ? pool->pm_max_children
                                                    : 1;
    uint32_t posts = children + policy_surplus(children);
    uint32_t slots = gang_change_capacity(posts) + 1;
    struct gang *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return error_errno(err, ENOMEM, "pool");
    g->pool = g->given = pool;
    g->altered = *pool; /* borrows what the original owns */
    g->altered.pm_max_children = children;
    g->scaled = max_children;
    if (max_children > 0)
        g->pool = &g->altered;
    g->context = context;
    g->hooks = *hooks;
    g->bell[0] = g->bell[1] = -1;
    g->wall_offset = (int64_t)(wall - now);
    g->max_children = children;
    g->posts = posts;
    g->surplus = posts - children;
    g->generation = 1;
    g->cap = g->room = UINT32_MAX;
    gang_slow_init(g);
    g->slots = slots;
    g->wanted = first_size(g->pool);
    window_init(&g->window, pool->pm_process_idle_timeout, now);
    recycle_budget_init(&g->budget, now);
    g->workers = calloc(slots, sizeof(*g->workers));
    if (g->workers == NULL) {
        free(g);
        return error_errno(err, ENOMEM, "%u workers", slots);
    }
    for (uint32_t i = 0; i < slots; i++)
        worker_init(&g->workers[i], i);
    int r = board_create_roomy(&g->board, pool->name, posts, slots, err);
    if (r < 0) {
        (void)gang_free(g);
        return r;
    }
    gang_publish(g, now);
    *ret = g;
    return 0;
}

int gang_open(struct gang *g, struct error *err)
{
    return gang_open_beside(g, NULL, 0, err);
}

static int open_ports(struct gang *g, struct gang *const *others, size_t count, struct error *err)
{
    const struct ports **ports = calloc(count == 0 ? 1 : count, sizeof(const struct ports *));

    if (ports == NULL)
        return error_errno(err, ENOMEM, "listen");
    for (size_t i = 0; i < count; i++)
        ports[i] = &others[i]->ports;
    int r = ports_open_beside(&g->ports, g->pool, g->context, ports, count, err);
    free(ports);
    return r;
}

int gang_open_beside(struct gang *g, struct gang *const *others, size_t count, struct error *err)
{
    struct gang_watch watch = {.kind = GANG_WATCH_BELL};
    int r = open_ports(g, others, count, err);

    if (r < 0)
        return r;
    r = plan_make(&g->plan, g->pool, g->context, &g->ports, err);
    g->planned = true;
    g->plan.slots = g->posts;
    if (r == 0)
        r = gang_logs_open(g, err);
    if (r == 0)
        r = gang_queue_open(g, err);
    if (r == 0)
        r = board_doorbell(g->bell, err);
    if (r == 0) {
        watch.fd = g->bell[0];
        r = g->hooks.watch(g->hooks.cookie, g, &watch);
        if (r < 0)
            (void)error_errno(err, -r, "cannot watch the doorbell");
    }
    if (r < 0) {
        descriptor_close(&g->bell[0]);
        descriptor_close(&g->bell[1]);
        ports_unlink(&g->ports);
        ports_close(&g->ports);
        return r;
    }
    g->opened = true;
    if (g->failed) { /* before; see gang_fail() */
        g->failed = false;
        g->reason[0] = '\0';
    }
    return 0;
}

void gang_fail(struct gang *g, const char *reason)
{
    g->failed = true;
    gang_set_reason(g, "%s", reason);
}

void gang_feed(struct gang *g, struct feed *feed)
{
    g->feed = feed;
}

uint64_t gang_fed(const struct gang *g, uint64_t most)
{
    for (uint32_t i = 0; i < g->posts; i++) {
        const struct worker *w = &g->workers[i];

        if (w->state != LIFECYCLE_EMPTY && w->fed < most)
            most = w->fed;
    }
    return most;
}

struct gang *gang_free(struct gang *g)
{
    struct gang_watch watch = {.kind = GANG_WATCH_BELL};

    if (g == NULL)
        return NULL;
    gang_lines_close(g);
    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];
        struct output output;

        gang_hear_unwatch(g, w, GANG_WATCH_REPORT, w->report);
        gang_hear_unwatch(g, w, GANG_WATCH_CHANNEL, w->channel);
        gang_hear_unwatch(g, w, GANG_WATCH_OUTPUT, w->output.fd);
        worker_forget(w, &output);
        output_close(&output, NULL, NULL);
    }
    watch.fd = g->bell[0];
    if (watch.fd >= 0)
        g->hooks.unwatch(g->hooks.cookie, g, &watch);
    descriptor_close(&g->bell[0]);
    descriptor_close(&g->bell[1]);
    for (size_t i = 0; i < g->ports.count; i++) {
        watch = (struct gang_watch){
            .kind = GANG_WATCH_LISTEN, .slot = (uint32_t)i, .fd = g->ports.items[i].fd};
        g->hooks.unwatch(g->hooks.cookie, g, &watch);
    }
    ports_close(&g->ports);
    logs_close(&g->logs);
    if (g->planned)
        plan_clear(&g->plan);
    gang_queue_close(g);
    gang_slow_close(g);
    g->board = board_free(g->board);
    free(g->workers);
    free(g);
    return NULL;
}

/* ---- events ---- */

enum lifecycle_action gang_event(struct gang *g, struct worker *w, enum lifecycle_event event,
                                 uint64_t now)
{
    enum lifecycle_state before = w->state;
    uint64_t patience = !g->stopping || g->retiring ? g->context->process_control_timeout
                        : g->stop_by > now          ? g->stop_by - now
                                                    : 0;
    enum lifecycle_action action = worker_event(w, event, patience, now);

    switch (action) {
    case LIFECYCLE_DO_ALARM:
        gang_say_of(g, w->pid, LOG_LEVEL_ALERT,
                    "worker %d: event \"%s\" cannot be in state \"%s\"; ignored", (int)w->pid,
                    lifecycle_event_name(event), lifecycle_state_name(before));
        break;
    case LIFECYCLE_DO_SERVE:
        if (gang_queue_is_shedder(g, w))
            break;
        gang_say_debug(g, w, "is ready, %llu ms after its start",
                       (unsigned long long)((now - w->started) / CLOCK_MSEC));
        g->proven = true;
        break;
    case LIFECYCLE_DO_ASK:
        gang_count_leaving(g, w);
        gang_say_debug(g, w, "is asked to leave (%s)",
                       g->stopping            ? "the pool ends"
                       : w->due == RECYCLE_NO ? "there are more than are needed"
                                              : "its successor takes over");
        board_slot_set_drain(g->board, w->slot);
        break;
    case LIFECYCLE_DO_TERMINATE:
    case LIFECYCLE_DO_KILL:
        if (event == LIFECYCLE_DEADLINE)
            gang_say_of(g, w->pid, LOG_LEVEL_WARNING, "worker %d has not left in time; sent SIG%s",
                        (int)w->pid,
                        action == LIFECYCLE_DO_KILL ? "KILL" : sigabbrev_np(worker_last_signal(w)));
        break;
    case LIFECYCLE_DO_GIVE_UP:
        if (gang_queue_is_shedder(g, w))
            break;
        gang_set_reason(g, "a worker was not ready within %llu seconds%s",
                        (unsigned long long)(WORKER_START_TIMEOUT / CLOCK_SEC),
                        w->native.is ? ": it waited for no connection (a script has to start the "
                                       "program by exec, or with GANGER_SHIM_INHERIT=1 in env)"
                                     : "");
        gang_start_failed(g, now);
        break;
    default:
        break;
    }
    return action;
}

void gang_start_failed(struct gang *g, uint64_t now)
{
    if (throttle_failed(&g->throttle, now))
        gang_say(g, LOG_LEVEL_WARNING, "is failing: %s; trying again in %llu ms, then less often",
                 g->reason, (unsigned long long)(g->throttle.pause / CLOCK_MSEC));
    g->failed_at = now;
    g->next_look = now + GANG_LOOK_EVERY;
}

void gang_proved(struct gang *g, uint64_t started)
{
    if (throttle_failing(&g->throttle) && started <= g->failed_at)
        return;
    g->proven = true;
    if (!throttle_proved(&g->throttle))
        return;
    g->reason[0] = '\0';
    gang_say(g, LOG_LEVEL_NOTICE, "is running again");
}

/* Whoever waits now is to be served; who comes later is the next master's, as the keeper has the
 * sockets.  Without the kernel's count: until nobody waits. */
static uint64_t accepted_when_empty(const struct gang *g)
{
    uint64_t count = board_snapshot_accepted(g->board);

    for (size_t i = 0; i < g->ports.count; i++) {
        struct queue_length length;

        if (g->ports.items[i].fd < 0 || g->ports.items[i].lent)
            continue;
        if (queue_ask(g->context->queue, g->ports.items[i].fd, &length) < 0)
            return UINT64_MAX;
        count += length.waiting;
    }
    return count;
}

void gang_stop(struct gang *g, enum gang_stop_how how, uint64_t now)
{
    static const enum lifecycle_event orders[] = {
        [GANG_STOP_RETIRE] = LIFECYCLE_DRAIN,
        [GANG_STOP_DRAIN] = LIFECYCLE_DRAIN,
        [GANG_STOP_TERM] = LIFECYCLE_TERM,
        [GANG_STOP_KILL] = LIFECYCLE_KILL,
    };

    bool first = !g->stopping;
    bool stopping = g->stopping && (!g->retiring || how == GANG_STOP_RETIRE);

    if (first && !g->context->leave_paths)
        ports_deafen(&g->ports);
    if (!stopping)
        g->stop_by = now + g->context->process_control_timeout;
    g->stopping = true;
    g->retiring = stopping ? g->retiring : how == GANG_STOP_RETIRE;
    if (first || how > GANG_STOP_DRAIN)
        g->emptying = how <= GANG_STOP_DRAIN && ports_own(&g->ports) > 0 && gang_alive(g) > 0 &&
                      (gang_serving(g) > 0 || ports_waiting(&g->ports));
    g->empty_after = g->emptying && g->context->leave_paths ? accepted_when_empty(g) : UINT64_MAX;
    g->empty_look = now + GANG_EMPTY_EVERY;
    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        if (!g->emptying)
            (void)gang_event(g, w, orders[how], now);
        /* From here on everybody has the same time left, also who was leaving already. */
        if (!stopping && !g->retiring && w->state == LIFECYCLE_DRAINING)
            w->deadline = g->stop_by;
    }
}

/* ---- questions ---- */

const char *gang_name(const struct gang *g)
{
    return g->pool->name;
}

enum board_pool_state gang_state(const struct gang *g)
{
    if (g->failed)
        return BOARD_POOL_FAILED;
    if (g->stopping)
        return gang_alive(g) > 0 ? BOARD_POOL_STOPPING : BOARD_POOL_STOPPED;
    if (throttle_failing(&g->throttle))
        return BOARD_POOL_FAILING;
    if (g->opened && g->pool->pm == CONF_PM_ONDEMAND)
        return BOARD_POOL_RUNNING; /* with nobody, until somebody asks */
    return g->proven ? BOARD_POOL_RUNNING : BOARD_POOL_STARTING;
}

const char *gang_reason(const struct gang *g)
{
    return g->failed || throttle_failing(&g->throttle) ? g->reason : "";
}

const struct board *gang_board(const struct gang *g)
{
    return g->board;
}

uint32_t gang_alive(const struct gang *g)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->slots; i++)
        n += g->workers[i].state != LIFECYCLE_EMPTY;
    return n;
}

uint32_t gang_serving(const struct gang *g)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->posts; i++)
        n += g->workers[i].state == LIFECYCLE_SERVING;
    return n;
}

bool gang_at_strength(const struct gang *g)
{
    return g->settled && gang_serving(g) >= g->wanted;
}
