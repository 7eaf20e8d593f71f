/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: `environment` is complete but for the entry GANGER_SHIM, which differs for each worker
 * and takes the last place (there is none for opaque programs).
 */
#include "pool/native.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "host/elf.h"
#include "host/process.h"
#include "host/reach.h"

enum { NATIVE_BOARD = 3, NATIVE_BELL = 4 };

struct native {
    const struct conf_pool *pool;
    char **environment; /* NULL-terminated, with room for one more; owned */
    size_t count;
    bool opaque;
    int stop;
};

/* ---- can it be entered? ---- */

/* The library's path; NULL with err, also when the pool's user could not load it. */
static char *find_shim(const struct conf_pool *pool, const struct identity *id, struct error *err)
{
    char *path = process_sibling_path(NATIVE_SHIM, err);

    if (path == NULL)
        return NULL;
    if (strpbrk(path, ": $") != NULL) { /* LD_PRELOAD is a list, and knows $LIB and its like */
        (void)error_set(err, EINVAL, "%s has a blank, a colon or a dollar sign in its path", path);
    } else if (reach_readable(path, pool->chroot, id, err) < 0) {
        (void)error_wrap(err, "its user cannot read ganger's library %s", NATIVE_SHIM);
    } else
        return path;
    free(path);
    return NULL;
}

static const char *env_value(const struct conf_pool *pool, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < pool->env.count; i++) {
        if (strncmp(pool->env.items[i], name, length) == 0 && pool->env.items[i][length] == '=')
            return pool->env.items[i] + length + 1;
    }
    return NULL;
}

bool native_opaque(const struct conf_pool *pool, const struct pool_context *context,
                   const struct identity *id, struct error *err)
{
    struct elf_answer answer;
    struct elf_question question = {
        .path = pool->command.count > 0 ? pool->command.items[0] : "/",
        .root = pool->chroot,
        .search = env_value(pool, "PATH"),
        .uid = id == NULL ? context->uid : id->uid,
        .gid = id == NULL ? context->gid : id->gid,
        .no_new_privileges = pool->no_new_privileges,
    };

    /* When the file does not tell, the running program will: see pool/gang_native.c. */
    if (elf_inspect(&question, &answer, err) == 0 && answer.verdict != ELF_ENTERABLE) {
        (void)error_set(err, ENOEXEC, "%s %s", answer.program, elf_verdict_text(answer.verdict));
        return true;
    }
    char *shim = find_shim(pool, id, err);
    free(shim);
    return shim == NULL;
}

/* ---- the environment ---- */

/* Never handed on: what concerns the master alone, and what is said here anew. */
static bool is_private(const char *entry)
{
    static const char *const names[] = {"GANGER_SHIM",
                                        "GANGER_SHIM_INHERIT",
                                        "FCGI_WEB_SERVER_ADDRS",
                                        "NOTIFY_SOCKET",
                                        "LISTEN_FDS",
                                        "LISTEN_PID",
                                        "LISTEN_FDNAMES",
                                        "LISTEN_PIDFDID",
                                        "WATCHDOG_USEC",
                                        "WATCHDOG_PID",
                                        "MAINPID",
                                        "FDSTORE",
                                        "SYSTEMD_EXEC_PID"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(entry, names[i], length) == 0 && entry[length] == '=')
            return true;
    }
    return false;
}

/* Add an entry, in place of one of the same name; it is taken over, also on failure. */
static int set(struct native *n, char *entry)
{
    if (entry == NULL)
        return -ENOMEM;
    const char *equals = strchr(entry, '=');
    size_t length = equals == NULL ? 0 : (size_t)(equals - entry) + 1;

    for (size_t i = 0; i < n->count && length > 0; i++) {
        if (strncmp(n->environment[i], entry, length) == 0) {
            free(n->environment[i]);
            n->environment[i] = entry;
            return 0;
        }
    }
    char **more = reallocarray(n->environment, n->count + 3, sizeof(*more));
    if (more == NULL || length == 0) {
        n->environment = more == NULL ? n->environment : more;
        free(entry);
        return length == 0 && more != NULL ? 0 : -ENOMEM;
    }
    n->environment = more;
    more[n->count++] = entry;
    more[n->count] = NULL;
    return 0;
}

/* "a,b" of listen.allowed_clients, single addresses as conf saw to. */
static char *client_list(const struct conf_list *clients)
{
    char *list = text_format("FCGI_WEB_SERVER_ADDRS=");

    for (size_t i = 0; i < clients->count && list != NULL; i++) {
        const char *text = clients->items[i];
        char *longer =
            text_format("%s%s%.*s", list, i == 0 ? "" : ",", (int)strcspn(text, "/"), text);
        free(list);
        list = longer;
    }
    return list;
}

