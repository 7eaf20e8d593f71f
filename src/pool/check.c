/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is looked at here may change before it is used; the real use reports its own failure.  The
 * check exists so that mistakes are found together and named in the words of the configuration.
 */
#include "pool/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/text.h"
#include "host/append.h"
#include "host/socket.h"
#include "pool/logs.h"
#include "pool/native.h"

struct findings {
    const struct conf_pool *pool;
    const struct pool_context *context;
    struct conf_complaints *out;
    int errors; /* or -ENOMEM */
};

__attribute__((format(printf, 3, 4))) static void find(struct findings *f, bool warning,
                                                       const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    if (f->errors < 0)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    char *line = text_format("%s:%u: pool %s: %s", f->pool->file == NULL ? "" : f->pool->file,
                             f->pool->line, f->pool->name, text);
    struct conf_complaint *items = NULL;
    if (line != NULL)
        items = realloc(f->out->items, (f->out->count + 1) * sizeof(*items));
    if (items == NULL) {
        free(line);
        f->errors = -ENOMEM;
        return;
    }
    f->out->items = items;
    items[f->out->count++] = (struct conf_complaint){.text = line, .warning = warning};
    f->errors += warning ? 0 : 1;
}

/* ---- who ---- */

static int identity_of_own(const struct conf_pool *pool, const struct pool_context *context,
                           struct error *err)
{
    uid_t uid = context->uid;
    gid_t gid = context->gid;
    int r = 0;

    if (pool->user != NULL)
        r = identity_user(pool->user, &uid, err);
    if (r == 0 && pool->group != NULL)
        r = identity_group(pool->group, &gid, err);
    if (r != 0)
        return r == IDENTITY_UNKNOWN ? CHECK_REFUSED : r;
    if (uid != context->uid || gid != context->gid) {
        (void)error_set(err, EPERM,
                        "%s = \"%s\": only root can start workers as somebody else; leave `user' "
                        "and `group' out, or start ganger as root",
                        uid != context->uid ? "user" : "group",
                        uid != context->uid ? pool->user : pool->group);
        return CHECK_REFUSED;
    }
    return CHECK_KEEP;
}

int check_identity(struct identity *ret, const struct conf_pool *pool,
                   const struct pool_context *context, const char **ret_warning, struct error *err)
{
    const char *warning = NULL;
    const char *user = pool->user;

    *ret = (struct identity){0};
    if (!context->root) {
        if (ret_warning != NULL)
            *ret_warning = NULL;
        return identity_of_own(pool, context, err);
    }
    if (user == NULL) {
        user = "nobody";
        /* The status responder needs no identity of its own; for programs it is worth a word. */
        if (pool->kind != CONF_KIND_STATUS)
            warning = "`user' is not set: its programs run as \"nobody\"; set `user' to an account "
                      "of their own";
    }
    int r = identity_resolve(ret, user, pool->group, err);
    if (r != 0)
        return r == IDENTITY_UNKNOWN ? CHECK_REFUSED : r;
    if ((ret->uid == 0 || ret->gid == 0) && !pool->allow_root) {
        (void)error_set(err, EPERM,
                        "%s = \"%s\": programs do not run as root; name another account, or set "
                        "`allow_root = yes' when they must",
                        ret->uid == 0 ? "user" : "group",
                        ret->uid == 0         ? user
                        : pool->group != NULL ? pool->group
                                              : "(the user's own)");
        identity_clear(ret);
        *ret = (struct identity){0};
        return CHECK_REFUSED;
    }
    if (ret_warning != NULL)
        *ret_warning = warning;
    return 0;
}

static void check_who(struct findings *f)
{
    struct identity id;
    struct error err = ERROR_NONE;
    const char *warning = NULL;
    uid_t uid;
    gid_t gid;

    int r = check_identity(&id, f->pool, f->context, &warning, &err);
    if (r == CHECK_REFUSED || r < 0)
        find(f, false, "%s", err.text);
    else if (warning != NULL)
        find(f, true, "%s", warning);
    if (r == 0)
        identity_clear(&id);
    if (f->pool->listen_owner != NULL && identity_user(f->pool->listen_owner, &uid, &err) != 0)
        find(f, false, "listen.owner: %s", err.text);
    if (f->pool->listen_group != NULL && identity_group(f->pool->listen_group, &gid, &err) != 0)
        find(f, false, "listen.group: %s", err.text);
}

/* ---- where ---- */

