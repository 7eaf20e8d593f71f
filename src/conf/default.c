/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Defaults that are no constants.  They come before expansion and checks, so that what nobody
 * wrote is held to the same rules as what somebody did.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/text.h"
#include "conf/draft.h"
#include "conf/value.h"

static int default_runtime_directory(struct draft *d)
{
    struct conf_global *g = &d->global;
    if (g->runtime_directory != NULL)
        return 0;
    if (geteuid() == 0)
        return value_set_text(&g->runtime_directory, "/run/ganger");
    const char *user = getenv("XDG_RUNTIME_DIR");
    if (user != NULL && user[0] == '/') {
        g->runtime_directory = text_format("%s/ganger", user);
        return g->runtime_directory == NULL ? -ENOMEM : 0;
    }
    /* No name under /tmp: whoever knows it can be there first. */
    struct place whole = draft_place(d, NULL, "runtime_directory", 0);
    if (whole.file_name == NULL || whole.file_name[0] == '\0')
        return 0; /* nothing could be read, which is mistake enough */
    if (!d->sources[schema_index(schema_find(SCHEMA_GLOBAL, "runtime_directory"))].line)
        complaint_error(d->box, &whole,
                        "runtime_directory is not set, and an ordinary user's "
                        "XDG_RUNTIME_DIR is not there to take its place; set it "
                        "to a folder of yours");
    return 0;
}

/* Nothing is derived from a folder that is refused anyway. */
static bool is_usable(const char *folder)
{
    return folder != NULL && folder[0] == '/';
}

static int default_pid(struct draft *d)
{
    struct conf_global *g = &d->global;
    if (g->pid != NULL || !is_usable(g->runtime_directory))
        return 0;
    g->pid = text_format("%s/ganger.pid", g->runtime_directory);
    return g->pid == NULL ? -ENOMEM : 0;
}

static bool has_pool(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->pool_count; i++) {
        if (strcmp(d->pools[i]->pool.name, name) == 0)
            return true;
    }
    return false;
}

static int add_status_pool(struct draft *d)
{
    if (d->pool_count == 0 && d->box->errors == 0) {
        struct place whole = {.file_name =
                                  d->files->names.count > 0 ? d->files->names.items[0] : ""};
        complaint_warning(d->box, &whole, "no pool is configured; only the status pool runs");
    }
    for (size_t i = 0; i < d->pool_count; i++) {
        if (d->pools[i]->pool.kind == CONF_KIND_STATUS)
            return 0;
    }
    struct draft_pool *p = draft_add_pool(d, has_pool(d, "status") ? "ganger-status" : "status");
    if (p == NULL)
        return -ENOMEM;
    p->added = true;
    p->pool.kind = CONF_KIND_STATUS;
    p->pool.file = strdup(d->files->names.count > 0 ? d->files->names.items[0] : "");
    return p->pool.file == NULL ? -ENOMEM : 0;
}

/* What a status pool need not say. */
static int default_status(struct draft *d, struct draft_pool *p)
{
    if (p->pool.kind != CONF_KIND_STATUS)
        return 0;
    if (p->pool.pm_max_children == 0 && !draft_is_written(p, "pm.max_children"))
        p->pool.pm_max_children = 1;
    if (p->pool.listen.count > 0 || draft_is_written(p, "listen") ||
        !is_usable(d->global.runtime_directory))
        return 0;
    char *path = text_format("%s/status.sock", d->global.runtime_directory);
    if (path == NULL)
        return -ENOMEM;
    int r = conf_list_add(&p->pool.listen, path);
    free(path);
    return r;
}

/* The spares are shares of max_children, a tenth and a quarter; the start is half way between them,
 * as in PHP-FPM.  What was written is not touched, however wrong it is. */
static void default_dynamic(struct draft_pool *p)
{
    struct conf_pool *c = &p->pool;
    const int64_t children = c->pm_max_children;
    int64_t least = children < 10 ? 1 : children / 10, most = children < 4 ? 1 : children / 4;

    if (c->pm != CONF_PM_DYNAMIC || children == 0)
        return;
    if (!draft_is_written(p, "pm.min_spare_servers")) {
        bool low = c->pm_max_spare_servers > 0 && c->pm_max_spare_servers < least;
        c->pm_min_spare_servers = low ? c->pm_max_spare_servers : least;
    }
    if (!draft_is_written(p, "pm.max_spare_servers"))
        c->pm_max_spare_servers = c->pm_min_spare_servers > most ? c->pm_min_spare_servers : most;
    if (!draft_is_written(p, "pm.start_servers") && c->pm_min_spare_servers > 0 &&
        c->pm_max_spare_servers >= c->pm_min_spare_servers)
        c->pm_start_servers =
            c->pm_min_spare_servers + (c->pm_max_spare_servers - c->pm_min_spare_servers) / 2;
}

/* As PHP-FPM does: while nobody runs, all that come at once have to wait there. */
#define BACKLOG 511

static void raise_backlog(struct draft *d, struct draft_pool *p)
{
    struct conf_pool *c = &p->pool;
    if (c->pm != CONF_PM_ONDEMAND || c->listen_backlog < 0 || c->listen_backlog >= BACKLOG)
        return;
    struct place where = draft_place(d, p, "listen.backlog", 0);
    complaint_warning(d->box, &where,
                      "listen.backlog: %" PRId64 " is too low for pm = ondemand; it is %d now",
                      c->listen_backlog, BACKLOG);
    c->listen_backlog = BACKLOG;
}

int conf_default(struct draft *d)
{
    int r = default_runtime_directory(d);
    if (r == 0)
        r = default_pid(d);
    if (r == 0)
        r = add_status_pool(d);
    for (size_t i = 0; r == 0 && i < d->pool_count; i++) {
        r = default_status(d, d->pools[i]);
        default_dynamic(d->pools[i]);
        raise_backlog(d, d->pools[i]);
    }
    return r;
}
