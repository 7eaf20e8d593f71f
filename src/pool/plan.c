/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/descriptor.h"
#include "host/handover.h"
#include "pool/check.h"

/* ---- what the worker is told ---- */

static int add_list(struct settings *s, const char *name, const struct conf_list *list)
{
    int r = 0;

    for (size_t i = 0; i < list->count && r == 0; i++)
        r = settings_add(s, name, list->items[i]);
    return r;
}

static const char *kind_name(enum conf_kind kind)
{
    switch (kind) {
    case CONF_KIND_CGI:
        return "cgi";
    case CONF_KIND_FASTCGI:
        return "fastcgi";
    case CONF_KIND_STATUS:
        return "status";
    }
    return "cgi";
}

static int add_numbers(struct settings *s, const struct conf_pool *p,
                       const struct pool_context *context)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"max_children", p->pm_max_children},
        {"keepalive_timeout", p->keepalive_timeout},
        {"keepalive_connections", p->keepalive_connections},
        {"request_terminate_timeout", p->request_terminate_timeout},
        {"slowlog.timeout", p->slowlog_timeout},
        {"request_slowlog_timeout", p->request_slowlog_timeout},
        {"request_slowlog_trace_depth", p->request_slowlog_trace_depth},
        {"request_body_timeout", p->request_body_timeout},
        {"request_params_timeout", p->request_params_timeout},
        {"request_params_limit", p->request_params_limit},
        {"response_header_limit", p->response_header_limit},
        {"response_holdback_timeout", p->response_holdback_timeout},
        {"process_control_timeout", context->process_control_timeout},
        {"catch_workers_output", p->catch_workers_output},
        {"decorate_workers_output", p->decorate_workers_output},
        {"process_dumpable", p->process_dumpable},
        {"log_level", context->log_level},
        {"log_limit", log_get_limit()},
        {"access.log", logs_path(p, HANDOVER_LOG_ACCESS) != NULL},
        {"slowlog", logs_path(p, HANDOVER_LOG_SLOW) != NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int r = settings_add_number(s, rows[i].name, rows[i].value);
        if (r < 0)
            return r;
    }
    /* "-1" is unlimited and unset is absent: no number says either. */
    if (p->rlimit_core == CONF_UNSET)
        return 0;
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)p->rlimit_core);
    return settings_add(s, "rlimit_core", text);
}

static int add_settings(struct settings *s, const struct conf_pool *p,
                        const struct pool_context *context, const struct ports *ports)
{
    int r = settings_add(s, "pool", p->name);

    if (r == 0)
        r = settings_add(s, "kind", kind_name(p->kind));
    for (size_t i = 0; i < ports->count && r == 0; i++)
        r = settings_add(s, "listen", ports->items[i].address.text);
    if (r == 0)
        r = add_list(s, "command", &p->command);
    if (r == 0)
        r = add_list(s, "script_root", &p->script_root);
    if (r == 0)
        r = add_list(s, "env", &p->env);
    if (r == 0)
        r = add_list(s, "slowlog.command", &p->slowlog_command);
    if (r == 0 && p->chdir != NULL)
        r = settings_add(s, "chdir", p->chdir);
    if (r == 0)
        r = add_list(s, "allowed_client", &p->listen_allowed_clients);
    if (r == 0)
        r = add_list(s, "limit_extensions", &p->security_limit_extensions);
    if (r == 0 && p->pm_status_path != NULL)
        r = settings_add(s, "pm.status_path", p->pm_status_path);
    if (r == 0 && p->ping_path != NULL)
        r = settings_add(s, "ping.path", p->ping_path);
    if (r == 0)
        r = settings_add(s, "ping.response", p->ping_response);
    if (r == 0 && p->access_format != NULL)
        r = settings_add(s, "access.format", p->access_format);
    if (r == 0)
        r = add_list(s, "access.suppress_path", &p->access_suppress_path);
    return r == 0 ? add_numbers(s, p, context) : r;
}

/* ---- what the kernel is asked ---- */

