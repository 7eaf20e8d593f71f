/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing here runs before the empty PARAMS record.  The environment is built from nothing, the
 * argument list is the script alone (or the pool's command), there is no shell, and a failure has
 * exactly one outcome: a response of ours.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "serve/access.h"
#include "serve/body.h"
#include "serve/connection.h"
#include "serve/holdback.h"
#include "serve/launch.h"
#include "serve/script.h"
#include "serve/shed.h"
#include "serve/slow.h"
#include "serve/status.h"
#include "serve/streams.h"
#include "serve/worker.h"
#include "wire/environ.h"
#include "wire/record.h"

#define COMPUTED_MAX 8
#define LABEL_PATH 200

/* All of it for one start: too large for the stack of a helper, and short-lived. */
struct launch {
    struct request *r;
    struct environ_request facts;
    struct script script;
    bool has_script;
    char *absent;      /* DOCUMENT_ROOT + SCRIPT_NAME, when SCRIPT_FILENAME is absent; owned */
    char *script_name; /* SCRIPT_NAME without PATH_INFO; owned */
    char folder[PATH_MAX];
    const char *wanted; /* what the request asks to run */
    char *own_argv[2];
};

static const char *param(const struct request *r, const char *name)
{
    return params_find(r->params, name, NULL);
}

/* One line for each refusal, but no more than a few a second: strangers cause them. */
static void refuse(struct launch *l, unsigned status, const char *why)
{
    struct request *r = l->r;
    struct worker *w = r->worker;
    const char *what =
        l->wanted == NULL || *l->wanted == '\0' ? l->facts.script_filename : l->wanted;
    char name[LABEL_PATH];
    unsigned held;

    if (what == NULL || *what == '\0')
        what = "request without SCRIPT_FILENAME";
    if (r->params == NULL)
        what = "request";
    if (log_limit_pass(&w->refused, clock_monotonic(), 20, &held)) {
        if (held > 0)
            log_write(LOG_LEVEL_NOTICE, w->options.pool, "%u refused requests were not logged",
                      held);
        log_write(status == 404 ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, w->options.pool,
                  "%s: %u %s: %s", text_escape_fixed(name, sizeof name, what, strlen(what)), status,
                  response_reason(status), why);
    }
    access_script(r, l->wanted);
    board_request_begin(w->board, r->started, l->facts.method,
                        r->params == NULL ? "" : param(r, "REQUEST_URI"),
                        l->wanted == NULL ? "" : l->wanted, NULL, 0, 0);
    request_answer(r, status);
}

/* Which file, for pools without a command.  False: refused. */
static bool find_script(struct launch *l)
{
    struct request *r = l->r;
    const struct options *o = &r->worker->options;

    if (o->command != NULL) {
        const char *slash = strrchr(o->command[0], '/');
        l->wanted = o->command[0];
        snprintf(l->folder, sizeof l->folder, "%.*s",
                 slash == NULL || slash == l->wanted ? 1 : (int)(slash - l->wanted),
                 slash == NULL ? "/" : l->wanted);
        return true;
    }
    l->wanted = l->facts.script_filename;
    if (*l->wanted == '\0') {
        const char *root = param(r, "DOCUMENT_ROOT");
        const char *name = param(r, "SCRIPT_NAME");
        if (root != NULL && name != NULL && *root != '\0' && *name == '/') {
            l->absent = text_format("%s%s", root, name);
            l->wanted = l->absent == NULL ? "" : l->absent;
        }
    }
    enum script_outcome outcome =
        script_resolve(&l->script, l->wanted, o->script_root, o->limit_extensions);
    if (outcome != SCRIPT_FOUND) {
        refuse(l, script_outcome_status(outcome), script_outcome_text(outcome));
        return false;
    }
    l->has_script = true;
    memcpy(l->folder, l->script.folder, sizeof l->folder);
    return true;
}

static size_t compute(struct launch *l, struct environ_override out[COMPUTED_MAX])
{
    struct request *r = l->r;
    size_t n = 0;

    out[n++] = (struct environ_override){"GATEWAY_INTERFACE", "CGI/1.1"};
    out[n++] = (struct environ_override){"FCGI_ROLE",
                                         r->role == FCGI_AUTHORIZER ? "AUTHORIZER" : "RESPONDER"};
    if (!l->facts.has_content_length)
        out[n++] = (struct environ_override){"CONTENT_LENGTH", NULL};
    if (!l->has_script)
        return n;
    out[n++] = (struct environ_override){"SCRIPT_FILENAME", l->script.path};
    if (*l->script.path_info != '\0') {
        const char *name = param(r, "SCRIPT_NAME");
        out[n++] = (struct environ_override){"PATH_INFO", l->script.path_info};
        if (name != NULL) {
            l->script_name = strndup(name, script_name_length(name, l->script.path_info));
            if (l->script_name != NULL)
                out[n++] = (struct environ_override){"SCRIPT_NAME", l->script_name};
        }
    }
    return n;
}

static void label(struct launch *l)
{
    char name[LABEL_PATH];

    text_escape_fixed(name, sizeof name, l->wanted, strlen(l->wanted));
    snprintf(l->r->label, sizeof l->r->label, "pid %ld (%s)", (long)l->r->program.pid, name);
}

unsigned launch_status(int number, bool exec_step, bool command, bool file_there)
{
    if (number == E2BIG)
        return 431;
    if (command)
        return 503;
    if (number == EACCES || number == EPERM)
        return 403;
    if (exec_step && (number == ENOENT || number == ENOTDIR) && !file_there)
        return 404;
    return 503;
}

/* What would help, by errno of a failed start. */
static const char *remedy(int number, bool file_there)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return file_there
                   ? "the interpreter that its first line names is missing (or its loader is)"
                   : "the file is gone";
    case ENOEXEC:
        return "it is neither a script that begins with \"#!\" nor a binary for this machine";
    case EACCES:
    case EPERM:
        return "is it on a noexec mount, or its interpreter or folder closed to the pool's user?";
    case E2BIG:
        return "the request's parameters are larger than the kernel takes";
    case EAGAIN:
        return "the user's process limit is reached";
    case ENOMEM:
        return "memory is short";
    case EMFILE:
    case ENFILE:
        return "raise rlimit_files";
    default:
        return "see the error";
    }
}

