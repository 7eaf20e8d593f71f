/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of changes.  It runs after every round of settling and looks at the places in which
 * something moves; running it again changes nothing.
 *
 * A COMING gang starts one worker, or as many as its policy wants, beside the CURRENT one.  When one
 * of them accepts, it is the CURRENT one, and the old one rolls: it may have as many workers as it
 * had, less those of the new one that serve, so that there is no moment with fewer than before.  At
 * the end it retires: what its workers have in hand they finish.
 *
 * All gangs of a place together have at most twice pm.max_children (the largest of them) and its
 * surplus of processes.
 * When old ones that do not end leave no room for a new one, or when there are too many of them, the
 * oldest is given process_control_timeout.
 */
#include "master/crew_struct.h"

#include <stdio.h>
#include "base/clock.h"
#include "base/log.h"

/* Generations of one pool that may be on their way out. */
#define GENERATIONS_GOING 4u
/* A COMING gang that does not serve so long after its first start is given up. */
#define COMING_PATIENCE (30 * CLOCK_SEC)

void crew_progress_begin(struct place *p, enum crew_action action)
{
    p->action = action;
    p->result = CREW_PENDING;
    p->reason[0] = '\0';
    p->moving = true;
}

void crew_progress_fail(struct place *p, const char *reason)
{
    p->result = CREW_FAILED;
    (void)snprintf(p->reason, sizeof(p->reason), "%s", reason);
    log_write(LOG_LEVEL_ERROR, p->name, "%s of pool %s failed: %s%s",
              p->action == CREW_START || p->action == CREW_ADD ? "start" : "reload", p->name,
              reason,
              p->current != NULL && gang_is_open(p->current->gang) ? "; it goes on as it was" : "");
}

static void succeed(struct place *p)
{
    p->result = CREW_DONE;
    p->reason[0] = '\0';
}

/* ---- from one gang to the next ---- */

/* Paths that somebody else is to have, although he does not serve yet. */
static void leave_paths(struct member *m)
{
    struct crew *c = m->crew;

    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i] != m && c->members[i]->role != CREW_GOING)
            gang_take_paths(c->members[i]->gang, m->gang);
    }
}

void crew_progress_let_go(struct member *m, struct place *toward)
{
    struct place *p = m->place;

    m->role = CREW_GOING;
    p->moving = true;
    if (p->current == m)
        p->current = NULL;
    if (p->coming == m)
        p->coming = NULL;
    m->toward = toward;
    m->size = gang_serving(m->gang);
    if (toward != NULL)
        toward->moving = true;
    else {
        leave_paths(m);
        gang_stop(m->gang, GANG_STOP_RETIRE, clock_monotonic());
    }
    crew_mark(m);
}

void crew_progress_end_coming(struct place *p)
{
    if (p->coming == NULL)
        return;
    gang_set_cause(p->coming->gang, GANG_CAUSE_NONE); /* it has replaced nobody */
    crew_progress_let_go(p->coming, NULL);
}

/* Paths that nobody else is to remove any more. */
static void take_paths(struct member *m)
{
    struct crew *c = m->crew;

    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i] != m)
            gang_take_paths(m->gang, c->members[i]->gang);
    }
}

void crew_progress_promote(struct place *p)
{
    struct member *old = p->current, *m = p->coming;

    p->coming = NULL;
    m->role = CREW_CURRENT;
    if (old != NULL) {
        bool serves = gang_is_open(old->gang);

        gang_inherit(m->gang, old->gang);
        crew_progress_let_go(old, serves ? p : NULL);
    }
    p->current = m;
    p->moving = true;
    take_paths(m);
    crew_place_show(m);
    crew_mark(m);
}

/* ---- looking ---- */

struct crowd {
    uint32_t alive;
    uint32_t most;         /* that the largest gang may have */
    unsigned going;        /* that retire, and have all the time they like … */
    unsigned hurried;      /* … or process_control_timeout */
    struct member *oldest; /* of the former */
};

static struct crowd count_all(const struct crew *c, const struct place *p)
{
    struct crowd n = {0};

    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        if (m->place != p)
            continue;
        n.alive += gang_alive(m->gang);
        if (gang_most(m->gang) > n.most)
            n.most = gang_most(m->gang);
        if (m->role != CREW_GOING || m->toward != NULL || gang_ended(m->gang))
            continue;
        if (m->hurried)
            n.hurried++;
        else if (n.going++ == 0)
            n.oldest = m; /* members stand in the order of their making */
    }
    return n;
}

static void hurry(struct member *m, uint64_t now)
{
    m->hurried = true;
    log_write(LOG_LEVEL_WARNING, m->place->name,
              "%u workers of generation %u have still not finished, and newer ones need their "
              "place: they are given process_control_timeout",
              gang_alive(m->gang), gang_generation(m->gang));
    gang_stop(m->gang, GANG_STOP_DRAIN, now);
    crew_mark(m);
}

/* How many more processes each gang of the place may have. */
void crew_progress_share_room(struct crew *c, struct place *p, uint64_t now)
{
    struct member *newest = p->coming != NULL ? p->coming : p->current;
    struct crowd n = count_all(c, p);

    if (newest == NULL)
        return;
    bool alone = p->coming == NULL && n.alive == gang_alive(newest->gang);
    uint64_t most = 2 * (uint64_t)n.most;
    uint32_t room = alone ? UINT32_MAX : most > n.alive ? (uint32_t)(most - n.alive) : 0;

    /* Nobody is on his way out who would make room: it has to show itself all the same. */
    if (room == 0 && p->coming != NULL && gang_alive(newest->gang) == 0 && n.going + n.hurried == 0)
        room = 1;
    if (gang_set_room(newest->gang, room))
        crew_mark(newest);
    if (newest != p->current && p->current != NULL && gang_set_room(p->current->gang, room))
        crew_mark(p->current);
    /* One at a time: what it leaves may be enough. */
    bool short_of_room = room == 0 && n.hurried == 0 && gang_starved(newest->gang);
    if (n.oldest != NULL && (n.going > GENERATIONS_GOING || short_of_room))
        hurry(n.oldest, now);
}

