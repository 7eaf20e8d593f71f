/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every option: the parser, the checks, the dump, the comparison of two configurations, and the
 * test of ganger.conf(5) read this table; nothing about a single option is said anywhere else,
 * except what relates two of them (check.c).
 *
 * Rows stand in the order of struct conf_global and struct conf_pool.  Options of PHP-FPM that
 * ganger does not have yet, or never will, have rows too, so that each gets an answer of its own.
 */

#include "conf/schema.h"
#include <string.h>
#include "base/text.h"
#include "conf/conf.h"

#define YEAR 31622400 /* seconds; no time limit is longer */
#define KIB INT64_C(1024)
#define MIB INT64_C(1048576)

static const char *const kinds[] = {"cgi", "fastcgi", "status", NULL};
static const char *const managers[] = {"static", "dynamic", "ondemand", NULL};
static const char *const levels[] = {"alert", "error", "warning", "notice", "debug", NULL};
static const char *const endings[] = {"immediate", "graceful", NULL};
static const char *const facilities[] = {
    "auth",   "authpriv", "cron",   "daemon", "ftp",    "kern",   "lpr",
    "mail",   "news",     "syslog", "user",   "uucp",   "local0", "local1",
    "local2", "local3",   "local4", "local5", "local6", "local7", NULL};

