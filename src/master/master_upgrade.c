/* SPDX-License-Identifier: Apache-2.0 */
/* The old image's side of an upgrade: when it may be, and what is written down. */
#include "master/master_struct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "pool/gang_freeze.h"

/* ---- what is written ---- */

/* Configurations in the order of the state. */
struct confs {
    const struct conf **items;
    size_t count;
};

static int find_conf(const struct confs *c, const struct conf *conf)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i] == conf)
            return (int)i;
    }
    return -1;
}

static int add_conf(struct confs *c, const struct conf *conf)
{
    if (find_conf(c, conf) >= 0)
        return 0;
    const struct conf **more = reallocarray(c->items, c->count + 1, sizeof(const struct conf *));
    if (more == NULL)
        return -ENOMEM;
    c->items = more;
    more[c->count++] = conf;
    return 0;
}

static int collect_conf(void *cookie, const struct crew_member *m)
{
    return add_conf(cookie, m->conf);
}

struct writing {
    struct confs confs;
    struct state *to;
    struct frozen_fds *fds;
};

static int write_gang(void *cookie, const struct crew_member *m)
{
    struct writing *w = cookie;
    struct frozen_gang marks = {
        .conf = (uint32_t)find_conf(&w->confs, m->conf),
        .role = m->role,
        .stopped = m->stopped,
        .place_scaled = m->scaled,
        .size = m->size,
        .hurried = m->hurried,
        .begun = m->begun,
        .retry_until = m->retry_until,
    };

    if (m->toward != NULL)
        (void)snprintf(marks.toward, sizeof(marks.toward), "%s", m->toward);
    return gang_freeze(m->gang, &marks, w->to, w->fds);
}

static int write_pools(struct master *m, struct writing *w, struct error *err)
{
    int r = add_conf(&w->confs, m->inspection.conf);

    if (r == 0)
        r = crew_each(m->crew, collect_conf, &w->confs);
    if (r < 0)
        return error_errno(err, -r, "the running configuration");
    for (size_t i = 0; i < w->confs.count && r == 0; i++)
        r = upgrade_state_put_conf(w->to, w->confs.items[i], err);
    if (r < 0)
        return r;
    r = crew_each(m->crew, write_gang, w);
    return r < 0 ? error_errno(err, -r, "the state of the pools") : 0;
}

/* Those of the service manager's, which a pool that is stopped is to find again. */
static int write_handed(const struct master *m, struct state *to, struct frozen_fds *fds)
{
    int r = 0;

    for (size_t i = 0; i < m->received.count && r == 0; i++) {
        struct upgrade_handed h = {.fd = m->received.items[i].fd};

        (void)snprintf(h.name, sizeof(h.name), "%s", m->received.items[i].name);
        r = upgrade_state_put_handed(to, &h);
        if (r == 0)
            r = frozen_add_fd(fds, h.fd);
    }
    return r;
}

static int write_master(const struct master *m, struct state *to, struct frozen_fds *fds)
{
    struct upgrade_facts *f = calloc(1, sizeof(*f));
    int waiters[CONTROL_LINKS];
    const struct log_rest rest = log_rest();

    if (f == NULL)
        return -ENOMEM;
    *f = (struct upgrade_facts){.pid = getpid(),
                                .files_soft = m->context.files.rlim_cur,
                                .files_hard = m->context.files.rlim_max,
                                .daemon = m->daemon,
                                .log_lines = rest.lines,
                                .log_torn = rest.torn,
                                .control = m->control == NULL ? -1 : control_listener(m->control),
                                .control_group =
                                    m->control == NULL ? (gid_t)-1 : control_group(m->control)};
    (void)snprintf(f->version, sizeof(f->version), "%s", GANGER_VERSION);
    (void)snprintf(f->path, sizeof(f->path), "%s", m->path);
    (void)snprintf(f->folder, sizeof(f->folder), "%s", m->context.runtime_directory);
    int r = frozen_add_fd(fds, f->control);
    if (r == 0) /* nobody takes it over: it is closed when the new image has its own */
        r = frozen_add_fd(fds, log_descriptor());
    for (size_t i = 0; i < 2 && r == 0; i++) {
        const struct pid_file *p = &m->pid.items[i];

        f->pid_fds[i] = p->fd;
        (void)snprintf(f->pid_paths[i], sizeof(f->pid_paths[i]), "%s",
                       p->path == NULL ? "" : p->path);
        r = frozen_add_fd(fds, p->fd);
    }
    if (r == 0)
        r = upgrade_state_put_facts(to, f);
    free(f);
    size_t count = m->control == NULL ? 0 : control_waiting(m->control, waiters);
    for (size_t i = 0; i < count && r == 0; i++) {
        r = upgrade_state_put_waiter(to, waiters[i]);
        if (r == 0)
            r = frozen_add_fd(fds, waiters[i]);
    }
    return r < 0 ? r : write_handed(m, to, fds);
}

static int freeze(void *cookie, struct state *to, struct frozen_fds *fds, struct error *err)
{
    struct master *m = cookie;
    struct writing w = {.to = to, .fds = fds};

    crew_say_held(m->crew);
    int r = write_master(m, to, fds);

    if (r < 0)
        return error_errno(err, -r, "the state of the master");
    r = write_pools(m, &w, err);
    free(w.confs.items);
    if (r == 0) {
        r = state_finish(to);
        if (r < 0)
            (void)error_errno(err, -r, "the state");
    }
    return r;
}

/* ---- when it may be ---- */

static const char *hold(void *cookie, bool patient)
{
    const struct master *m = cookie;

    if (!m->ready)
        return "ganger is still starting";
    if (m->reload.again) /* known to us alone; it comes within milliseconds */
        return "a reload is to come";
    if (patient && crew_busy(m->crew, NULL))
        return "pools are still changing";
    return NULL;
}

static bool heard(void *cookie)
{
    const struct master *m = cookie;

    return signals_pending(&m->signals);
}

static void failed(void *cookie)
{
    const struct master *m = cookie;

    if (m->control != NULL && !m->stopping)
        control_settled(m->control);
}

int master_upgrade_open(struct master *m, struct error *err)
{
    const struct upgrade_options options = {.argv = m->options->argv, .path = m->path};
    const struct upgrade_desk desk = {
        .cookie = m, .hold = hold, .heard = heard, .freeze = freeze, .failed = failed};

    return upgrade_new(&m->upgrade, m->loop, &options, &desk, err);
}