/* What to do about a path that is not there; other errors speak for themselves. */
static const char *absent(const char *what)
{
    return errno == ENOENT || errno == ENOTDIR ? what : "";
}

/* A socket that only root may connect to is hardly meant: web servers run as somebody else. */
static void check_reach(struct findings *f, const char *path)
{
    const struct conf_pool *p = f->pool;
    uid_t owner = 0;
    gid_t group = 0;

    if (!f->context->root || p->kind == CONF_KIND_STATUS)
        return;
    if ((p->listen_owner != NULL && identity_user(p->listen_owner, &owner, NULL) != 0) ||
        (p->listen_group != NULL && identity_group(p->listen_group, &group, NULL) != 0))
        return; /* a mistake that is reported elsewhere */
    bool reached = (owner != 0 && (p->listen_mode & 0200) != 0) ||
                   (group != 0 && (p->listen_mode & 0020) != 0) || (p->listen_mode & 0002) != 0;
    if (!reached)
        find(f, true,
             "listen = \"%s\": only root can connect to it (mode %04o); set listen.group to the "
             "web server's group, such as \"www-data\"",
             path, (unsigned)p->listen_mode);
}

static void check_parent(struct findings *f, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    struct stat st;

    if (length == 0)
        return; /* "/name" */
    char *parent = strndup(path, length);
    if (parent == NULL) {
        f->errors = -ENOMEM;
        return;
    }
    bool ours =
        f->context->runtime_directory != NULL && strcmp(parent, f->context->runtime_directory) == 0;
    if (!ours && stat(parent, &st) < 0)
        find(f, false, "listen = \"%s\": the folder %s: %s%s", path, parent, strerror(errno),
             absent("; make it, or use one that is there"));
    else if (!ours && !S_ISDIR(st.st_mode))
        find(f, false, "listen = \"%s\": %s is not a folder", path, parent);
    free(parent);
}

static void check_listen(struct findings *f)
{
    int limit = socket_backlog_limit();

    for (size_t i = 0; i < f->pool->listen.count; i++) {
        struct address address;
        struct error err = ERROR_NONE;
        const char *text = f->pool->listen.items[i];

        if (address_parse(&address, text, &err) < 0)
            find(f, false, "listen = \"%s\": %s", text, err.text);
        else if (address.family == ADDRESS_UNIX) {
            check_parent(f, address.text);
            check_reach(f, address.text);
        }
    }
    if (f->pool->listen_backlog > 0 && limit > 0 && f->pool->listen_backlog > limit)
        find(f, true,
             "listen.backlog = %lld is cut to %d by the kernel; raise net.core.somaxconn, or lower "
             "it",
             (long long)f->pool->listen_backlog, limit);
}

int check_duplicates(const struct conf *conf, const struct conf_pool *pool,
                     struct conf_complaints *found)
{
    struct findings f = {.pool = pool, .out = found};

    for (size_t i = 0; i < pool->listen.count; i++) {
        struct address mine, other;

        if (address_parse(&mine, pool->listen.items[i], NULL) < 0)
            continue;
        for (const struct conf_pool *p = conf->pools; p <= pool; p++) {
            size_t count = p == pool ? i : p->listen.count;
            for (size_t k = 0; k < count; k++) {
                if (address_parse(&other, p->listen.items[k], NULL) == 0 &&
                    strcmp(mine.text, other.text) == 0)
                    find(&f, false, "listen = \"%s\": pool %s listens there already", mine.text,
                         p->name);
            }
        }
    }
    return f.errors;
}

/* ---- what ---- */

/* `path` as the pool sees it, outside its chroot; malloc'd. */
static char *outside(struct findings *f, const char *path)
{
    char *full = text_format("%s%s", f->pool->chroot == NULL ? "" : f->pool->chroot, path);

    if (full == NULL)
        f->errors = -ENOMEM;
    return full;
}

static void check_folder(struct findings *f, const char *option, const char *path)
{
    char *full = outside(f, path);
    struct stat st;

    if (full == NULL)
        return;
    if (stat(full, &st) < 0)
        find(f, false, "%s = \"%s\": %s%s", option, full, strerror(errno),
             absent("; make the folder, or correct the path"));
    else if (!S_ISDIR(st.st_mode))
        find(f, false, "%s = \"%s\" is not a folder", option, full);
    free(full);
}

