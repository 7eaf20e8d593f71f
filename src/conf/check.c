/* SPDX-License-Identifier: Apache-2.0 */

/* What options must satisfy beyond their own type: alone, together, and between pools. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/access_format.h"
#include "base/text.h"
#include "conf/draft.h"
#include "conf/endpoint.h"
#include "conf/native.h"

/* ---- global --------------------------------------------------------------------------------- */

static void check_absolute(struct draft *d, const char *name, const char *text)
{
    struct place where = draft_place(d, NULL, name, 0);
    if (text != NULL && text[0] != '/')
        complaint_error(d->box, &where, "%s: %s is not an absolute path", name, text);
}

static void check_global(struct draft *d)
{
    const struct conf_global *g = &d->global;
    check_absolute(d, "runtime_directory", g->runtime_directory);
    check_absolute(d, "pid", g->pid);
    if (strcmp(g->error_log, "stderr") != 0 && strcmp(g->error_log, "syslog") != 0 &&
        strcmp(g->error_log, "journal") != 0 && strncmp(g->error_log, "journal:/", 9) != 0 &&
        g->error_log[0] != '/') {
        struct place where = draft_place(d, NULL, "error_log", 0);
        complaint_error(d->box, &where,
                        "error_log: %s is not allowed; allowed: stderr, syslog, journal, "
                        "journal:/SOCKET or an absolute path",
                        g->error_log);
    }
}

/* ---- one pool ------------------------------------------------------------------------------- */

static void check_kind(struct draft *d, const struct draft_pool *p)
{
    static const char *const kinds[] = {
        [CONF_KIND_CGI] = "cgi", [CONF_KIND_FASTCGI] = "fastcgi", [CONF_KIND_STATUS] = "status"};
    unsigned foreign = schema_foreign(p->pool.kind);
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope != SCHEMA_POOL || (o->flags & foreign) == 0 || p->sources[i].line == 0)
            continue;
        struct place where = draft_place(d, p, o->name, 0);
        complaint_error(d->box, &where, "%s means nothing for kind = %s; it is for kind = %s%s%s",
                        o->name, kinds[p->pool.kind],
                        (o->flags & SCHEMA_PROGRAMS) != 0  ? "cgi and fastcgi"
                        : (o->flags & SCHEMA_SCRIPTS) != 0 ? "cgi"
                        : (o->flags & SCHEMA_NATIVE) != 0  ? "fastcgi"
                                                           : "cgi and status",
                        o->elsewhere == NULL ? "" : "; ", o->elsewhere == NULL ? "" : o->elsewhere);
    }
}

static void check_programs(struct draft *d, const struct draft_pool *p)
{
    struct place where;
    if (p->pool.kind == CONF_KIND_FASTCGI)
        native_check(d, p);
    if (p->pool.kind != CONF_KIND_CGI)
        return;
    if (p->pool.command.count > 0 && p->pool.script_root.count > 0) {
        where = draft_place(d, p, "script_root", 0);
        complaint_error(d->box, &where,
                        "script_root and command contradict each other: command "
                        "runs one program for every request, script_root the one "
                        "that the request names; leave one out");
    } else if (p->pool.command.count == 0 && p->pool.script_root.count == 0 &&
               d->box->errors == 0) {
        where = draft_place(d, p, "kind", 0);
        complaint_warning(d->box, &where,
                          "neither command nor script_root is set: every request "
                          "will be refused");
    }
    if (!p->pool.clear_env) {
        where = draft_place(d, p, "clear_env", 0);
        complaint_error(d->box, &where,
                        "clear_env: no is not allowed for kind = cgi: a CGI program's "
                        "environment is always built from nothing; name in env "
                        "what it needs");
    }
    if (p->pool.security_limit_extensions.count > 0 && p->pool.command.count > 0 &&
        draft_is_written(p, "security.limit_extensions")) {
        where = draft_place(d, p, "security.limit_extensions", 0);
        complaint_error(d->box, &where,
                        "security.limit_extensions and command contradict each "
                        "other: extensions limit the scripts of script_root");
    }
    for (size_t i = 0; i < p->pool.security_limit_extensions.count; i++) {
        const char *text = p->pool.security_limit_extensions.items[i];
        where = draft_place(d, p, "security.limit_extensions", i);
        if (text[0] != '.' || text[1] == '\0' || strchr(text, '/') != NULL)
            complaint_error(d->box, &where,
                            "security.limit_extensions: \"%s\" is no extension "
                            "such as .cgi",
                            text);
    }
}

