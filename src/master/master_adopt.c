/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new image's side of an upgrade (master/upgrade.h): reading what the old one left, taking it
 * over, and, in the child that tries the new binary, doing all of that without touching anything.
 */
#include "master/master_struct.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/number.h"
#include "host/handover.h"
#include "host/process.h"
#include "host/successor.h"
#include "master/birth.h"
#include "master/journal.h"
#include "pool/gang_freeze.h"

/* For children that nobody can manage any more. */
#define CHILDREN_PATIENCE (5 * CLOCK_SEC)
/* epoll, signals, timers, the kernel's word on queues, a log, and to spare. */
#define FILES_OF_A_LOOP 24u

/* ---- reading ---- */

/* The state in the descriptor that `number` names, which is closed; made by process `pid`. */
static int read_state(struct upgrade_state *ret, const char *number, pid_t pid, struct error *err)
{
    uint64_t value = 0;
    void *data = NULL;
    size_t length = 0;

    if (number_parse(number, INT_MAX, &value) < 0 || value < 3)
        return error_set(err, EINVAL, "no descriptor holds a state");
    int fd = (int)value;
    int r = handover_read(fd, STATE_MAX, &data, &length, err);
    if (r < 0)
        return r;
    descriptor_close(&fd);
    r = upgrade_state_read(ret, data, length, err);
    free(data);
    if (r == 0 && ret->facts.pid != (int)pid) {
        upgrade_state_clear(ret);
        r = error_set(err, EINVAL, "the state was written by another process");
    }
    return r;
}

/* What it says of the facts that all pools share. */
static void fill_context(struct pool_context *context, const struct upgrade_state *s)
{
    const struct conf_global *g = &s->confs[0]->global;

    context->files = (struct rlimit){.rlim_cur = (rlim_t)s->facts.files_soft,
                                     .rlim_max = (rlim_t)s->facts.files_hard};
    context->process_control_timeout = g->process_control_timeout;
    context->process_max = g->process_max;
    context->log_level = g->log_level;
}

int master_adopt(struct master *m, struct error *err)
{
    struct upgrade_state *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return error_errno(err, ENOMEM, "the state");
    int r = read_state(s, m->options->adopt, getpid(), err);
    if (r < 0) {
        free(s);
        return r;
    }
    m->adopted = s;
    fill_context(&m->context, s);
    m->reload.folder = strdup(s->facts.folder);
    m->context.runtime_directory = m->reload.folder;
    m->inspection.conf = conf_ref(s->confs[0]);
    m->daemon = s->facts.daemon;
    m->path = strdup(s->facts.path);
    return m->path == NULL || m->reload.folder == NULL ? error_errno(err, ENOMEM, "the state") : 0;
}

/* ---- taking over ---- */

static int claim_control(struct inherit *in, const struct upgrade_state *s, struct error *err)
{
    struct address address = {.family = ADDRESS_UNIX, .text = "the control socket"};
    int r = s->facts.control < 0 ? 0 : inherit_listener(in, s->facts.control, &address, err);

    for (size_t i = 0; i < s->waiter_count && r == 0; i++)
        r = inherit_any(in, s->waiters[i], err);
    return r;
}

static int claim_handed(struct inherit *in, const struct upgrade_state *s, struct error *err)
{
    int r = 0;

    for (size_t i = 0; i < s->handed_count && r == 0; i++) {
        r = socket_check_listening(s->handed[i].fd, err);
        if (r == 0)
            r = inherit_any(in, s->handed[i].fd, err);
    }
    return r;
}

/* One that somebody has removed keeps its lock, and is not removed again. */
static int claim_pid_file(struct inherit *in, const struct upgrade_facts *f, size_t i,
                          bool *ret_there, struct error *err)
{
    *ret_there = inherit_file(in, f->pid_fds[i], f->pid_paths[i], err) == 0;
    return *ret_there ? 0 : inherit_any(in, f->pid_fds[i], err);
}