static void check_command(struct findings *f)
{
    struct stat st;

    if (f->pool->command.count == 0)
        return;
    char *full = outside(f, f->pool->command.items[0]);
    if (full == NULL)
        return;
    if (stat(full, &st) < 0)
        find(f, false, "command = {\"%s\"}: %s%s", full, strerror(errno),
             absent("; install the program, or correct the path"));
    else if (!S_ISREG(st.st_mode))
        find(f, false, "command = {\"%s\"} is not a file", full);
    else if ((st.st_mode & 0111) == 0)
        find(f, false, "command = {\"%s\"} is not executable; chmod +x it", full);
    free(full);
}

static void check_native(struct findings *f)
{
    struct error err = ERROR_NONE;
    struct identity id;

    if (f->pool->kind != CONF_KIND_FASTCGI)
        return;
    int r = check_identity(&id, f->pool, f->context, NULL, NULL);
    if (r != 0 && r != CHECK_KEEP)
        return; /* check_who() has said so */
    if (native_opaque(f->pool, f->context, r == 0 ? &id : NULL, &err))
        find(f, true,
             "its workers will be opaque: %s; they are asked to leave by stop_signal at whatever "
             "moment, which may cut a request, and nobody knows whether they are busy%s",
             err.text,
             f->pool->request_terminate_timeout > 0 || f->pool->pm_max_requests > 0
                 ? "; request_terminate_timeout and pm.max_requests have no effect"
                 : "");
    if (r == 0)
        identity_clear(&id);
}

static void check_chroot(struct findings *f)
{
    const char *path = f->pool->chroot;
    struct stat st;

    if (path == NULL)
        return;
    if (!f->context->root) {
        find(f, false, "chroot = \"%s\": only root can change the root folder", path);
        return;
    }
    if (lstat(path, &st) < 0) {
        find(f, false, "chroot = \"%s\": %s", path, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode))
        find(f, false, "chroot = \"%s\" is %s; name the folder itself", path,
             S_ISLNK(st.st_mode) ? "a link" : "not a folder");
    else if (st.st_uid != 0 || (st.st_mode & 022) != 0)
        find(f, false, "chroot = \"%s\" must belong to root and be writable to nobody else", path);
    else {
        char *null = outside(f, "/dev/null");
        if (null != NULL && (stat(null, &st) < 0 || !S_ISCHR(st.st_mode)))
            find(f, false, "chroot = \"%s\" holds no device dev/null; make one with mknod", path);
        free(null);
        /* Where a script really lies is asked of the kernel there. */
        char *proc = outside(f, "/proc/self/fd");
        if (proc != NULL && f->pool->script_root.count > 0 && stat(proc, &st) < 0)
            find(f, false,
                 "chroot = \"%s\" has no proc, without which scripts below script_root are not "
                 "found; mount one (mount -t proc proc %s/proc), or name one program by `command'",
                 path, path);
        free(proc);
    }
}

static void check_limits(struct findings *f)
{
    const struct conf_pool *p = f->pool;

    if (f->context->root)
        return;
    if (p->rlimit_files != CONF_UNSET && p->rlimit_files >= 0 &&
        (rlim_t)p->rlimit_files > f->context->files.rlim_max)
        find(f, false, "rlimit_files = %lld is more than this user may have (%llu)",
             (long long)p->rlimit_files, (unsigned long long)f->context->files.rlim_max);
    if (p->process_priority != CONF_UNSET && p->process_priority < 0)
        find(f, false, "process.priority = %lld: only root can raise a priority",
             (long long)p->process_priority);
}

static void check_logs(struct findings *f)
{
    static const char *const options[HANDOVER_LOGS] = {"access.log", "slowlog"};

    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        const char *path = logs_path(f->pool, (enum handover_log)i);
        struct error err = ERROR_NONE;

        if (path != NULL && append_check(path, &err) < 0)
            find(f, false, "%s: %s", options[i], err.text);
    }
}

int pool_check(const struct conf_pool *pool, const struct pool_context *context,
               struct conf_complaints *found)
{
    struct findings f = {.pool = pool, .context = context, .out = found};

    check_who(&f);
    check_listen(&f);
    check_chroot(&f);
    check_command(&f);
    if (f.errors == 0)
        check_native(&f);
    for (size_t i = 0; i < pool->script_root.count; i++)
        check_folder(&f, "script_root", pool->script_root.items[i]);
    if (pool->chdir != NULL)
        check_folder(&f, "chdir", pool->chdir);
    check_logs(&f);
    check_limits(&f);
    return f.errors;
}
