/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_OPTIONS_H
#define GANGER_SERVE_OPTIONS_H

/* The pool's settings (base/settings.h, names in host/handover.h) as typed values. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include "base/error.h"
#include "base/settings.h"
#include "host/handover.h"
#include "host/socket.h"

enum options_kind { OPTIONS_CGI, OPTIONS_STATUS, OPTIONS_SHED };

struct options {
    char *pool;
    enum options_kind kind;
    char **listen; /* display names, one for each listening descriptor */
    size_t listen_count;
    char **command; /* NULL-terminated; NULL when the request names the program */
    char **script_root;
    char **limit_extensions;
    char **env;                                    /* NULL-terminated NAME=VALUE */
    char *chdir;                                   /* NULL: the script's folder */
    char *status_path, *ping_path, *ping_response; /* NULL: none */
    struct client_block *allowed_clients;
    size_t allowed_client_count;
    uint32_t max_children;
    uint64_t queue_limit;   /* kind = shed: connections; 0: none */
    uint64_t queue_timeout; /* likewise */
    uint64_t response_holdback_timeout;
    uint64_t keepalive_timeout; /* durations in microseconds; 0: none */
    uint32_t keepalive_connections;
    uint64_t request_terminate_timeout;
    uint64_t request_slowlog_timeout;
    uint32_t request_slowlog_trace_depth;
    uint64_t slowlog_timeout;
    char **slowlog_command; /* NULL-terminated; NULL: none */
    uint64_t request_body_timeout;
    uint64_t request_params_timeout;
    uint64_t process_control_timeout;
    size_t request_params_limit;
    size_t response_header_limit;
    bool catch_workers_output;
    bool decorate_workers_output;
    bool process_dumpable;
    bool has_core_limit;
    rlim_t core_limit; /* for the programs */
    uint64_t log_level, log_limit;
    bool has_log[HANDOVER_LOGS]; /* born with a descriptor for it */
};

/* 0 with *ret owned by the caller, or negative with err naming the setting. */
int options_read(struct options *ret, const struct settings *settings, struct error *err);
/* The numbers and limits of `settings`, and slowlog.command, in the place of what *o has; all else stays. */
void options_renew(struct options *o, const struct settings *settings);
/* log_level and log_limit hold for the log from now on. */
void options_set_log(const struct options *o);
void options_clear(struct options *o);

#endif
