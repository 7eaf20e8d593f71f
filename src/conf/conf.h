/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_CONF_H
#define GANGER_CONF_CONF_H

/*
 * The configuration: text in, immutable values out.  libconfuse reads the syntax; one schema table
 * (conf/schema.c) says for every option its name, type, default, check, and what changing it in a
 * running ganger means.  Loading never stops at the first mistake: every mistake of every file is
 * reported, each as "FILE:LINE: pool NAME: what is wrong; what is allowed".
 *
 * Nothing here touches the host: that users exist, programs are executable and addresses are free is
 * asked later (pool/check.h).  Options appear in the struct in the order of the schema, the man page and the
 * sample.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"

struct conf_list {
    char **items; /* owned; NULL-terminated */
    size_t count;
};

enum conf_kind { CONF_KIND_CGI, CONF_KIND_FASTCGI, CONF_KIND_STATUS };
enum conf_ending { CONF_ENDING_IMMEDIATE, CONF_ENDING_GRACEFUL };
enum conf_pm { CONF_PM_STATIC, CONF_PM_DYNAMIC, CONF_PM_ONDEMAND };

#define CONF_UNSET INT64_MIN /* numeric options that have no value unless given */

struct conf_global {
    char *runtime_directory; /* "/run/ganger", "$XDG_RUNTIME_DIR/ganger" for an ordinary user */
    char *pid;               /* pid file; default runtime_directory/ganger.pid */
    char *error_log;         /* "stderr" (default), "syslog", "journal[:SOCKET]", or a path */
    char *syslog_facility;
    char *syslog_ident;
    enum log_level log_level;
    uint64_t log_limit;
    bool daemonize;
    uint64_t process_control_timeout; /* usec, default 30 s */
    int64_t process_priority;         /* or CONF_UNSET */
    int64_t rlimit_files;             /* or CONF_UNSET */
    int64_t rlimit_core;              /* bytes, -1 unlimited, or CONF_UNSET */
    uint32_t process_max;             /* workers of all pools together, 0 no limit */
    uint32_t emergency_restart_threshold;
    uint64_t emergency_restart_interval; /* usec; 0, or a threshold of 0: never */
    enum conf_ending stop_on_term;       /* what SIGTERM does */
    char *control_group;       /* whose members may use the control socket; NULL: nobody's */
    uint64_t systemd_interval; /* usec between two STATUS; 0: when health changes only */
};

struct conf_pool {
    char *name;
    char *file;    /* where it was written … */
    unsigned line; /* … and on which line (the title's) */
    enum conf_kind kind;
    struct conf_list listen;
    int64_t listen_backlog;            /* -1: somaxconn */
    char *listen_owner, *listen_group; /* NULL: the master's */
    uint32_t listen_mode;              /* default 0660 */
    struct conf_list listen_allowed_clients;
    struct conf_list command;
    struct conf_list script_root;
    struct conf_list security_limit_extensions; /* empty: any */
    char *user, *group;                         /* NULL: see ganger.conf(5) */
    bool allow_root;
    struct conf_list env; /* NAME=VALUE */
    bool clear_env;
    char *prefix;
    char *chroot;
    char *chdir;
    int64_t process_priority;
    bool process_dumpable;
    int64_t rlimit_files;
    int64_t rlimit_core;
    bool no_new_privileges; /* default true */
    enum conf_pm pm;
    uint32_t pm_max_children;
    int64_t pm_start_servers;     /* these three: CONF_UNSET unless pm is dynamic, … */
    int64_t pm_min_spare_servers; /* … when they satisfy PHP-FPM's rules */
    int64_t pm_max_spare_servers;
    uint32_t pm_max_spawn_rate;
    uint64_t pm_process_idle_timeout;   /* usec, never 0 */
    uint32_t pm_max_requests;           /* 0 no limit */
    uint64_t pm_max_memory;             /* bytes resident, 0 no limit */
    uint32_t queue_limit;               /* connections, 0 no limit */
    uint64_t queue_timeout;             /* usec, 0 none */
    uint64_t request_terminate_timeout; /* usec, 0 none */
    uint64_t request_body_timeout; /* usec, default 60 s: a client that stops sending, or reading */
    uint64_t request_params_timeout;    /* usec, default 10 s: from first byte to empty PARAMS */
    uint64_t request_params_limit;      /* bytes, default 2 MiB */
    uint64_t response_header_limit;     /* bytes, default 64 KiB */
    uint64_t response_holdback_timeout; /* usec, default 5 s, 0 never: see serve/holdback.h */
    uint64_t keepalive_timeout;         /* usec, default 60 s */
    uint32_t keepalive_connections;     /* per worker, default 128 */
    bool status_ready; /* default true: counts for …/ready of the status responder */
    bool catch_workers_output;
    bool decorate_workers_output;
    char *pm_status_path, *ping_path; /* NULL: none */
    char *ping_response;
    char *access_log;    /* this and slowlog: absolute paths; NULL: none */
    char *access_format; /* base/access_format.h; NULL: its default */
    struct conf_list access_suppress_path;
    char *slowlog;
    struct conf_list slowlog_command; /* empty: none */
    uint64_t slowlog_timeout;         /* usec, never 0: for slowlog.command */
    uint64_t request_slowlog_timeout; /* usec, 0 none; then there is a slowlog */
    uint32_t request_slowlog_trace_depth;
    char *stop_signal; /* native programs: conf_signal() of it is what they leave at */
};