static int fill_environment(struct native *n, const struct pool_context *context, const char *shim)
{
    extern char **environ;
    const struct conf_pool *pool = n->pool;
    int r = 0;

    for (char *const *e = pool->clear_env ? context->environment : environ; *e != NULL && r == 0;
         e++) {
        if (!is_private(*e))
            r = set(n, strdup(*e));
    }
    for (size_t i = 0; i < pool->env.count && r == 0; i++)
        r = set(n, strdup(pool->env.items[i]));
    if (r == 0 && pool->listen_allowed_clients.count > 0)
        r = set(n, client_list(&pool->listen_allowed_clients));
    if (r < 0 || shim == NULL)
        return r;
    const char *configured = NULL;
    for (size_t i = 0; i < n->count; i++) {
        if (strncmp(n->environment[i], "LD_PRELOAD=", 11) == 0 && n->environment[i][11] != '\0')
            configured = n->environment[i] + 11;
    }
    return set(n, text_format("LD_PRELOAD=%s%s%s", shim, configured == NULL ? "" : ":",
                              configured == NULL ? "" : configured));
}

/* ---- making ---- */

int native_make(struct native **ret, const struct conf_pool *pool,
                const struct pool_context *context, const struct identity *id, struct error *err)
{
    struct native *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return error_errno(err, ENOMEM, "pool");
    n->pool = pool;
    n->stop = conf_signal(pool->stop_signal);
    n->opaque = native_opaque(pool, context, id, NULL);
    char *shim = n->opaque ? NULL : find_shim(pool, id, NULL);
    n->opaque = shim == NULL;
    int r = fill_environment(n, context, shim);
    free(shim);
    if (r < 0) {
        (void)native_free(n);
        return error_errno(err, -r, "the environment of the program");
    }
    *ret = n;
    return 0;
}

void native_renew(struct native *n, const struct conf_pool *pool)
{
    n->pool = pool;
}

struct native *native_free(struct native *n)
{
    if (n == NULL)
        return NULL;
    for (size_t i = 0; i < n->count; i++)
        free(n->environment[i]);
    free(n->environment);
    free(n);
    return NULL;
}

bool native_is_opaque(const struct native *n)
{
    return n->opaque;
}

int native_stop_signal(const struct native *n)
{
    return n->stop;
}

int native_drain_signal(void)
{
    return SIGRTMIN + 7;
}

/* ---- starting ---- */

/* The doorbell opened anew: an open file description of the worker's own, see native.h. */
static int open_bell(int bell)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", bell);
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

int native_spawn(const struct native *n, struct spawn_plan *spawn, const struct ports *ports,
                 const struct native_fds *fds, uint32_t slot, uint32_t slots, uint32_t generation,
                 struct spawned *ret, struct error *err)
{
    char shim[160];
    __attribute__((cleanup(descriptor_cleanup))) int bell = -1;

    if (ports->count == 0)
        return error_set(err, EINVAL, "a native program needs a listening socket");
    struct spawn_fd list[5] = {
        {.from = ports->items[0].fd, .to = 0},
        {.from = fds->output, .to = 1},
        {.from = fds->output, .to = 2},
    };
    size_t count = 3;
    char **environment = calloc(n->count + 2, sizeof(*environment));
    if (environment == NULL)
        return error_errno(err, ENOMEM, "start a worker");
    if (n->count > 0)
        memcpy(environment, n->environment, n->count * sizeof(*environment));
    if (!n->opaque) {
        bell = open_bell(fds->bell);
        list[count++] = (struct spawn_fd){.from = fds->board, .to = NATIVE_BOARD};
        list[count++] = (struct spawn_fd){.from = bell < 0 ? fds->bell : bell, .to = NATIVE_BELL};
        (void)snprintf(shim, sizeof shim,
                       "GANGER_SHIM=board=%d,slot=%u,slots=%u,gen=%u,bell=%d,stop=%d,drain=%d,"
                       "master=%d",
                       NATIVE_BOARD, slot, slots, generation, NATIVE_BELL, n->stop,
                       native_drain_signal(), (int)getpid());
        environment[n->count] = shim;
    }
    spawn->exec_fd = -1;
    spawn->path = n->pool->command.items[0];
    spawn->argv = n->pool->command.items;
    spawn->envp = environment;
    spawn->fds = list;
    spawn->fd_count = count;
    spawn->traceable = n->pool->slowlog_command.count > 0;
    spawn->death_signal = n->opaque ? n->stop : native_drain_signal();
    int r = spawn_fork(spawn, ret, err);
    free(environment);
    return r;
}