int master_adopt_pid_files(struct master *m, struct error *err)
{
    const struct upgrade_facts *f = &m->adopted->facts;

    for (size_t i = 0; i < 2; i++) {
        bool there = false;

        if (f->pid_fds[i] < 0)
            continue;
        int r = claim_pid_file(&m->inherited, f, i, &there, err);
        if (r < 0)
            return r;
        m->pid.items[i].fd = f->pid_fds[i];
        m->pid.items[i].path = there ? strdup(f->pid_paths[i]) : NULL;
    }
    return 0;
}

struct making {
    struct inherit *inherited;
    const struct frozen_gang *frozen;
};

static int make_gang(void *cookie, struct gang **ret, const struct conf_pool *pool,
                     const struct pool_context *context, const struct gang_hooks *hooks,
                     struct error *err)
{
    const struct making *making = cookie;

    return gang_thaw(ret, making->frozen, making->inherited, pool, context, hooks,
                     clock_monotonic(), clock_wall(), err);
}

int master_adopt_crew(struct master *m, struct error *err)
{
    const struct upgrade_state *s = m->adopted;
    int r = claim_handed(&m->inherited, s, err);

    for (size_t i = 0; i < s->handed_count && r == 0; i++) {
        r = inherited_add(&m->received, s->handed[i].name, s->handed[i].fd, err);
        if (r == 0)
            m->received.items[i].claimed = true; /* it was, once */
    }
    for (size_t i = 0; i < s->gang_count && r == 0; i++) {
        const struct frozen_gang *f = &s->gangs[i];
        struct making making = {.inherited = &m->inherited, .frozen = f};
        const struct crew_thaw thaw = {
            .name = f->name,
            .member = {.role = (enum crew_role)f->role,
                       .conf = s->confs[f->conf],
                       .stopped = f->stopped,
                       .scaled = f->place_scaled,
                       .toward = f->toward[0] == '\0' ? NULL : f->toward,
                       .size = f->size,
                       .hurried = f->hurried,
                       .begun = f->begun,
                       .retry_until = f->retry_until},
            .make = make_gang,
            .cookie = &making,
        };
        r = crew_thaw(m->crew, &thaw, err);
    }
    if (r == 0)
        crew_thawed(m->crew);
    return r;
}

int master_adopt_control(struct master *m, struct control_options *options, struct error *err)
{
    int r = claim_control(&m->inherited, m->adopted, err);

    if (r == 0) {
        options->listener = m->adopted->facts.control;
        options->group = (gid_t)m->adopted->facts.control_group;
    }
    return r;
}

/* Everything has been taken over. */
void master_adopt_end(struct master *m)
{
    struct crew_count n = crew_count(m->crew);
    size_t strays = inherit_close_rest(&m->inherited);

    log_write(LOG_LEVEL_NOTICE, NULL, "upgraded from ganger %s to ganger %s; %u workers kept",
              m->adopted->facts.version, GANGER_VERSION, n.workers);
    if (strays > 0)
        log_write(LOG_LEVEL_DEBUG, NULL, "%zu descriptors that nobody knows are closed", strays);
    m->upgraded = true;
    for (size_t i = 0; i < m->adopted->waiter_count; i++)
        control_adopt(m->control, m->adopted->waiters[i]);
    upgrade_state_clear(m->adopted);
    free(m->adopted);
    m->adopted = NULL;
    inherit_clear(&m->inherited);
}

int master_adopt_afresh(struct master *m, const char *why)
{
    char *path = m->path != NULL ? m->path : successor_own_path(NULL);
    struct error err = ERROR_NONE;
    const struct inherit none = {0};

    log_write(LOG_LEVEL_ALERT, NULL,
              "the pools of the running ganger cannot be taken over: %s; starting afresh", why);
    size_t left = process_end_children(CHILDREN_PATIENCE);
    if (left > 0)
        log_write(LOG_LEVEL_ALERT, NULL, "%zu processes cannot be ended", left);
    (void)inherit_close_rest(&none);
    extern char **environ;
    const struct successor_plan plan = {.path = path, .argv = m->options->argv, .envp = environ};
    if (path != NULL) {
        (void)successor_become(&plan, &err);
        log_write(LOG_LEVEL_ALERT, NULL, "%s", err.text);
    }
    if (path != m->path)
        free(path);
    return MASTER_EXIT_CANNOT;
}

/* ---- the child that tries ---- */

