/* SPDX-License-Identifier: Apache-2.0 */
/* What begins a change: a new configuration, and orders about one pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "master/crew_struct.h"
#include "pool/change.h"
#include "pool/policy.h"

#define CHILDREN_MAX 16384u

/* ---- one pool ---- */

/* A gang of the place as it is to be now, in the place of the CURRENT one if that does not serve. */
static int start(struct crew *c, struct place *p, enum gang_cause cause, struct error *err)
{
    struct member *old = p->current;
    bool serves = old != NULL && gang_is_open(old->gang);
    struct member *m = crew_place_hire(c, p, err);

    if (m == NULL)
        return -ENOMEM;
    gang_set_cause(m->gang, cause);
    int r = crew_place_open(m, err);
    if (r < 0 && old != NULL && gang_state(old->gang) != BOARD_POOL_FAILED) {
        crew_place_dismiss(m);
        return r;
    }
    p->coming = m;
    if (r < 0)
        gang_fail(m->gang, err->text);
    else {
        uint32_t size = serves ? gang_serving(old->gang) : 0;
        (void)gang_set_floor(m->gang, size > 1 ? size : serves);
    }
    crew_progress_share_room(c, p, clock_monotonic());
    if (!serves)
        crew_progress_promote(p);
    crew_mark(m);
    return r;
}

static void begin_and_start(struct crew *c, struct place *p, enum crew_action action,
                            enum gang_cause cause)
{
    struct error err = ERROR_NONE;

    crew_progress_begin(p, action);
    if (start(c, p, cause, &err) < 0)
        crew_progress_fail(p, err.text);
}

/* It cannot run here: a new pool is shown as failed, one that runs goes on. */
static void refuse(struct crew *c, struct place *p, enum crew_action action, const char *reason)
{
    struct error err = ERROR_NONE;

    crew_progress_begin(p, action);
    if (p->current == NULL) {
        struct member *m = crew_place_hire(c, p, &err);

        if (m != NULL) {
            gang_fail(m->gang, reason);
            p->coming = m;
            crew_progress_promote(p);
        }
    } else if (!gang_is_open(p->current->gang)) {
        gang_fail(p->current->gang, reason);
        crew_mark(p->current);
    }
    crew_progress_fail(p, reason);
}

/* The gang goes on, with the pool as it is to be. */
static int tune(struct place *p, struct member *m, enum crew_action action)
{
    struct error err = ERROR_NONE;
    bool changed = action == CREW_TUNE;

    if (changed)
        p->scaled = 0;
    int r = gang_tune(m->gang, p->pool, clock_monotonic(), &err);
    if (r == GANG_TUNE_BEYOND)
        return r;
    if (r == 0)
        crew_place_refer(m);
    if (m == p->current || changed)
        crew_progress_begin(p, action);
    if (r < 0)
        crew_progress_fail(p, err.text);
    else if (!changed && m == p->current)
        p->result = CREW_DONE;
    crew_mark(m);
    return 0;
}

static void drop(struct crew *c, struct place *p)
{
    struct place *heir = NULL;

    p->listed = false;
    p->stopped = false;
    p->scaled = 0;
    crew_progress_begin(p, CREW_DROP);
    crew_progress_end_coming(p);
    if (p->current == NULL)
        return;
    struct member *m = p->current;
    for (size_t i = 0; i < c->member_count && heir == NULL; i++) {
        struct member *other = c->members[i];

        /* Its socket has a new pool: renamed, as it were. */
        if (other->place != p && other->role == CREW_CURRENT && gang_shares(other->gang, m->gang))
            heir = other->place;
    }
    feed_forget(&c->feed, p->name, gang_board(m->gang));
    crew_progress_let_go(m, heir);
}