/* Fields and rows of an initializer cannot stand in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define GLOBAL(name_, type_, field_, change_, fallback_, ...)                                      \
    {                                                                                              \
        .scope = SCHEMA_GLOBAL, .name = name_, .type = SCHEMA_##type_, .change = SCHEMA_##change_, \
        .offset = offsetof(struct conf_global, field_), .fallback = fallback_, __VA_ARGS__         \
    }
#define POOL(name_, type_, field_, change_, fallback_, ...)                                        \
    {                                                                                              \
        .scope = SCHEMA_POOL, .name = name_, .type = SCHEMA_##type_, .change = SCHEMA_##change_,   \
        .offset = offsetof(struct conf_pool, field_), .fallback = fallback_, __VA_ARGS__           \
    }
#define LATER(scope_, name_)                                                                       \
    {                                                                                              \
        .scope = SCHEMA_##scope_, .name = name_, .type = SCHEMA_LIST, .status = SCHEMA_LATER,      \
        .note = "leave it out; a later version of ganger brings it"                                \
    }
#define NEVER(scope_, name_, note_)                                                                \
    {                                                                                              \
        .scope = SCHEMA_##scope_, .name = name_, .type = SCHEMA_LIST, .status = SCHEMA_NEVER,      \
        .note = note_                                                                              \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
#define PHP_SETTING                                                                                \
    "it sets PHP's own configuration; give php-cgi a -d option in command, or PHPRC in env"
#define ASK "ask the status pool, for ?pool=NAME or for .../ping"
#define NOT_SEEN "ganger logs the requests of CGI programs alone"

/* clang-format off */
const struct schema_option schema_options[] = {
    GLOBAL("runtime_directory", TEXT, runtime_directory, RESTART, NULL, .flags = SCHEMA_PATH,
           .note = "/run/ganger; for an ordinary user $XDG_RUNTIME_DIR/ganger"),
    GLOBAL("pid", TEXT, pid, RESTART, NULL, .flags = SCHEMA_PATH,
           .note = "runtime_directory/ganger.pid"),
    GLOBAL("error_log", TEXT, error_log, TUNE, "stderr"),
    GLOBAL("syslog.facility", TEXT, syslog_facility, TUNE, "daemon", .words = facilities),
    GLOBAL("syslog.ident", TEXT, syslog_ident, TUNE, "ganger"),
    GLOBAL("log_level", WORD, log_level, TUNE, "notice", .words = levels),
    GLOBAL("log_limit", SIZE, log_limit, TUNE, "1024", .minimum = 512, .maximum = 64 * KIB),
    GLOBAL("daemonize", YESNO, daemonize, RESTART, "no"),
    GLOBAL("process_control_timeout", DURATION, process_control_timeout, TUNE, "30s", .maximum = YEAR),
    GLOBAL("process.priority", NUMBER, process_priority, RESTART, NULL, .minimum = -20, .maximum = 19),
    GLOBAL("rlimit_files", NUMBER, rlimit_files, RESTART, NULL, .minimum = 64, .maximum = 1073741816),
    GLOBAL("rlimit_core", LIMIT, rlimit_core, RESTART, NULL),
    GLOBAL("process.max", COUNT, process_max, TUNE, "0", .maximum = 1048576),
    GLOBAL("emergency_restart_threshold", COUNT, emergency_restart_threshold, TUNE, "0", .maximum = 4096),
    GLOBAL("emergency_restart_interval", DURATION, emergency_restart_interval, TUNE, "0s", .maximum = YEAR),
    GLOBAL("stop_on_term", WORD, stop_on_term, TUNE, "immediate", .words = endings),
    GLOBAL("control.group", TEXT, control_group, RESTART, NULL),
    GLOBAL("systemd_interval", DURATION, systemd_interval, TUNE, "10s", .maximum = YEAR),
    NEVER(GLOBAL, "events.mechanism", "ganger always uses epoll; leave it out"),
    NEVER(GLOBAL, "log_buffering", "ganger writes each line at once and whole; leave it out"),
    NEVER(GLOBAL, "include", "write include(\"FILE\")"),

    POOL("kind", WORD, kind, REPLACE, "cgi", .words = kinds),
    POOL("listen", LIST, listen, REPLACE, NULL, .flags = SCHEMA_EXPAND),
    POOL("listen.backlog", NUMBER, listen_backlog, TUNE, "-1", .minimum = -1, .maximum = 1048576),
    POOL("listen.owner", TEXT, listen_owner, TUNE, NULL, .flags = SCHEMA_EXPAND),
    POOL("listen.group", TEXT, listen_group, TUNE, NULL, .flags = SCHEMA_EXPAND),
    POOL("listen.mode", MODE, listen_mode, TUNE, "0660", .maximum = 0777),
    POOL("listen.allowed_clients", LIST, listen_allowed_clients, REPLACE, NULL),
    POOL("command", LIST, command, REPLACE, NULL,
         .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_INSIDE | SCHEMA_FIRST | SCHEMA_PROGRAMS),
    POOL("script_root", LIST, script_root, REPLACE, NULL,
         .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_INSIDE | SCHEMA_SCRIPTS),
    POOL("security.limit_extensions", LIST, security_limit_extensions, REPLACE, NULL,
         .flags = SCHEMA_SCRIPTS),
    POOL("user", TEXT, user, REPLACE, NULL, .flags = SCHEMA_EXPAND),
    POOL("group", TEXT, group, REPLACE, NULL, .flags = SCHEMA_EXPAND),
    POOL("allow_root", YESNO, allow_root, REPLACE, "no"),
    POOL("env", LIST, env, REPLACE, NULL, .flags = SCHEMA_EXPAND | SCHEMA_PROGRAMS),
    POOL("clear_env", YESNO, clear_env, REPLACE, "yes", .flags = SCHEMA_PROGRAMS),
    POOL("prefix", TEXT, prefix, REPLACE, NULL, .flags = SCHEMA_EXPAND),
    POOL("chroot", TEXT, chroot, REPLACE, NULL, .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_PROGRAMS),
    POOL("chdir", TEXT, chdir, REPLACE, NULL,
         .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_INSIDE | SCHEMA_PROGRAMS),
    POOL("process.priority", NUMBER, process_priority, REPLACE, NULL, .minimum = -20, .maximum = 19),
    POOL("process.dumpable", YESNO, process_dumpable, REPLACE, "no"),
    POOL("rlimit_files", NUMBER, rlimit_files, REPLACE, NULL, .minimum = 32, .maximum = 1073741816),
    POOL("rlimit_core", LIMIT, rlimit_core, REPLACE, NULL),
    POOL("no_new_privileges", YESNO, no_new_privileges, REPLACE, "yes"),
    POOL("pm", WORD, pm, TUNE, "static", .words = managers),
    POOL("pm.max_children", COUNT, pm_max_children, TUNE, NULL, .minimum = 1, .maximum = 16384,
         .note = "must be given; 1 for kind = status"),
    POOL("pm.start_servers", NUMBER, pm_start_servers, TUNE, NULL, .minimum = 1, .maximum = 16384),
    POOL("pm.min_spare_servers", NUMBER, pm_min_spare_servers, TUNE, NULL, .minimum = 1, .maximum = 16384),
    POOL("pm.max_spare_servers", NUMBER, pm_max_spare_servers, TUNE, NULL, .minimum = 1, .maximum = 16384),
    POOL("pm.max_spawn_rate", COUNT, pm_max_spawn_rate, TUNE, "32", .minimum = 1, .maximum = 16384),
    POOL("pm.process_idle_timeout", DURATION, pm_process_idle_timeout, TUNE, "10s", .maximum = YEAR),
    POOL("pm.max_requests", COUNT, pm_max_requests, TUNE, "0", .maximum = 1000000000),
    POOL("pm.max_memory", SIZE, pm_max_memory, TUNE, "0", .maximum = MIB * MIB),
    POOL("queue_limit", COUNT, queue_limit, TUNE, "0", .maximum = 1048576, .flags = SCHEMA_PROGRAMS),
    POOL("queue_timeout", DURATION, queue_timeout, TUNE, "0s", .maximum = YEAR, .flags = SCHEMA_PROGRAMS),
    POOL("request_terminate_timeout", DURATION, request_terminate_timeout, TUNE, "0s", .maximum = YEAR,
         .flags = SCHEMA_PROGRAMS),
    POOL("request_body_timeout", DURATION, request_body_timeout, TUNE, "60s", .maximum = YEAR, .flags = SCHEMA_OWN),
    POOL("request_params_timeout", DURATION, request_params_timeout, TUNE, "10s", .maximum = YEAR, .flags = SCHEMA_OWN),
    POOL("request_params_limit", SIZE, request_params_limit, TUNE, "2M", .minimum = 4 * KIB,
         .maximum = 64 * MIB, .flags = SCHEMA_OWN),
    POOL("response_header_limit", SIZE, response_header_limit, TUNE, "64k", .minimum = 512,
         .maximum = 16 * MIB, .flags = SCHEMA_SCRIPTS),
    POOL("response_holdback_timeout", DURATION, response_holdback_timeout, TUNE, "5s", .maximum = YEAR,
         .flags = SCHEMA_SCRIPTS),
    POOL("keepalive_timeout", DURATION, keepalive_timeout, TUNE, "60s", .maximum = YEAR, .flags = SCHEMA_OWN),
    POOL("keepalive_connections", COUNT, keepalive_connections, TUNE, "128", .maximum = 16384, .flags = SCHEMA_OWN),
    POOL("status.ready", YESNO, status_ready, TUNE, "yes"),
    POOL("catch_workers_output", YESNO, catch_workers_output, TUNE, "no"),
    POOL("decorate_workers_output", YESNO, decorate_workers_output, TUNE, "yes"),
    POOL("pm.status_path", TEXT, pm_status_path, TUNE, NULL, .flags = SCHEMA_SCRIPTS, .elsewhere = ASK),
    POOL("ping.path", TEXT, ping_path, TUNE, NULL, .flags = SCHEMA_SCRIPTS, .elsewhere = ASK),
    POOL("ping.response", TEXT, ping_response, TUNE, "pong", .flags = SCHEMA_SCRIPTS, .elsewhere = ASK),
    POOL("access.log", TEXT, access_log, TUNE, NULL, .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_SCRIPTS,
         .elsewhere = NOT_SEEN),
    POOL("access.format", TEXT, access_format, TUNE, NULL, .flags = SCHEMA_SCRIPTS, .elsewhere = NOT_SEEN),
    POOL("access.suppress_path", LIST, access_suppress_path, TUNE, NULL, .flags = SCHEMA_SCRIPTS,
         .elsewhere = NOT_SEEN),
    POOL("slowlog", TEXT, slowlog, TUNE, NULL, .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_PROGRAMS),
    POOL("slowlog.command", LIST, slowlog_command, TUNE, NULL,
         .flags = SCHEMA_EXPAND | SCHEMA_PATH | SCHEMA_INSIDE | SCHEMA_FIRST | SCHEMA_PROGRAMS),
    POOL("slowlog.timeout", DURATION, slowlog_timeout, TUNE, "5s", .maximum = 600, .flags = SCHEMA_PROGRAMS),
    POOL("request_slowlog_timeout", DURATION, request_slowlog_timeout, TUNE, "0s", .maximum = YEAR,
         .flags = SCHEMA_PROGRAMS),
    POOL("request_slowlog_trace_depth", COUNT, request_slowlog_trace_depth, TUNE, "20", .minimum = 1,
         .maximum = 1000, .flags = SCHEMA_PROGRAMS),
    POOL("stop_signal", TEXT, stop_signal, REPLACE, "TERM", .flags = SCHEMA_NATIVE),
    LATER(POOL, "listen.acl_users"),
    LATER(POOL, "listen.acl_groups"),
    LATER(POOL, "preload"),
    LATER(POOL, "capabilities"),
    LATER(POOL, "apparmor_hat"),
    NEVER(POOL, "pm.status_listen",
          "a pool of kind = status has addresses of its own and answers whatever the others do; ask it "
          "for pool=NAME"),
    NEVER(POOL, "listen.setfib", "it is of FreeBSD alone; leave it out"),
    NEVER(POOL, "request_terminate_timeout_track_finished",
          "request_terminate_timeout always holds until the program has ended; leave it out"),
    NEVER(POOL, "php_value", PHP_SETTING),
    NEVER(POOL, "php_flag", PHP_SETTING),
    NEVER(POOL, "php_admin_value", PHP_SETTING),
    NEVER(POOL, "php_admin_flag", PHP_SETTING),
    NEVER(POOL, "include", "write include(\"FILE\")"),
};
/* clang-format on */