static void set_limits(struct plan *plan)
{
    const struct conf_pool *p = plan->pool;
    struct rlimit files = plan->context->files;

    if (p->rlimit_files != CONF_UNSET && p->rlimit_files >= 0)
        files.rlim_cur = files.rlim_max = (rlim_t)p->rlimit_files;
    /* Named even when unset: the master raised its own limit, and its workers must not inherit it. */
    plan->limits[plan->limit_count++] =
        (struct spawn_limit){.resource = RLIMIT_NOFILE, .value = files};

    /* A core of a worker holds what its clients sent: none unless it was asked for. */
    if (p->rlimit_core == CONF_UNSET && p->process_dumpable)
        return;
    rlim_t core = p->rlimit_core == CONF_UNSET ? 0
                  : p->rlimit_core < 0         ? RLIM_INFINITY
                                               : (rlim_t)p->rlimit_core;
    plan->limits[plan->limit_count++] = (struct spawn_limit){
        .resource = RLIMIT_CORE, .value = {.rlim_cur = core, .rlim_max = core}};
}

static int make(struct plan *ret, const struct conf_pool *pool, const struct pool_context *context,
                const struct ports *ports, struct error *err)
{
    int r = check_identity(&ret->identity, pool, context, NULL, err);
    if (r == CHECK_REFUSED)
        return -EPERM;
    if (r < 0)
        return r;
    ret->has_identity = r == 0;
    set_limits(ret);
    if (pool->kind == CONF_KIND_FASTCGI)
        return native_make(&ret->native, pool, context, ret->has_identity ? &ret->identity : NULL,
                           err);
    r = add_settings(&ret->settings, pool, context, ports);
    if (r < 0)
        return error_errno(err, -r, "the pool's settings do not fit into %u bytes", SETTINGS_MAX);
    return 0;
}

int plan_make(struct plan *ret, const struct conf_pool *pool, const struct pool_context *context,
              const struct ports *ports, struct error *err)
{
    *ret = (struct plan){.pool = pool, .context = context};
    settings_init(&ret->settings);
    int r = make(ret, pool, context, ports, err);
    ret->whole = r == 0;
    return r;
}

void plan_clear(struct plan *p)
{
    settings_clear(&p->settings);
    p->native = native_free(p->native);
    if (p->has_identity)
        identity_clear(&p->identity);
    p->has_identity = false;
}

static bool same_block(const struct settings *a, const struct settings *b)
{
    size_t length = bytes_held(&a->block);

    return length == bytes_held(&b->block) &&
           (length == 0 || memcmp(bytes_front(&a->block), bytes_front(&b->block), length) == 0);
}

int plan_renew(struct plan *p, const struct conf_pool *pool, const struct ports *ports,
               struct error *err)
{
    struct settings settings;
    int r;

    if (p->native != NULL) {
        native_renew(p->native, pool);
        p->pool = pool;
        return 0;
    }
    settings_init(&settings);
    r = add_settings(&settings, pool, p->context, ports);
    if (r < 0) {
        settings_clear(&settings);
        return error_errno(err, -r, "the pool's settings do not fit into %u bytes", SETTINGS_MAX);
    }
    r = !same_block(&settings, &p->settings);
    settings_clear(&p->settings);
    p->settings = settings;
    p->pool = pool;
    return r;
}

int plan_seal(const struct plan *p, struct error *err)
{
    const struct bytes *block = &p->settings.block;

    return handover_seal(bytes_front(block), bytes_held(block), "ganger-settings", err);
}

void plan_fill(const struct plan *p, struct spawn_plan *spawn)
{
    spawn->exec_fd = p->context->worker_fd;
    spawn->path = p->context->worker_path;
    spawn->envp = p->context->environment;
    spawn->limits = p->limits;
    spawn->limit_count = p->limit_count;
    spawn->identity = p->has_identity ? &p->identity : NULL;
    spawn->chroot = p->pool->chroot;
    spawn->chroot_later = p->pool->chroot != NULL;
    if (!spawn->chroot_later) /* else the worker knows from its settings where its programs start */
        spawn->chdir = p->pool->chdir == NULL ? "/" : p->pool->chdir;
    spawn->new_session = true;
    spawn->no_new_privs = p->pool->no_new_privileges;
    spawn->undumpable = !p->pool->process_dumpable;
    spawn->drop_capabilities = true;
    spawn->set_priority = p->pool->process_priority != CONF_UNSET;
    spawn->priority = spawn->set_priority ? (int)p->pool->process_priority : 0;
    spawn->umask = 022;
    spawn->oom_score_adjust = p->context->oom_score_adjust;
}

