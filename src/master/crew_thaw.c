/* SPDX-License-Identifier: Apache-2.0 */
/* The crew made again after an exec. */
#include <errno.h>
#include "master/crew_struct.h"

/* That of the pool; one that is dropped, and only goes, has none yet. */
static struct place *find_place(struct crew *c, const struct crew_thaw *t, struct error *err)
{
    struct place *p = crew_place_find(c, t->name);

    if (p != NULL)
        return p;
    for (size_t i = 0; i < t->member.conf->pool_count && t->member.role == CREW_GOING; i++) {
        if (&t->member.conf->pools[i] != conf_find(t->member.conf, t->name))
            continue;
        p = crew_place_add(c, t->name);
        if (p == NULL)
            break;
        crew_place_assign(p, t->member.conf, i);
        p->listed = false;
        p->action = CREW_DROP;
        p->result = CREW_PENDING;
        return p;
    }
    (void)error_set(err, EINVAL, "pool %s: a gang that has no place", t->name);
    return NULL;
}

/* Another place, known by name; NULL when it is not there. */
static struct place *find_toward(const struct crew *c, const struct crew_thaw *t)
{
    return t->member.toward == NULL ? NULL : crew_place_find(c, t->member.toward);
}

static void seat(struct place *p, struct member *m, uint64_t retry_until)
{
    if (m->role == CREW_COMING) {
        p->coming = m;
        p->action = CREW_REPLACE;
        p->result = CREW_PENDING;
    }
    if (m->role != CREW_CURRENT)
        return;
    if (p->current != NULL)
        crew_place_dismiss(p->current);
    p->current = m;
    p->retry_until = retry_until;
    if (p->coming == NULL)
        p->result = CREW_DONE;
    crew_place_show(m);
}

int crew_thaw(struct crew *c, const struct crew_thaw *t, struct error *err)
{
    struct place *p = find_place(c, t, err);

    if (p == NULL)
        return -EINVAL;
    if (t->member.role == CREW_COMING && p->coming != NULL)
        return error_set(err, EINVAL, "pool %s: two gangs for one place", t->name);
    struct member *m = crew_place_hire_by(c, p, t, err);
    if (m == NULL)
        return -EINVAL;
    p->stopped = t->member.stopped;
    p->scaled = t->member.scaled;
    p->moving = true;
    m->role = t->member.role;
    m->toward = m->role == CREW_GOING ? find_toward(c, t) : NULL;
    m->size = t->member.size;
    m->hurried = t->member.hurried;
    m->begun = t->member.begun;
    seat(p, m, t->member.retry_until);
    return 0;
}

/* A going gang that was on its way towards one that did not come along goes by itself. */
void crew_thawed(struct crew *c)
{
    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        if (m->role == CREW_GOING && m->toward == NULL && gang_is_open(m->gang))
            crew_progress_let_go(m, NULL);
    }
    crew_settle_all(c);
}