static void refuse_start(struct launch *l, const char *path, const struct spawn_report *report,
                         const struct error *err)
{
    bool command = l->r->worker->options.command != NULL;
    bool exec_step = report->step == SPAWN_STEP_EXEC;
    bool there = access(path, F_OK) == 0;
    char text[ERROR_TEXT_MAX + 128];

    snprintf(text, sizeof text, "cannot start: %s; %s",
             exec_step ? strerror(report->number) : err->text, remedy(report->number, there));
    refuse(l, launch_status(report->number, exec_step, command, there), text);
}

static void begin(struct launch *l)
{
    struct request *r = l->r;
    struct worker *w = r->worker;
    const struct options *o = &w->options;
    struct response_rules rules = response_default_rules;
    const char *uri = param(r, "REQUEST_URI");

    r->state = REQUEST_RUNNING;
    w->programs++;
    label(l);
    if (o->request_terminate_timeout != 0)
        r->terminate_at = r->started + o->request_terminate_timeout;
    board_request_begin(w->board, r->started, l->facts.method,
                        uri == NULL ? param(r, "SCRIPT_NAME") : uri, l->wanted,
                        param(r, "REMOTE_USER"), l->facts.content_length, r->program.pid);
    slow_begin(r, l->facts.method, uri == NULL ? param(r, "SCRIPT_NAME") : uri, l->wanted,
               param(r, "REMOTE_USER"));
    rules.head = r->head;
    rules.authorizer = r->role == FCGI_AUTHORIZER;
    rules.header_limit = o->response_header_limit;
    if (access_wants_headers(r)) {
        rules.field = access_header;
        rules.cookie = r;
    }
    access_script(r, l->wanted);
    r->response = response_new(&rules);
    r->params = params_free(r->params);
    if (r->response == NULL || streams_open(r) < 0)
        request_doom(r, REQUEST_NO_MEMORY);
    streams_feed(r);
    holdback_begin(r);
    if (r->connection->paused)
        request_pause(r, true);
}