static void apply(struct crew *c, struct place *p, const char *reason)
{
    const struct change_input in = {
        .next = p->pool,
        .current = p->current == NULL ? NULL : gang_pool(p->current->gang),
        .coming = p->coming == NULL ? NULL : gang_pool(p->coming->gang),
        .broken = p->current != NULL && gang_state(p->current->gang) == BOARD_POOL_FAILED,
        .stopped = p->stopped,
    };
    struct change_answer answer = change_decide(&in);
    bool equal = answer.action == CHANGE_KEEP;

    if (reason != NULL && !equal && answer.action != CHANGE_NOTE) {
        refuse(c, p, in.current == NULL ? CREW_ADD : CREW_REPLACE, reason);
        return;
    }
    if (answer.end_coming)
        crew_progress_end_coming(p);
    switch (answer.action) {
    case CHANGE_KEEP:
    case CHANGE_TUNE:
        if (tune(p, answer.on_coming ? p->coming : p->current, equal ? CREW_KEEP : CREW_TUNE) !=
            GANG_TUNE_BEYOND)
            break;
        crew_progress_end_coming(p);
        begin_and_start(c, p, CREW_REPLACE, GANG_CAUSE_RELOAD);
        break;
    case CHANGE_REPLACE:
        p->scaled = 0;
        begin_and_start(c, p, CREW_REPLACE, GANG_CAUSE_RELOAD);
        break;
    case CHANGE_ADD:
        begin_and_start(c, p, CREW_ADD, GANG_CAUSE_NONE);
        break;
    case CHANGE_NOTE:
        crew_progress_begin(p, CREW_KEEP);
        p->result = CREW_DONE;
        break;
    case CHANGE_NOTHING:
    case CHANGE_DROP:
        break;
    }
}

/* ---- all of them ---- */

static void forget_dropped(struct crew *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->place_count; i++) {
        struct place *p = c->places[i];
        bool used = p->listed || p->moving;

        for (size_t k = 0; k < c->member_count && !used; k++)
            used = c->members[k]->place == p || c->members[k]->toward == p;
        if (used)
            c->places[kept++] = p;
        else
            crew_place_free(p);
    }
    c->place_count = kept;
}

/* What is gone need not be kept for status workers that have forgotten it. */
static void trim_feed(struct crew *c)
{
    uint64_t known = c->feed.change;

    for (size_t i = 0; i < c->member_count; i++) {
        if (gang_pool(c->members[i]->gang)->kind == CONF_KIND_STATUS)
            known = gang_fed(c->members[i]->gang, known);
    }
    feed_trim(&c->feed, known);
}

/* The places of all pools of `conf`, in its order; those that are new have no `pool`. */
static struct place **find_places(struct crew *c, const struct conf *conf)
{
    struct place **found = calloc(conf->pool_count + 1, sizeof(struct place *));

    for (size_t i = 0; i < conf->pool_count && found != NULL; i++) {
        found[i] = crew_place_find(c, conf->pools[i].name);
        if (found[i] == NULL)
            found[i] = crew_place_add(c, conf->pools[i].name);
        if (found[i] == NULL) {
            free(found);
            found = NULL;
        }
    }
    return found;
}

/* Those that are listed first, in the order of the config. */
static void put_in_order(struct crew *c, struct place *const *found, size_t count)
{
    size_t at = c->place_count;

    for (size_t i = c->place_count; i > 0; i--) { /* the others move to the end */
        if (!c->places[i - 1]->listed)
            c->places[--at] = c->places[i - 1];
    }
    memcpy(c->places, found, count * sizeof(struct place *));
}

int crew_reload(struct crew *c, struct conf *conf, char *const *reasons, struct error *err)
{
    if (c->stopping)
        return error_set(err, ESHUTDOWN, "ganger is stopping");
    forget_dropped(c);
    trim_feed(c);
    struct place **found = find_places(c, conf);
    if (found == NULL) {
        forget_dropped(c);
        return error_errno(err, ENOMEM, "pools");
    }
    crew_limit(c, &conf->global);
    for (size_t i = 0; i < c->place_count; i++)
        c->places[i]->listed = false;
    for (size_t i = 0; i < conf->pool_count; i++)
        crew_place_assign(found[i], conf, i);
    for (size_t i = 0; i < conf->pool_count; i++)
        apply(c, found[i], reasons == NULL ? NULL : reasons[i]);
    for (size_t i = 0; i < c->place_count; i++) {
        struct place *p = c->places[i];
        if (!p->listed && (p->current != NULL || p->coming != NULL))
            drop(c, p);
    }
    put_in_order(c, found, conf->pool_count);
    free(found);
    crew_settle_all(c);
    return 0;
}

