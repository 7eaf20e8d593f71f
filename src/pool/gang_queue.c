/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in front of a gang: looked at, published, complained of, and, when it is too much,
 * shed by one more process in the last slot.
 *
 * A pool in which somebody is idle costs nothing here: no queue is asked, no timer runs.  The
 * worker that leaves nobody idle rings, and from then on the queues are looked at every few
 * milliseconds until somebody is idle again; meanwhile nobody need ring for that.  Programs that
 * cannot ring (opaque ones) are looked at once in a while.
 *
 * The shedder is no worker of the pool: it proves nothing, blames nobody, and is in no count but
 * that of processes that a stop has to wait for.
 */
#include "pool/gang_struct.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/text.h"
#include "host/queue.h"
#include "pool/verdict.h"

#define QUIET (60 * CLOCK_SEC)   /* between two complaints of one kind */
#define AGAIN (1 * CLOCK_SEC)    /* a shedder that failed is tried again */
#define HURRY (100 * CLOCK_MSEC) /* looks while nobody is idle and nothing waits */
#define SELDOM (1 * CLOCK_SEC)   /* looks at those who cannot ring */
#define SHEDDER_CONNECTIONS 1024u

static struct worker *shedder(struct gang *g)
{
    return &g->workers[g->slots - 1];
}

bool gang_queue_is_shedder(const struct gang *g, const struct worker *w)
{
    return w->slot == g->slots - 1;
}

/* ---- the plan ---- */

static bool may_shed(const struct conf_pool *pool)
{
    return pool->queue_limit > 0 || pool->queue_timeout > 0;
}

static void set_pool(struct gang_queue *q, const struct conf_pool *pool)
{
    q->pool = *pool; /* borrows what the original owns */
    q->pool.kind = CONF_KIND_CGI;
    q->pool.keepalive_connections = SHEDDER_CONNECTIONS;
    q->pool.rlimit_files = CONF_UNSET;
    if (pool->kind != CONF_KIND_CGI) /* nothing is logged of its own */
        q->pool.access_log = NULL;
    q->pool.slowlog = NULL;
}

static int add_limits(struct gang_queue *q, struct error *err)
{
    struct settings *s = &q->plan.settings;
    int r = settings_add_number(s, "shed", 1);

    if (r == 0)
        r = settings_add_number(s, "queue_limit", q->pool.queue_limit);
    if (r == 0)
        r = settings_add_number(s, "queue_timeout", q->pool.queue_timeout);
    return r < 0 ? error_errno(err, -r, "the settings of a shedder") : 0;
}

static int make_plan(struct gang *g, const struct conf_pool *pool, struct error *err)
{
    struct gang_queue *q = &g->queue;

    set_pool(q, pool);
    int r = plan_make(&q->plan, &q->pool, g->context, &g->ports, err);
    q->planned = true;
    q->plan.logs = &g->logs;
    return r < 0 ? r : add_limits(q, err);
}

int gang_queue_open(struct gang *g, struct error *err)
{
    return may_shed(g->pool) ? make_plan(g, g->pool, err) : 0;
}

/* Without a plan no shedder is started; one that lives is sent the settings of the new one. */
int gang_queue_renew(struct gang *g, const struct conf_pool *pool, struct error *err)
{
    struct gang_queue *q = &g->queue;
    struct conf_pool before = q->pool;

    if (!may_shed(pool)) {
        gang_queue_close(g);
        return 0;
    }
    if (!q->planned) {
        int r = make_plan(g, pool, err);
        if (r < 0)
            gang_queue_close(g);
        return r;
    }
    set_pool(q, pool);
    int r = plan_renew(&q->plan, &q->pool, &g->ports, err);
    if (r >= 0)
        r = add_limits(q, err);
    if (r < 0)
        q->pool = before;
    return r < 0 ? r : 0;
}

void gang_queue_close(struct gang *g)
{
    if (g->queue.planned)
        plan_clear(&g->queue.plan);
    g->queue.planned = false;
}

/* ---- the shedder ---- */