const size_t schema_count = sizeof schema_options / sizeof schema_options[0];
_Static_assert(sizeof schema_options / sizeof schema_options[0] <= SCHEMA_MAX, "SCHEMA_MAX");

const struct schema_option *schema_find(enum schema_scope scope, const char *name)
{
    size_t length = strcspn(name, "[");
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope == scope && strncmp(o->name, name, length) == 0 && o->name[length] == '\0' &&
            (name[length] == '\0' || o->status != SCHEMA_SUPPORTED))
            return o;
    }
    return NULL;
}

const char *schema_nearest(enum schema_scope scope, const char *name)
{
    size_t length = strlen(name);
    if (length > 64)
        return NULL;
    /* A third of the letters may be wrong: "usr" is user, "x" is nothing. */
    unsigned best = (unsigned)(length < 12 ? length / 3 + (length < 6 ? 1 : 0) : 4) + 1;
    const char *found = NULL;
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope != scope || o->status != SCHEMA_SUPPORTED)
            continue;
        unsigned distance = text_distance(o->name, name, best);
        if (distance < best) {
            best = distance;
            found = o->name;
        }
    }
    return found;
}

unsigned schema_foreign(enum conf_kind kind)
{
    switch (kind) {
    case CONF_KIND_CGI:
        return SCHEMA_NATIVE;
    case CONF_KIND_FASTCGI:
        return SCHEMA_SCRIPTS | SCHEMA_OWN;
    case CONF_KIND_STATUS:
        break;
    }
    return SCHEMA_PROGRAMS | SCHEMA_SCRIPTS | SCHEMA_NATIVE;
}