static void look_at_coming(struct place *p, uint64_t now)
{
    struct member *m = p->coming;
    char reason[ERROR_TEXT_MAX];

    if (m == NULL)
        return;
    if (gang_serving(m->gang) > 0) {
        crew_progress_promote(p);
        return;
    }
    if (m->begun == 0 && gang_alive(m->gang) > 0)
        m->begun = now;
    if (gang_state(m->gang) == BOARD_POOL_FAILING)
        (void)snprintf(reason, sizeof(reason), "%s", gang_reason(m->gang));
    else if (m->begun != 0 && now - m->begun >= COMING_PATIENCE)
        (void)snprintf(reason, sizeof(reason), "no worker was ready within %u seconds",
                       (unsigned)(COMING_PATIENCE / CLOCK_SEC));
    else {
        if (m->begun != 0 && m->deadline > m->begun + COMING_PATIENCE)
            m->deadline = m->begun + COMING_PATIENCE;
        return;
    }
    crew_progress_end_coming(p);
    crew_progress_fail(p, reason);
}

/* One that shrinks as another one grows. */
static void roll(struct member *m)
{
    struct member *next = m->toward->current;
    bool over = next == NULL || !gang_is_open(next->gang) || gang_at_strength(next->gang);
    uint32_t serving = next == NULL ? 0 : gang_serving(next->gang);

    if (next != NULL && gang_starved(next->gang)) {
        uint32_t left = gang_serving(m->gang);

        serving++;
        /* Another pool took what those who have left made room for: one more, until one gets it. */
        if (!next->marked && left > 0 && left == gang_alive(m->gang) && m->size >= serving + left)
            m->size = serving + left - 1;
    }
    if (!over && serving < m->size) {
        if (gang_set_cap(m->gang, m->size - serving))
            crew_mark(m);
        return;
    }
    if (next != NULL && !over && gang_state(next->gang) == BOARD_POOL_STARTING)
        return; /* nobody serves there yet */
    crew_progress_let_go(m, NULL);
}

static void look_at_going(struct crew *c, struct member *m, uint64_t now)
{
    struct place *p = m->place;

    (void)c;
    if (m->toward != NULL)
        roll(m);
    if (p->current != NULL)
        gang_inherit_counts(p->current->gang, m->gang);
    if (!gang_ended(m->gang))
        return;
    (void)voice_flush(&m->voice, p->name, true, now);
    if (gang_silent(m->gang))
        crew_place_dismiss(m);
}

/* What those that go still use. */
static void tell_elders(struct crew *c, struct place *p)
{
    struct gang_elders all = {0};

    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i]->place != p || c->members[i]->role != CREW_GOING)
            continue;
        struct gang_elders one = gang_weight(c->members[i]->gang);
        all.workers += one.workers;
        all.resident += one.resident;
        all.proportional += one.proportional;
    }
    if (p->current != NULL && gang_set_elders(p->current->gang, &all))
        crew_mark(p->current);
}

static bool is_rolling(const struct crew *c, const struct place *p)
{
    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i]->toward == p)
            return true;
    }
    return false;
}

static bool all_ended(const struct crew *c, const struct place *p)
{
    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i]->place == p && !gang_ended(c->members[i]->gang))
            return false;
    }
    return true;
}

static void conclude(struct crew *c, struct place *p)
{
    const struct gang *g = p->current == NULL ? NULL : p->current->gang;

    if (p->result != CREW_PENDING || p->coming != NULL || p->retry_until != 0)
        return;
    if (p->action == CREW_STOP || p->action == CREW_DROP) {
        if (all_ended(c, p))
            succeed(p);
        return;
    }
    if (g == NULL)
        return;
    enum board_pool_state state = gang_state(g);
    if (state == BOARD_POOL_FAILED || state == BOARD_POOL_FAILING)
        crew_progress_fail(p, gang_reason(g));
    else if ((gang_at_strength(g) || (gang_starved(g) && gang_serving(g) > 0)) && !is_rolling(c, p))
        succeed(p);
}

static void look(struct crew *c, struct place *p, uint64_t now)
{
    crew_retry_look(p, now);
    crew_progress_share_room(c, p, now);
    look_at_coming(p, now);
    for (size_t i = c->member_count; i > 0; i--) {
        if (c->members[i - 1]->place == p && c->members[i - 1]->role == CREW_GOING)
            look_at_going(c, c->members[i - 1], now);
    }
    tell_elders(c, p);
    bool rolling = is_rolling(c, p);
    if (p->current != NULL && !rolling && gang_at_strength(p->current->gang) &&
        gang_set_floor(p->current->gang, 0))
        crew_mark(p->current);
    conclude(c, p);
    size_t members = 0;
    for (size_t i = 0; i < c->member_count; i++)
        members += c->members[i]->place == p;
    p->moving = p->result == CREW_PENDING || p->retry_until != 0 || rolling || p->coming != NULL ||
                members > (p->current != NULL);
}

/* The dropped whose last worker is gone are kept until the next reload, for their outcome. */
void crew_progress(struct crew *c, uint64_t now)
{
    for (size_t i = 0; i < c->place_count; i++) {
        if (c->places[i]->moving)
            look(c, c->places[i], now);
    }
    crew_place_feed(c, now);
}