static size_t name_length(const char *item)
{
    size_t length = strspn(item, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789_");
    return item[length] == '=' && !(item[0] >= '0' && item[0] <= '9') ? length : 0;
}

static void check_env(struct draft *d, const struct draft_pool *p)
{
    const struct conf_list *env = &p->pool.env;
    for (size_t i = 0; i < env->count; i++) {
        struct place where = draft_place(d, p, "env", i);
        size_t length = name_length(env->items[i]);
        if (length == 0) {
            complaint_error(d->box, &where,
                            "env: \"%s\" is not NAME=VALUE with a name of letters, "
                            "digits and _",
                            env->items[i]);
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            if (strncmp(env->items[i], env->items[j], length + 1) == 0) {
                complaint_error(d->box, &where, "env: %.*s is set twice", (int)length,
                                env->items[i]);
                break;
            }
        }
    }
}

static void check_access(struct draft *d, const struct draft_pool *p)
{
    const struct conf_list *paths = &p->pool.access_suppress_path;
    struct access_format format;
    struct error err = ERROR_NONE;
    struct place where = draft_place(d, p, "access.format", 0);

    if (p->pool.access_format != NULL) {
        if (access_format_parse(&format, p->pool.access_format, &err) < 0)
            complaint_error(d->box, &where, "access.format: %s", err.text);
        else
            access_format_clear(&format);
    }
    for (size_t i = 0; i < paths->count; i++) {
        where = draft_place(d, p, "access.suppress_path", i);
        if (paths->items[i][0] != '/')
            complaint_error(d->box, &where,
                            "access.suppress_path: \"%s\" does not begin with /, as every path "
                            "of a request does",
                            paths->items[i]);
    }
}

static void check_own_path(struct draft *d, const struct draft_pool *p, const char *name,
                           const char *path)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.~";
    struct place where = draft_place(d, p, name, 0);

    if (path == NULL)
        return;
    if (path[0] != '/' || path[1] == '\0')
        complaint_error(d->box, &where, "%s: \"%s\" is no path of a page such as /status", name,
                        path);
    else if (path[strspn(path, letters)] != '\0')
        complaint_error(d->box, &where,
                        "%s: \"%s\" is not allowed; a path has letters, digits, and / - _ . ~",
                        name, path);
}

static void check_own_paths(struct draft *d, const struct draft_pool *p)
{
    struct place where = draft_place(d, p, "ping.path", 0);

    check_own_path(d, p, "pm.status_path", p->pool.pm_status_path);
    check_own_path(d, p, "ping.path", p->pool.ping_path);
    if (p->pool.pm_status_path != NULL && p->pool.ping_path != NULL &&
        strcmp(p->pool.pm_status_path, p->pool.ping_path) == 0)
        complaint_error(d->box, &where, "ping.path: %s is pm.status_path, too", p->pool.ping_path);
}

static void check_needed(struct draft *d, const struct draft_pool *p)
{
    struct place where = draft_place(d, p, "kind", 0);
    where.file = p->file;
    where.line = p->pool.line;
    if (p->lost || complaint_is_lost(d->box, p->file, p->pool.line, p->end))
        return;
    if (p->pool.listen.count == 0 && !p->added)
        complaint_error(d->box, &where,
                        "listen is missing; give it an address, such as "
                        "/run/ganger/%s.sock",
                        p->pool.name);
    if (p->pool.pm_max_children == 0 && !draft_is_written(p, "pm.max_children"))
        complaint_error(d->box, &where,
                        "pm.max_children is missing; it is the number of requests "
                        "served at once");
}

/* ---- addresses ------------------------------------------------------------------------------ */

struct seen { /* an address, and who has it */
    char canonical[256];
    const struct draft_pool *pool;
    size_t item;
    size_t order;
};