const char *schema_type_name(enum schema_type type)
{
    static const char *const names[] = {
        [SCHEMA_TEXT] = "text",    [SCHEMA_LIST] = "list",         [SCHEMA_YESNO] = "yesno",
        [SCHEMA_COUNT] = "number", [SCHEMA_NUMBER] = "number",     [SCHEMA_LIMIT] = "limit",
        [SCHEMA_SIZE] = "size",    [SCHEMA_DURATION] = "duration", [SCHEMA_MODE] = "mode",
        [SCHEMA_WORD] = "word",
    };
    return names[type];
}

const char *schema_change_name(enum schema_change change)
{
    static const char *const names[] = {
        [SCHEMA_TUNE] = "tune",
        [SCHEMA_REPLACE] = "replace",
        [SCHEMA_RESTART] = "restart",
    };
    return names[change];
}

int conf_schema_list(struct bytes *out)
{
    static const char *const supported[] = {
        [SCHEMA_SUPPORTED] = "yes",
        [SCHEMA_LATER] = "later",
        [SCHEMA_NEVER] = "never",
    };
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        const char *fallback = o->fallback != NULL ? o->fallback : "-";
        int r = bytes_printf(out, "%s\t%s\t%s\t%s\t%s\t%s\n",
                             o->scope == SCHEMA_GLOBAL ? "global" : "pool", o->name,
                             schema_type_name(o->type), fallback, schema_change_name(o->change),
                             supported[o->status]);
        if (r < 0)
            return r;
    }
    return 0;
}