/* Build the environment and start.  `r` is RUNNING or refused afterwards. */
static void start(struct launch *l)
{
    struct request *r = l->r;
    const struct options *o = &r->worker->options;
    struct environ_override computed[COMPUTED_MAX];
    struct environ variables;
    struct spawn_limit core = {RLIMIT_CORE, {o->core_limit, o->core_limit}};
    struct spawn_report report = {.step = SPAWN_STEP_FORK, .number = 0};
    struct error err = ERROR_NONE;

    int e = environ_build(&variables, r->params, computed, compute(l, computed),
                          (const char *const *)o->env, &err);
    if (e != ENVIRON_OK) {
        refuse(l, e == ENVIRON_BAD_REQUEST ? 400 : 503, err.text);
        return;
    }
    atomic_fetch_add_explicit(&board_own_slot(r->worker->board)->params_dropped, variables.dropped,
                              memory_order_relaxed);
    l->own_argv[0] = l->has_script ? l->script.path : NULL;
    struct program_plan plan = {.path = l->has_script ? l->script.real : o->command[0],
                                .argv = l->has_script ? l->own_argv : o->command,
                                .envp = variables.variables,
                                .folder = o->chdir != NULL ? o->chdir : l->folder,
                                .limits = o->has_core_limit ? &core : NULL,
                                .limit_count = o->has_core_limit,
                                .traceable = o->slowlog_command != NULL,
                                .body = &r->body,
                                .body_over = r->body_over || r->body_left == 0};
    e = program_start(&r->program, &plan, &report, &err);
    environ_clear(&variables);
    if (e < 0)
        report.number = -e;
    if (e != 0)
        refuse_start(l, plan.path, &report, &err);
    else
        begin(l);
}

void launch_never(struct request *r)
{
    if (r->state == REQUEST_WAITING && r->params != NULL)
        board_request_begin(r->worker->board, r->started, param(r, "REQUEST_METHOD"),
                            param(r, "REQUEST_URI"), NULL, NULL, 0, 0);
}

void launch(struct request *r)
{
    struct launch *l = NULL;
    struct error err = ERROR_NONE;

    if ((l = calloc(1, sizeof *l)) == NULL) {
        request_answer(r, 503);
        return;
    }
    l->r = r;
    if (r->too_large) {
        refuse(l, 431,
               "its parameters are too large; raise request_params_limit if they are meant "
               "(one name: 1 KiB, one value: 128 KiB at most)");
        free(l);
        return;
    }
    int e = environ_request(r->params, &l->facts, &err);
    r->head = strcmp(l->facts.method, "HEAD") == 0;
    if (e != ENVIRON_OK) {
        refuse(l, e == ENVIRON_BAD_REQUEST ? 400 : 503, err.text);
    } else if (r->worker->options.kind == OPTIONS_STATUS) {
        status_answer(r);
    } else if (r->worker->options.kind == OPTIONS_SHED) {
        shed_answer(r);
    } else if (!status_own_answer(r)) {
        if (r->role == FCGI_AUTHORIZER) /* has no input (specification section 6.3) */
            r->body_left = 0;
        else if (l->facts.has_content_length)
            body_expect(r, l->facts.content_length);
        else
            r->unsized_body = !r->head && strcmp(l->facts.method, "GET") != 0;
        if (find_script(l))
            start(l);
    }
    free(l->absent);
    free(l->script_name);
    free(l);
}