static void start_shedder(struct gang *g, uint64_t now)
{
    struct gang_queue *q = &g->queue;
    struct worker *w = shedder(g);
    struct error err = ERROR_NONE;
    uint32_t serial = ++g->last_serial == 0 ? ++g->last_serial : g->last_serial;

    q->not_before = now + AGAIN;
    board_slot_assign(g->board, w->slot, serial, 0);
    int r = worker_start(w, &q->plan, &g->ports, board_fd(g->board), g->bell[1], serial, now, &err);
    if (r < 0) {
        board_slot_release(g->board, w->slot);
        gang_say(g, LOG_LEVEL_WARNING, "overloaded, and a shedder cannot be started: %s", err.text);
        return;
    }
    board_slot_set_pid(g->board, w->slot, w->pid);
    r = gang_hear_watch(g, w, GANG_WATCH_REPORT, w->report, false);
    if (r == 0)
        r = gang_hear_watch(g, w, GANG_WATCH_CHANNEL, w->channel, false);
    if (r == 0)
        r = gang_hear_watch(g, w, GANG_WATCH_OUTPUT, w->output.fd, false);
    if (r < 0)
        (void)gang_event(g, w, LIFECYCLE_KILL, now);
    if (q->said_shedding || now < q->quiet_shedding)
        return;
    q->said_shedding = true;
    q->quiet_shedding = now + QUIET;
    gang_say(g, LOG_LEVEL_WARNING,
             "overloaded: %u connections wait for one of %u workers; those that wait too long "
             "(queue_timeout) or are too many (queue_limit) are answered with 503 by process %d",
             g->card.listen_queue, g->max_children, (int)w->pid);
}

void gang_queue_bury(struct gang *g, struct worker *w, int code, int status, uint64_t cpu,
                     uint64_t now)
{
    struct gang_queue *q = &g->queue;
    struct leftover last = {.pid = w->pid, .slot = w->slot, .serial = w->serial};
    uint64_t shed = board_snapshot_slot(g->board, w->slot).requests;
    char how[VERDICT_TEXT_MAX];

    gang_count_shed(g);
    gang_count_gone(g, w, cpu);
    gang_hear_unwatch(g, w, GANG_WATCH_REPORT, w->report);
    gang_hear_unwatch(g, w, GANG_WATCH_CHANNEL, w->channel);
    enum lifecycle_action burial = gang_event(g, w, LIFECYCLE_EXITED, now);
    board_slot_release(g->board, w->slot);
    worker_forget(w, &last.output);
    gang_lines_last(g, &last, now);
    if (burial == LIFECYCLE_DO_BURY_ASKED)
        q->not_before = 0;
    else
        gang_say_of(g, last.pid, LOG_LEVEL_WARNING,
                    "the shedder (process %d) %s; its last words: %s", (int)last.pid,
                    verdict_text(how, code, status),
                    g->last_speaker == last.pid ? g->last_words : "none");
    if (q->said_shedding && !q->overload.shedding)
        gang_say(g, LOG_LEVEL_NOTICE, "no longer overloaded; %" PRIu64 " requests were shed", shed);
    q->said_shedding = q->said_shedding && q->overload.shedding; /* the next one goes on */
}

static void settle_shedder(struct gang *g, uint64_t now)
{
    struct worker *w = shedder(g);
    bool alive = worker_pending(w) || w->state == LIFECYCLE_SERVING;

    if (g->queue.overload.shedding && !g->stopping) {
        if (w->state == LIFECYCLE_EMPTY && g->queue.planned && now >= g->queue.not_before)
            start_shedder(g, now);
    } else if (alive)
        (void)gang_event(g, w, LIFECYCLE_DRAIN, now);
    g->card.shedding = worker_pending(w) || w->state == LIFECYCLE_SERVING;
}

/* ---- complaints ---- */

/* The request that has been running longest, and what it is: text for a log, or "". */
static void find_longest(const struct gang *g, char *out, size_t size, uint64_t now)
{
    struct board_snapshot s;
    const struct board_slot_view *longest = NULL;
    char method[BOARD_METHOD * 4 + 1], uri[200], script[200];

    *out = '\0';
    if (board_snapshot(g->board, &s) < 0)
        return;
    for (uint32_t i = 0; i < s.slots; i++) {
        const struct board_slot_view *v = &s.views[i];
        if (v->request_valid && v->request.running && v->request.started <= now &&
            v->index < g->posts &&
            (longest == NULL || v->request.started < longest->request.started))
            longest = v;
    }
    if (longest != NULL) {
        const struct board_request *r = &longest->request;
        (void)text_escape_fixed(method, sizeof(method), r->method, strlen(r->method));
        (void)text_escape_fixed(uri, sizeof(uri), r->uri, strlen(r->uri));
        (void)text_escape_fixed(script, sizeof(script), r->script, strlen(r->script));
        uint64_t took = now - r->started;
        (void)snprintf(out, size,
                       "; the longest request runs for %" PRIu64 ".%03" PRIu64
                       " s: worker %d, %s %s (%s)",
                       took / CLOCK_SEC, took % CLOCK_SEC / CLOCK_MSEC,
                       (int)g->workers[longest->index].pid, method, uri, script);
    }
    board_snapshot_clear(&s);
}