static int check_listen(struct draft *d, const struct draft_pool *p, struct seen **seen,
                        size_t *count)
{
    bool tcp = false;
    const struct conf_list *listen = &p->pool.listen;
    for (size_t i = 0; i < listen->count; i++) {
        struct error err = ERROR_NONE;
        struct endpoint endpoint;
        struct place where = draft_place(d, p, "listen", i);
        if (endpoint_parse(&endpoint, listen->items[i], &err) != 0) {
            complaint_error(d->box, &where, "listen: %s", err.text);
            continue;
        }
        tcp = tcp || endpoint.family == ENDPOINT_TCP || endpoint.family == ENDPOINT_SYSTEMD;
        if (endpoint.family == ENDPOINT_TCP && !endpoint.loopback &&
            p->pool.listen_allowed_clients.count == 0)
            complaint_error(d->box, &where,
                            "listen: %s can be reached from other machines, and "
                            "whoever reaches it runs programs; name the web "
                            "servers in listen.allowed_clients, or listen on "
                            "127.0.0.1",
                            listen->items[i]);
        struct seen *more = reallocarray(*seen, *count + 1, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        *seen = more;
        more[*count] = (struct seen){.pool = p, .item = i, .order = *count};
        memcpy(more[*count].canonical, endpoint.canonical, sizeof endpoint.canonical);
        (*count)++;
    }
    for (size_t i = 0; i < p->pool.listen_allowed_clients.count; i++) {
        struct error err = ERROR_NONE;
        struct place where = draft_place(d, p, "listen.allowed_clients", i);
        if (endpoint_check_client(p->pool.listen_allowed_clients.items[i], &err) != 0)
            complaint_error(d->box, &where, "listen.allowed_clients: %s", err.text);
    }
    if (p->pool.listen_allowed_clients.count > 0 && !tcp && listen->count > 0) {
        struct place where = draft_place(d, p, "listen.allowed_clients", 0);
        complaint_warning(d->box, &where,
                          "listen.allowed_clients has no effect: no address of "
                          "this pool is a TCP address");
    }
    return 0;
}

static int by_address(const void *left, const void *right)
{
    const struct seen *a = left, *b = right;
    int r = strcmp(a->canonical, b->canonical);
    return r != 0 ? r : a->order < b->order ? -1 : 1;
}

static void check_twice(struct draft *d, struct seen *seen, size_t count)
{
    if (count > 0)
        qsort(seen, count, sizeof *seen, by_address);
    for (size_t i = 1; i < count; i++) {
        const struct seen *a = &seen[i - 1], *b = &seen[i];
        if (strcmp(a->canonical, b->canonical) != 0)
            continue;
        struct place first = draft_place(d, a->pool, "listen", a->item);
        struct place second = draft_place(d, b->pool, "listen", b->item);
        if (b->pool->added) {
            complaint_error(d->box, &first,
                            "listen: %s is the address of ganger's own status "
                            "pool; take another, or write a pool of kind = status "
                            "that listens elsewhere",
                            b->canonical);
        } else if (a->pool == b->pool) {
            complaint_error(d->box, &second, "listen: %s is named twice", b->canonical);
        } else {
            complaint_error(d->box, &second, "listen: %s is also the address of pool %s at %s:%u",
                            b->canonical, a->pool->pool.name, first.file_name, first.line);
        }
    }
}

int conf_check(struct draft *d)
{
    struct seen *seen = NULL;
    size_t count = 0;
    int r = 0;
    check_global(d);
    conf_check_sizing_global(d);
    for (size_t i = 0; r == 0 && i < d->pool_count; i++) {
        struct draft_pool *p = d->pools[i];
        check_kind(d, p);
        check_programs(d, p);
        check_env(d, p);
        check_access(d, p);
        check_own_paths(d, p);
        check_needed(d, p);
        conf_check_sizing(d, p);
        conf_check_slow(d, p);
        r = check_listen(d, p, &seen, &count);
    }
    if (r == 0)
        check_twice(d, seen, count);
    free(seen);
    return r;
}