/* The descriptors of host/handover.h, in its order. */
static int list_fds(const struct plan *p, const struct plan_fds *fds, const struct ports *ports,
                    int null, int settings, struct spawn_fd **ret, size_t *ret_count)
{
    const struct spawn_fd fixed[] = {
        {.from = null, .to = 0},
        {.from = null, .to = 1},
        {.from = fds->output, .to = 2},
        {.from = settings, .to = HANDOVER_SETTINGS},
        {.from = fds->board, .to = HANDOVER_BOARD},
        {.from = fds->bell, .to = HANDOVER_BELL},
        {.from = fds->channel, .to = HANDOVER_CHANNEL},
    };
    const size_t fixed_count = sizeof(fixed) / sizeof(fixed[0]);
    size_t count = fixed_count;
    struct spawn_fd *list = calloc(count + ports->count + HANDOVER_LOGS, sizeof(*list));

    if (list == NULL)
        return -ENOMEM;
    memcpy(list, fixed, sizeof(fixed));
    for (size_t i = 0; i < ports->count; i++)
        list[count + i] =
            (struct spawn_fd){.from = ports->items[i].fd, .to = HANDOVER_LISTEN + (int)i};
    count += ports->count;
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        int fd = p->logs == NULL ? -1 : logs_fd(p->logs, (enum handover_log)i);

        if (logs_path(p->pool, (enum handover_log)i) == NULL)
            continue;
        /* One that could not be opened is sent when it can be. */
        list[count] = (struct spawn_fd){.from = fd < 0 ? null : fd,
                                        .to = HANDOVER_LISTEN + (int)(count - fixed_count)};
        count++;
    }
    *ret = list;
    *ret_count = count;
    return 0;
}

int plan_usable(const struct plan *p, struct error *err)
{
    return p->whole ? 0
                    : error_set(err, EPERM,
                                "who its processes run as, or what they run, could not be found");
}

int plan_spawn(const struct plan *p, const struct ports *ports, const struct plan_fds *fds,
               uint32_t slot, uint32_t generation, struct spawned *ret, struct error *err)
{
    struct spawn_plan spawn = SPAWN_PLAN_INIT;
    struct spawn_fd *list = NULL;
    char slot_text[16], generation_text[16];
    const struct native_fds native = {
        .output = fds->output, .board = fds->board, .bell = fds->bell};
    int r = plan_usable(p, err);

    if (r < 0)
        return r;
    if (p->native != NULL) {
        plan_fill(p, &spawn);
        return native_spawn(p->native, &spawn, ports, &native, slot, p->slots, generation, ret,
                            err);
    }
    char program[] = "ganger-worker";
    char enter[] = "chroot";
    char *argv[] = {
        program, p->pool->name, slot_text, generation_text, p->pool->chroot == NULL ? NULL : enter,
        NULL};

    (void)snprintf(slot_text, sizeof(slot_text), "%u", slot);
    (void)snprintf(generation_text, sizeof(generation_text), "%u", generation);

    /* Both made anew for each worker: an open file description that workers share is one through
     * which they reach each other (offset, O_NONBLOCK, SIGIO's owner). */
    __attribute__((cleanup(descriptor_cleanup))) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return error_errno(err, errno, "/dev/null");
    __attribute__((cleanup(descriptor_cleanup))) int settings = plan_seal(p, err);
    if (settings < 0)
        return settings;

    plan_fill(p, &spawn);
    spawn.argv = argv;
    r = list_fds(p, fds, ports, null, settings, &list, &spawn.fd_count);
    if (r < 0)
        return error_errno(err, -r, "start a worker");
    spawn.fds = list;
    r = spawn_fork(&spawn, ret, err);
    free(list);
    return r;
}
