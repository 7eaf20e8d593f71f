/* SPDX-License-Identifier: Apache-2.0 */
/* Places and their members: made, found, freed. */
#include "master/crew_struct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"

struct place *crew_place_find(const struct crew *c, const char *name)
{
    for (size_t i = 0; i < c->place_count; i++) {
        if (strcmp(c->places[i]->name, name) == 0)
            return c->places[i];
    }
    return NULL;
}

struct place *crew_place_add(struct crew *c, const char *name)
{
    struct place **more = reallocarray(c->places, c->place_count + 1, sizeof(struct place *));

    if (more == NULL)
        return NULL;
    c->places = more;
    struct place *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->name = strdup(name);
    if (p->name == NULL) {
        free(p);
        return NULL;
    }
    c->places[c->place_count++] = p;
    return p;
}

void crew_place_assign(struct place *p, struct conf *conf, size_t i)
{
    struct conf *before = p->conf;

    p->conf = conf_ref(conf);
    p->pool = &conf->pools[i];
    p->listed = true;
    (void)conf_free(before);
}

void crew_place_free(struct place *p)
{
    if (p == NULL)
        return;
    (void)conf_free(p->conf);
    free(p->name);
    free(p);
}

/* ---- hooks of the gangs ---- */

static void on_fired(void *cookie, const struct gang_watch *w)
{
    struct member *m = cookie;

    gang_ready(m->gang, w, clock_monotonic());
    crew_mark(m);
}

static int hook_watch(void *cookie, struct gang *g, const struct gang_watch *w)
{
    struct member *m = cookie;

    (void)g;
    return watch_table_set(m->crew->watches, w, on_fired, m);
}

static void hook_unwatch(void *cookie, struct gang *g, const struct gang_watch *w)
{
    struct member *m = cookie;

    (void)g;
    watch_table_remove(m->crew->watches, w);
}

static void hook_line(void *cookie, struct gang *g, pid_t pid, int level, const char *line,
                      size_t length)
{
    struct member *m = cookie;

    voice_line(&m->voice, &m->crew->voices, gang_name(g), pid, level, line, length,
               clock_monotonic());
}

static void hook_say(void *cookie, struct gang *g, pid_t worker, enum log_level level,
                     const char *text)
{
    const struct log_about about = {.pool = gang_name(g), .worker = worker};

    (void)cookie;
    log_write_about(level, &about, "%s", text);
}

static void hook_look(void *cookie, struct gang *g)
{
    struct member *m = cookie;

    (void)g;
    crew_measure_look(m->crew);
}

/* ---- members ---- */

static struct member *make_member(struct crew *c, struct place *p)
{
    struct member **more = reallocarray(c->members, c->member_count + 1, sizeof(struct member *));

    if (more == NULL)
        return NULL;
    c->members = more;
    struct member *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->crew = c;
    m->number = ++c->last_member;
    m->place = p;
    m->conf = conf_ref(p->conf);
    m->role = CREW_COMING;
    m->deadline = CLOCK_NEVER;
    return m;
}

static void free_member(struct member *m)
{
    (void)gang_free(m->gang);
    (void)conf_free(m->conf);
    free(m);
}

struct member *crew_place_hire_by(struct crew *c, struct place *p, const struct crew_thaw *t,
                                  struct error *err)
{
    struct member *m = make_member(c, p);
    int r;

    if (m == NULL) {
        (void)error_errno(err, ENOMEM, "pool %s", p->name);
        return NULL;
    }
    struct gang_hooks hooks = {.cookie = m,
                               .watch = hook_watch,
                               .unwatch = hook_unwatch,
                               .line = hook_line,
                               .say = hook_say,
                               .look = hook_look};
    if (t != NULL) {
        (void)conf_free(m->conf);
        m->conf = conf_ref(t->member.conf);
        r = t->make(t->cookie, &m->gang, conf_find(m->conf, p->name), c->context, &hooks, err);
    } else
        r = gang_new_scaled(&m->gang, p->pool, p->scaled, c->context, &hooks, clock_monotonic(),
                            clock_wall(), err);
    if (r < 0) {
        (void)error_wrap(err, "pool %s", p->name);
        free_member(m);
        return NULL;
    }
    c->members[c->member_count++] = m;
    if (t == NULL)
        gang_set_generation(m->gang, ++p->generation);
    else if (gang_generation(m->gang) > p->generation)
        p->generation = gang_generation(m->gang);
    if (p->pool->kind == CONF_KIND_STATUS)
        gang_feed(m->gang, &c->feed);
    return m;
}

struct member *crew_place_hire(struct crew *c, struct place *p, struct error *err)
{
    return crew_place_hire_by(c, p, NULL, err);
}

int crew_place_open(struct member *m, struct error *err)
{
    struct crew *c = m->crew;
    size_t count = 0;
    struct gang **others = calloc(c->member_count, sizeof(struct gang *));

    if (others == NULL)
        return error_errno(err, ENOMEM, "listen");
    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i] != m)
            others[count++] = c->members[i]->gang;
    }
    int r = gang_open_beside(m->gang, others, count, err);
    free(others);
    return r;
}

void crew_place_dismiss(struct member *m)
{
    struct crew *c = m->crew;
    size_t i = 0;

    while (c->members[i] != m)
        i++;
    memmove(&c->members[i], &c->members[i + 1],
            (c->member_count - i - 1) * sizeof(struct member *));
    c->member_count--;
    feed_forget(&c->feed, m->place->name, gang_board(m->gang));
    if (m->place->current == m)
        m->place->current = NULL;
    if (m->place->coming == m)
        m->place->coming = NULL;
    free_member(m);
}

void crew_place_refer(struct member *m)
{
    struct conf *before = m->conf;

    m->conf = conf_ref(m->place->conf);
    (void)conf_free(before);
}

void crew_place_show(struct member *m)
{
    if (feed_set(&m->crew->feed, m->place->name, gang_board(m->gang)) < 0)
        log_write(LOG_LEVEL_ERROR, m->place->name, "no memory to show its status");
}

void crew_place_feed(struct crew *c, uint64_t now)
{
    if (c->fed == c->feed.change)
        return;
    c->fed = c->feed.change;
    /* What one has inherited just now stands on its board before that is shown. */
    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        if (m->marked && m->place->current == m)
            gang_publish(m->gang, now);
    }
    for (size_t i = 0; i < c->member_count; i++) {
        struct member *m = c->members[i];

        if (gang_pool(m->gang)->kind != CONF_KIND_STATUS)
            continue;
        uint64_t deadline = gang_settle(m->gang, now);
        if (deadline < m->deadline) /* what was there is crew_progress()'s, too */
            m->deadline = deadline;
    }
}
