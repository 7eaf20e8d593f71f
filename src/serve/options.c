/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings to typed options.  The master has checked the configuration, so a value out of range
 * here means that the two programs are of different versions: the worker refuses to start.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "serve/options.h"

/* All values of a repeated name, NULL-terminated; NULL in *ret when there is none. */
static int read_list(const struct settings *s, const char *name, char ***ret, size_t *ret_count)
{
    size_t count = 0;
    while (settings_get_nth(s, name, count) != NULL)
        count++;
    *ret = NULL;
    if (ret_count != NULL)
        *ret_count = count;
    if (count == 0)
        return 0;
    char **list = calloc(count + 1, sizeof *list);
    if (list == NULL)
        return -ENOMEM;
    *ret = list;
    for (size_t i = 0; i < count; i++) {
        list[i] = strdup(settings_get_nth(s, name, i));
        if (list[i] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static void free_list(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

static int read_clients(struct options *o, const struct settings *s, struct error *err)
{
    size_t count = 0;
    while (settings_get_nth(s, "allowed_client", count) != NULL)
        count++;
    if (count == 0)
        return 0;
    o->allowed_clients = calloc(count, sizeof *o->allowed_clients);
    if (o->allowed_clients == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *text = settings_get_nth(s, "allowed_client", i);
        int r = client_block_parse(&o->allowed_clients[i], text, err);
        if (r < 0)
            return r;
        o->allowed_client_count++;
    }
    return 0;
}

static int read_core_limit(struct options *o, const struct settings *s, struct error *err)
{
    const char *text = settings_get(s, "rlimit_core", NULL);
    if (text == NULL || *text == '\0')
        return 0;
    int64_t value;
    if (strcmp(text, "unlimited") == 0)
        value = -1;
    else if (number_parse_signed(text, -1, INT64_MAX, &value) < 0)
        return error_set(err, EINVAL, "setting rlimit_core: \"%s\" is no size", text);
    o->has_core_limit = true;
    o->core_limit = value < 0 ? RLIM_INFINITY : (rlim_t)value;
    return 0;
}

static void read_numbers(struct options *o, const struct settings *s)
{
    uint64_t children = settings_get_number(s, "max_children", 1);
    uint64_t connections = settings_get_number(s, "keepalive_connections", 128);

    o->queue_limit = settings_get_number(s, "queue_limit", 0);
    o->queue_timeout = settings_get_number(s, "queue_timeout", 0);
    o->max_children = children > UINT32_MAX ? UINT32_MAX : (uint32_t)children;
    o->keepalive_connections = connections > 65536 ? 65536 : (uint32_t)connections;
    o->response_holdback_timeout =
        settings_get_number(s, "response_holdback_timeout", 5 * CLOCK_SEC);
    o->keepalive_timeout = settings_get_number(s, "keepalive_timeout", 60 * CLOCK_SEC);
    o->request_terminate_timeout = settings_get_number(s, "request_terminate_timeout", 0);
    o->request_slowlog_timeout = settings_get_number(s, "request_slowlog_timeout", 0);
    uint64_t depth = settings_get_number(s, "request_slowlog_trace_depth", 20);
    o->request_slowlog_trace_depth = depth > 1000 ? 1000 : (uint32_t)depth;
    o->slowlog_timeout = settings_get_number(s, "slowlog.timeout", 5 * CLOCK_SEC);
    o->request_body_timeout = settings_get_number(s, "request_body_timeout", 60 * CLOCK_SEC);
    o->request_params_timeout = settings_get_number(s, "request_params_timeout", 10 * CLOCK_SEC);
    o->process_control_timeout = settings_get_number(s, "process_control_timeout", 30 * CLOCK_SEC);
    o->request_params_limit = settings_get_number(s, "request_params_limit", 2u << 20);
    o->response_header_limit = settings_get_number(s, "response_header_limit", 64u << 10);
    o->catch_workers_output = settings_get_number(s, "catch_workers_output", 0) != 0;
    o->process_dumpable = settings_get_number(s, "process_dumpable", 0) != 0;
    o->decorate_workers_output = settings_get_number(s, "decorate_workers_output", 1) != 0;
    o->has_log[HANDOVER_LOG_ACCESS] = settings_get_number(s, "access.log", 0) != 0;
    o->has_log[HANDOVER_LOG_SLOW] = settings_get_number(s, "slowlog", 0) != 0;
    o->log_level = settings_get_number(s, "log_level", LOG_LEVEL_NOTICE);
    o->log_limit = settings_get_number(s, "log_limit", LOG_LIMIT_DEFAULT);
}

/* Those that change while the worker lives.  One for which there is no memory stays as it was. */
static void read_paths(struct options *o, const struct settings *s)
{
    const struct {
        const char *name;
        char **at;
    } rows[] = {{"pm.status_path", &o->status_path},
                {"ping.path", &o->ping_path},
                {"ping.response", &o->ping_response}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = settings_get(s, rows[i].name, NULL);
        char *copy = text == NULL ? NULL : strdup(text);
        if (text != NULL && copy == NULL)
            continue;
        free(*rows[i].at);
        *rows[i].at = copy;
    }
}

static int read_texts(struct options *o, const struct settings *s, struct error *err)
{
    const char *kind = settings_get(s, "kind", "cgi");
    if (strcmp(kind, "cgi") == 0)
        o->kind = OPTIONS_CGI;
    else if (strcmp(kind, "status") == 0)
        o->kind = OPTIONS_STATUS;
    else
        return error_set(err, EINVAL, "setting kind: \"%s\" is none that ganger-worker serves",
                         kind);

    if (settings_get_number(s, "shed", 0) != 0)
        o->kind = OPTIONS_SHED;
    const char *folder = settings_get(s, "chdir", NULL);
    o->pool = strdup(settings_get(s, "pool", "?"));
    if (o->pool == NULL)
        return -ENOMEM;
    if (folder != NULL && *folder != '\0' && (o->chdir = strdup(folder)) == NULL)
        return -ENOMEM;
    int r = read_list(s, "listen", &o->listen, &o->listen_count);
    if (r == 0)
        r = read_list(s, "command", &o->command, NULL);
    if (r == 0)
        r = read_list(s, "script_root", &o->script_root, NULL);
    if (r == 0)
        r = read_list(s, "limit_extensions", &o->limit_extensions, NULL);
    if (r == 0)
        r = read_list(s, "env", &o->env, NULL);
    if (r == 0)
        r = read_list(s, "slowlog.command", &o->slowlog_command, NULL);
    return r;
}

int options_read(struct options *ret, const struct settings *settings, struct error *err)
{
    memset(ret, 0, sizeof *ret);
    int r = read_texts(ret, settings, err);
    if (r == 0)
        r = read_clients(ret, settings, err);
    if (r == 0)
        r = read_core_limit(ret, settings, err);
    if (r == 0) {
        read_numbers(ret, settings);
        read_paths(ret, settings);
    }
    if (r < 0) {
        if (r == -ENOMEM)
            error_set(err, ENOMEM, "no memory for the settings");
        options_clear(ret);
    }
    return r;
}

void options_renew(struct options *o, const struct settings *settings)
{
    char **command = NULL;

    read_numbers(o, settings);
    read_paths(o, settings);
    if (read_list(settings, "slowlog.command", &command, NULL) < 0) {
        free_list(command);
        return;
    }
    free_list(o->slowlog_command);
    o->slowlog_command = command;
}

void options_set_log(const struct options *o)
{
    if (o->log_level <= LOG_LEVEL_DEBUG)
        log_set_level((enum log_level)o->log_level);
    log_set_limit(o->log_limit);
}

void options_clear(struct options *o)
{
    free(o->pool);
    free_list(o->listen);
    free_list(o->command);
    free_list(o->script_root);
    free_list(o->limit_extensions);
    free_list(o->env);
    free_list(o->slowlog_command);
    free(o->chdir);
    free(o->status_path);
    free(o->ping_path);
    free(o->ping_response);
    free(o->allowed_clients);
    memset(o, 0, sizeof *o);
}