struct conf {
    struct conf_global global;
    struct conf_pool *pools; /* in file order; the default status pool last when none is written */
    size_t pool_count;
    unsigned more; /* references beside the first one */
};

/* One complaint for each mistake, in file order. */
struct conf_complaint {
    char *text;   /* "FILE:LINE: pool NAME: …", owned */
    bool warning; /* true: loading goes on */
};
struct conf_complaints {
    struct conf_complaint *items;
    size_t count;
};
void conf_complaints_clear(struct conf_complaints *c);

enum conf_outcome { CONF_INVALID = 1 /* at least one complaint that is no warning */ };

/* Read `path` and what it includes.  0 with *ret; CONF_INVALID; negative: no memory.  Complaints
 * (also the warnings of a good load) are added to *complaints. */
int conf_load(struct conf **ret, const char *path, struct conf_complaints *complaints);
/* As conf_load() from memory (fuzzing, tests); include() is refused. */
int conf_load_text(struct conf **ret, const char *name, const char *text,
                   struct conf_complaints *complaints);
/* One reference more; returns c. */
struct conf *conf_ref(struct conf *c);
/* One reference less: the last one frees it.  Returns NULL; NULL is allowed. */
struct conf *conf_free(struct conf *c);

/* The effective configuration, every option, in a form conf_load() reads back equal. */
int conf_dump(const struct conf *c, struct bytes *out);

/* What a change of a pool means for its running gang. */
enum conf_change {
    CONF_KEEP = 0,    /* equal */
    CONF_TUNE = 1,    /* only sizing and limits differ: apply to the running gang */
    CONF_REPLACE = 2, /* new workers are needed */
};
enum conf_change conf_pool_compare(const struct conf_pool *a, const struct conf_pool *b);
/* The names of global options that differ and that a running ganger cannot change: at most `max` of
 * them into names[] (constant texts); how many there are. */
size_t conf_fixed(const struct conf *a, const struct conf *b, const char **names, size_t max);
bool conf_equal(const struct conf *a, const struct conf *b);
const struct conf_pool *conf_find(const struct conf *c, const char *name);

/* The number of a signal that `stop_signal` may name: "TERM", "SIGTERM", "15"; 0 for any other
 * text. */
int conf_signal(const char *text);

/* The schema as text, one line per option: "SCOPE NAME TYPE DEFAULT CHANGE SUPPORTED" separated by
 * tabs; `ganger -tt` does not print it; tests/flow/test_man.py compares the manual with it. */
int conf_schema_list(struct bytes *out);

#endif