static int no_watch(void *cookie, struct gang *g, const struct gang_watch *w)
{
    (void)cookie;
    (void)g;
    (void)w;
    return 0;
}

static void no_unwatch(void *cookie, struct gang *g, const struct gang_watch *w)
{
    (void)cookie;
    (void)g;
    (void)w;
}

static void no_line(void *cookie, struct gang *g, pid_t pid, int level, const char *line,
                    size_t length)
{
    (void)cookie;
    (void)g;
    (void)pid;
    (void)level;
    (void)line;
    (void)length;
}

static void no_say(void *cookie, struct gang *g, pid_t worker, enum log_level level,
                   const char *text)
{
    (void)worker;
    (void)cookie;
    (void)g;
    (void)level;
    (void)text;
}

/* What the new image makes before it takes over: an unopened gang for each pool (crew_new()), and its
 * event loop.  Where descriptors or memory do not suffice for that, the old one is to go on. */
static int check_room(const struct upgrade_state *s, const struct pool_context *context,
                      struct error *err)
{
    static const struct gang_hooks hooks = {
        .watch = no_watch, .unwatch = no_unwatch, .line = no_line, .say = no_say};
    const struct conf *conf = s->confs[0];
    int r = 0;

    for (size_t i = 0; i < conf->pool_count && r == 0; i++) {
        struct gang *unused = NULL;

        r = gang_new(&unused, &conf->pools[i], context, &hooks, clock_monotonic(), clock_wall(),
                     err);
    }
    for (unsigned i = 0; i < FILES_OF_A_LOOP && r == 0; i++) {
        int copy = descriptor_copy(STDIN_FILENO);

        if (copy < 0)
            r = error_errno(err, -copy, "too few descriptors to take over");
    }
    return r;
}

static int check_gangs(const struct upgrade_state *s, const struct pool_context *context,
                       struct inherit *in, struct error *err)
{
    const struct gang_hooks hooks = {
        .watch = no_watch, .unwatch = no_unwatch, .line = no_line, .say = no_say};
    int r = 0;

    for (size_t i = 0; i < s->gang_count && r == 0; i++) {
        const struct frozen_gang *f = &s->gangs[i];
        struct gang *unused = NULL;

        if (f->role > CREW_GOING)
            return error_set(err, EINVAL, "pool %s of the state has no role", f->name);
        r = gang_thaw(&unused, f, in, conf_find(s->confs[f->conf], f->name), context, &hooks,
                      clock_monotonic(), clock_wall(), err);
        if (r < 0)
            (void)error_wrap(err, "pool %s", f->name);
    }
    return r;
}

static int check_all(const char *number, struct error *err)
{
    struct pool_context context;
    struct upgrade_state s;
    struct inherit in = {.copies = true};
    char *worker = NULL;
    bool there;
    int r = birth_normalise(&context, err);

    if (r == 0)
        r = read_state(&s, number, getppid(), err);
    if (r < 0)
        return r;
    fill_context(&context, &s);
    context.runtime_directory = s.facts.folder;
    context.worker_fd = process_open_sibling("ganger-worker", &worker, err);
    r = context.worker_fd < 0 ? context.worker_fd
                              : journal_open(&s.confs[0]->global, s.facts.daemon, err);
    context.worker_path = worker;
    for (size_t i = 0; i < 2 && r == 0; i++)
        r = s.facts.pid_fds[i] < 0 ? 0 : claim_pid_file(&in, &s.facts, i, &there, err);
    if (r == 0)
        r = claim_control(&in, &s, err);
    if (r == 0)
        r = claim_handed(&in, &s, err);
    if (r == 0)
        r = check_room(&s, &context, err);
    return r < 0 ? r : check_gangs(&s, &context, &in, err);
}

/* Nothing is freed or closed: that is for the process that will live. */
void master_adopt_check(const char *number)
{
    struct error err = ERROR_NONE;

    if (check_all(number, &err) < 0) {
        (void)fprintf(stderr, "ganger %s: %s\n", GANGER_VERSION, err.text);
        _exit(MASTER_EXIT_CANNOT);
    }
    (void)printf("%s", UPGRADE_ANSWER);
    _exit(fflush(stdout) == 0 ? MASTER_EXIT_OK : MASTER_EXIT_CANNOT);
}