/* A pool that is full for two looks is no accident. */
static void complain(struct gang *g, uint64_t now)
{
    struct gang_queue *q = &g->queue;
    char longest[600];

    if (!q->overload.full) {
        q->full_looks = 0;
        return;
    }
    if (q->full_looks >= 2 || ++q->full_looks < 2)
        return;
    if (g->pool->pm == CONF_PM_STATIC) /* the others' counter is the policy's */
        g->card.max_children_reached++;
    q->reached++;
    if (now < q->quiet_full)
        return;
    q->quiet_full = now + QUIET;
    find_longest(g, longest, sizeof(longest), now);
    gang_say(g, LOG_LEVEL_WARNING,
             "server reached pm.max_children setting (%u) and %u connections wait%s; consider "
             "raising it (%u such lines held back)",
             g->max_children, g->card.listen_queue, longest, q->reached - 1);
    q->reached = 0;
}

/* ---- looking ---- */

static struct overload_input ask(struct gang *g, const struct policy_input *in, uint64_t now)
{
    struct overload_input o = {.now = now,
                               .known = g->ports.count > 0,
                               .idle = !g->nobody_idle,
                               .at_max = (uint64_t)in->pending + in->serving >= in->max_children ||
                                         in->failing || in->allowed == 0,
                               .stopping = g->stopping || g->cap != UINT32_MAX,
                               .queue_limit = g->pool->queue_limit,
                               .queue_timeout = g->pool->queue_timeout};
    uint64_t waiting = 0, limit = 0;

    for (size_t i = 0; i < g->ports.count; i++) {
        struct queue_length length;
        if (queue_ask(g->context->queue, g->ports.items[i].fd, &length) < 0)
            o.known = false;
        waiting += length.waiting;
        limit += length.limit;
    }
    o.waiting = waiting < UINT32_MAX ? (uint32_t)waiting : UINT32_MAX;
    if (o.waiting > 0 && o.queue_timeout > 0)
        o.accepted = board_snapshot_accepted(g->board);
    g->card.listen_queue = o.waiting;
    if (o.waiting > g->card.max_listen_queue)
        g->card.max_listen_queue = o.waiting;
    if (o.known)
        g->card.listen_queue_len = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
    return o;
}

static uint64_t interval(const struct gang *g, const struct policy_input *in,
                         const struct overload_input *o)
{
    uint64_t usual = overload_interval(o);
    /* Who cannot tell that they are busy are always so: that is no reason to hurry. */
    uint64_t most = g->silent >= in->serving ? SELDOM : HURRY;
    uint64_t longer = o->queue_timeout > 0 ? o->queue_timeout / 8 : most;

    if (o->waiting > 0 || g->queue.overload.shedding || longer < usual)
        return usual;
    return longer < most ? longer : most;
}

/* Is nobody there to take the next connection?  Own workers that say nothing are just starting. */
static bool is_crowded(const struct gang *g, const struct policy_input *in)
{
    if (g->stopping)
        return false;
    return in->failing || (in->serving > 0 && g->nobody_idle &&
                           (g->silent < in->serving || g->plan.native != NULL));
}

uint64_t gang_queue_settle(struct gang *g, const struct policy_input *in, uint64_t now)
{
    struct gang_queue *q = &g->queue;
    bool crowded = is_crowded(g, in);

    /* A bell, or nobody idle, is looked at soon, but never more often than this. */
    if ((q->rung || (crowded && q->next == CLOCK_NEVER)) && q->next > q->last + OVERLOAD_LOOK_MIN)
        q->next = q->last + OVERLOAD_LOOK_MIN;
    if (now >= q->next) {
        struct overload_input o = ask(g, in, now);

        (void)overload_decide(&q->overload, &o);
        complain(g, now);
        bool again = crowded || q->rung || o.waiting > 0 || q->overload.shedding;
        q->last = now;
        q->next = again && !g->stopping ? now + interval(g, in, &o) : CLOCK_NEVER;
        q->rung = false;
    }
    settle_shedder(g, now);
    return q->next;
}

uint32_t gang_queue_spare(const struct gang *g)
{
    return g->queue.next == CLOCK_NEVER && !g->stopping ? 1 : 0;
}