/* ---- orders ---- */

static struct place *find(const struct crew *c, const char *name, struct error *err)
{
    struct place *p = crew_place_find(c, name);

    if (c->stopping)
        (void)error_set(err, ESHUTDOWN, "ganger is stopping");
    else if (p == NULL || !p->listed)
        (void)error_set(err, ENOENT, "there is no pool %.60s; `gangerctl status` shows them all",
                        name);
    else
        return p;
    return NULL;
}

int crew_restart(struct crew *c, const char *name, struct error *err)
{
    struct place *p = find(c, name, err);

    if (p == NULL)
        return -err->number;
    if (p->stopped)
        return error_set(err, EALREADY, "pool %s is stopped; `gangerctl start %s` starts it", name,
                         name);
    crew_progress_end_coming(p);
    begin_and_start(c, p, CREW_REPLACE, GANG_CAUSE_RESTART);
    return 0;
}

int crew_stop_pool(struct crew *c, const char *name, struct error *err)
{
    struct place *p = find(c, name, err);

    if (p == NULL)
        return -err->number;
    if (p->stopped)
        return error_set(err, EALREADY, "pool %s is stopped already", name);
    crew_progress_begin(p, CREW_STOP);
    crew_progress_end_coming(p);
    p->stopped = true;
    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        if (m->place != p || (m->toward != NULL && m->toward != p))
            continue;
        m->toward = NULL;
        gang_set_cause(m->gang, GANG_CAUSE_NONE);
        gang_stop(m->gang, GANG_STOP_DRAIN, clock_monotonic());
        crew_mark(m);
    }
    return 0;
}

int crew_start_pool(struct crew *c, const char *name, struct error *err)
{
    struct place *p = find(c, name, err);

    if (p == NULL)
        return -err->number;
    if (!p->stopped && p->current != NULL && gang_state(p->current->gang) != BOARD_POOL_FAILED)
        return error_set(err, EALREADY, "pool %s is running; `gangerctl restart %s` restarts it",
                         name, name);
    p->stopped = false;
    begin_and_start(c, p, CREW_START, GANG_CAUSE_NONE);
    if (p->result == CREW_FAILED && p->current != NULL && !gang_is_open(p->current->gang) &&
        gang_state(p->current->gang) != BOARD_POOL_FAILED)
        p->stopped = true; /* it is still, or is about to be */
    return 0;
}

int crew_scale(struct crew *c, const char *name, uint32_t max_children, struct error *err)
{
    struct place *p = find(c, name, err);

    if (p == NULL)
        return -err->number;
    if (max_children < 1 || max_children > CHILDREN_MAX)
        return error_set(err, ERANGE, "pool %s: 1 to %u workers are allowed", name, CHILDREN_MAX);
    if (p->stopped || p->current == NULL || !gang_is_open(p->current->gang))
        return error_set(err, EALREADY, "pool %s is not running; `gangerctl start %s` starts it",
                         name, name);
    struct member *m = p->coming != NULL ? p->coming : p->current;
    int r = gang_scale(m->gang, max_children, clock_monotonic(), err);
    if (r < 0)
        return r;
    p->scaled = max_children;
    if (r == GANG_TUNE_BEYOND) {
        crew_progress_end_coming(p);
        begin_and_start(c, p, CREW_REPLACE, GANG_CAUSE_RESTART);
    } else if (m == p->current)
        crew_progress_begin(p, CREW_TUNE);
    crew_mark(m);
    return 0;
}
