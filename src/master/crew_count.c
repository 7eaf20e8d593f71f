/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about the crew: nothing changes here. */
#include <string.h>
#include "master/crew_struct.h"

static bool decided(const struct gang *g)
{
    enum board_pool_state state = gang_state(g);

    /* All that process.max leaves it, and nobody on the way: that may be so for ever. */
    bool short_of = gang_starved(g) && (gang_serving(g) > 0 || gang_alive(g) == 0);

    return gang_at_strength(g) || gang_ended(g) || state == BOARD_POOL_FAILED ||
           state == BOARD_POOL_FAILING || short_of;
}

struct crew_count crew_count(const struct crew *c)
{
    struct crew_count n = {0};

    for (size_t i = 0; i < c->place_count; i++) {
        const struct place *p = c->places[i];

        if (!p->listed)
            continue;
        n.pools++;
        if (p->current == NULL)
            continue;
        const struct gang *g = p->current->gang;
        n.failed += gang_state(g) == BOARD_POOL_FAILED;
        n.failing += gang_state(g) == BOARD_POOL_FAILING;
        n.stopped += p->stopped;
        n.decided += decided(g);
    }
    for (size_t i = 0; i < c->member_count; i++)
        n.workers += gang_alive(c->members[i]->gang);
    return n;
}

static bool is_busy(const struct place *p)
{
    return p->result == CREW_PENDING || p->coming != NULL ||
           (p->current != NULL && p->listed && !decided(p->current->gang));
}

bool crew_busy(const struct crew *c, const char *name)
{
    for (size_t i = 0; i < c->place_count; i++) {
        if ((name == NULL || strcmp(c->places[i]->name, name) == 0) && is_busy(c->places[i]))
            return true;
    }
    return false;
}

const char *crew_action_name(enum crew_action action)
{
    static const char *const names[CREW_ACTIONS] = {
        [CREW_KEEP] = "keep", [CREW_TUNE] = "tune", [CREW_REPLACE] = "replace", [CREW_ADD] = "add",
        [CREW_DROP] = "drop", [CREW_STOP] = "stop", [CREW_START] = "start",
    };

    return (unsigned)action < CREW_ACTIONS ? names[action] : "?";
}

static void fill(struct crew_outcome *ret, const struct place *p)
{
    *ret = (struct crew_outcome){
        .name = p->name, .action = p->action, .result = p->result, .reason = p->reason};
}

bool crew_outcome(const struct crew *c, size_t i, struct crew_outcome *ret)
{
    if (i >= c->place_count)
        return false;
    fill(ret, c->places[i]);
    return true;
}

bool crew_outcome_of(const struct crew *c, const char *name, struct crew_outcome *ret)
{
    const struct place *p = crew_place_find(c, name);

    if (p != NULL)
        fill(ret, p);
    return p != NULL;
}

struct gang *crew_find(const struct crew *c, const char *name)
{
    const struct place *p = crew_place_find(c, name);

    return p == NULL || p->current == NULL ? NULL : p->current->gang;
}

int crew_each(const struct crew *c, int (*visit)(void *cookie, const struct crew_member *m),
              void *cookie)
{
    int r = 0;

    for (size_t i = 0; i < c->place_count && r == 0; i++) {
        const struct place *p = c->places[i];

        for (size_t k = 0; k < c->member_count && r == 0; k++) {
            const struct member *m = c->members[k];
            const struct crew_member seen = {.gang = m->gang,
                                             .role = m->role,
                                             .conf = m->conf,
                                             .stopped = p->stopped,
                                             .scaled = p->scaled,
                                             .toward = m->toward == NULL ? NULL : m->toward->name,
                                             .size = m->size,
                                             .hurried = m->hurried,
                                             .retry_until =
                                                 m->role == CREW_CURRENT ? p->retry_until : 0,
                                             .begun = m->begun};
            if (m->place == p)
                r = visit(cookie, &seen);
        }
    }
    return r;
}
