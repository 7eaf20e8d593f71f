/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gangerctl request: the command around ctl/exchange.  Standard output carries the response and
 * nothing else; whatever gangerctl itself has to say goes to standard error.
 */

#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "ctl/exchange.h"
#include "ctl/head.h"
#include "ctl/place.h"
#include "ctl/source.h"
#include "ctl/timing.h"
#include "ctl/variables.h"
#include "host/socket.h"

enum { STDERR_LINE = 4096 };

struct request {
    const struct ctl_request_options *options;
    struct address address;
    struct variables variables;
    struct source *source;
    struct source *filtered; /* FCGI_DATA */
    struct exchange_link link;
    struct head head;
    struct timing timing;
    int output;
    bool output_owned;
    char line[STDERR_LINE]; /* of FCGI_STDERR, unfinished */
    size_t line_held;
    int callback_exit; /* why a callback stopped the exchange */
};

static void complain(const struct error *err)
{
    fprintf(stderr, "gangerctl: %s\n", err->text);
}

/* ---- what the application says ---- */

static int write_output(struct request *r, const void *data, size_t length)
{
    int rc = length == 0 ? 0 : descriptor_write_all(r->output, data, length);
    if (rc == 0)
        return 0;
    /* A reader that has seen enough (`| head`) is nothing to complain about. */
    if (rc != -EPIPE)
        fprintf(stderr, "gangerctl: cannot write the response: %s\n", strerror(-rc));
    r->callback_exit = CTL_WRITE;
    return -1;
}

static int on_stdout(void *userdata, const void *data, size_t length)
{
    struct request *r = userdata;
    struct error err = ERROR_NONE;
    if (!r->head.done) {
        if (head_feed(&r->head, &data, &length, &err) < 0) {
            complain(&err);
            r->callback_exit = CTL_FAILED;
            return -1;
        }
        if (!r->head.done)
            return 0;
        if (r->options->include &&
            write_output(r, bytes_front(&r->head.raw), bytes_held(&r->head.raw)) < 0)
            return -1;
    }
    return write_output(r, data, length);
}

static void flush_line(struct request *r)
{
    char text[4 * STDERR_LINE + 8];
    if (r->line_held == 0)
        return;
    fprintf(stderr, "stderr: %s\n", text_escape_fixed(text, sizeof text, r->line, r->line_held));
    r->line_held = 0;
}

static int on_stderr(void *userdata, const void *data, size_t length)
{
    struct request *r = userdata;
    const char *p = data;
    if (r->options->stderr_mode == CTL_STDERR_HIDE)
        return 0;
    if (r->options->stderr_mode == CTL_STDERR_RAW) {
        fwrite(data, 1, length, stderr);
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        if (p[i] == '\n' || r->line_held == STDERR_LINE)
            flush_line(r);
        if (p[i] != '\n')
            r->line[r->line_held++] = p[i];
    }
    return 0;
}

/* ---- one request ---- */

static int open_link(struct request *r)
{
    struct error err = ERROR_NONE;
    uint64_t begun = clock_monotonic();
    int fd = socket_connect(&r->address, r->options->timeout, &err);
    if (fd < 0) {
        complain(&err);
        return fd == -ETIMEDOUT ? CTL_TIMEOUT : CTL_CONNECT;
    }
    timing_connected(&r->timing, clock_monotonic() - begun);
    if (exchange_link_init(&r->link, fd, r->options->verbose, &err) < 0) {
        complain(&err);
        return CTL_FAILED;
    }
    return CTL_OK;
}

static const char *protocol_status_text(uint8_t status)
{
    switch (status) {
    case FCGI_CANT_MPX_CONN:
        return "FCGI_CANT_MPX_CONN: it serves one request at a time on a connection";
    case FCGI_OVERLOADED:
        return "FCGI_OVERLOADED: it has no resources left";
    case FCGI_UNKNOWN_ROLE:
        return "FCGI_UNKNOWN_ROLE: it does not serve this role";
    default:
        return "a protocol status that FastCGI does not define";
    }
}

/* The exit status for an exchange that is over. */
static int judge(struct request *r, const struct exchange *x, int outcome, const struct error *err)
{
    switch (outcome) {
    case EXCHANGE_DONE:
        break;
    case EXCHANGE_STOPPED:
        return r->callback_exit;
    case EXCHANGE_TIMEOUT:
        complain(err);
        return CTL_TIMEOUT;
    case EXCHANGE_SOURCE:
        complain(err);
        return CTL_READ;
    default:
        complain(err);
        return CTL_FAILED;
    }
    if (x->protocol_status != FCGI_REQUEST_COMPLETE) {
        fprintf(stderr, "gangerctl: the application refused the request with %s\n",
                protocol_status_text(x->protocol_status));
        return CTL_FAILED;
    }
    if (!r->head.done) {
        fprintf(stderr, "gangerctl: the response %s\n",
                x->output == 0 ? "is empty" : "ends within its header");
        return CTL_FAILED;
    }
    return r->head.status >= 400 ? CTL_HTTP : CTL_OK;
}

static int attempt(struct request *r, struct exchange *x, bool keep, int *outcome,
                   struct error *err)
{
    if (r->link.fd < 0) {
        int status = open_link(r);
        if (status != CTL_OK)
            return status;
    }
    if ((r->source != NULL && source_rewind(r->source, err) < 0) ||
        (r->filtered != NULL && source_rewind(r->filtered, err) < 0)) {
        *outcome = EXCHANGE_SOURCE;
        return CTL_OK;
    }
    *x = (struct exchange){
        .params = r->variables.items,
        .param_count = r->variables.count,
        .role = r->options->role,
        .keep = keep,
        .body = r->source,
        .data = r->filtered,
        .timeout = r->options->timeout,
        .max_time = r->options->max_time,
        .on_stdout = on_stdout,
        .on_stderr = on_stderr,
        .userdata = r,
    };
    *outcome = exchange_run(x, &r->link, err);
    return CTL_OK;
}

static int one_request(struct request *r, bool keep)
{
    struct error err = ERROR_NONE;
    struct exchange x = {0};
    int outcome = EXCHANGE_DONE;
    uint64_t begun = clock_monotonic();

    head_clear(&r->head);
    int status = attempt(r, &x, keep, &outcome, &err);
    if (status == CTL_OK && outcome == EXCHANGE_STALE) {
        exchange_link_clear(&r->link);
        r->timing.reconnects++;
        if (r->options->verbose)
            fprintf(stderr, "* the connection was not kept; connecting again\n");
        status = attempt(r, &x, keep, &outcome, &err);
    }
    if (status != CTL_OK)
        return status;
    flush_line(r);
    status = judge(r, &x, outcome, &err);
    timing_request(&r->timing, &x, begun, clock_monotonic(), r->head.status, status != CTL_OK);
    if (r->options->timing || r->options->verbose)
        timing_print_request(&r->timing, stderr);
    if (outcome != EXCHANGE_DONE || !keep)
        exchange_link_clear(&r->link);
    return status;
}

/* Worth going on with the next request of -n? */
static bool goes_on(int status)
{
    return status == CTL_OK || status == CTL_HTTP;
}

/* ---- the command ---- */

static int open_output(struct request *r, struct error *err)
{
    r->output = STDOUT_FILENO;
    if (r->options->output == NULL || strcmp(r->options->output, "-") == 0)
        return 0;
    r->output = open(r->options->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (r->output < 0)
        return error_errno(err, errno, "cannot write %s", r->options->output);
    r->output_owned = true;
    return 0;
}

/* What a filter is to filter; its length and time are parameters.  One of enum ctl_exit. */
static int prepare_filtered(struct request *r, struct variables_body *body, struct error *err)
{
    const struct ctl_request_options *o = r->options;
    if (o->filter_file == NULL)
        return CTL_OK;
    if (o->role != FCGI_FILTER) {
        error_set(err, EINVAL, "--filter-file is for --role filter: others get no FCGI_DATA");
        return CTL_USAGE;
    }
    if (source_open_file(&r->filtered, o->filter_file, err) < 0 ||
        source_spool(r->filtered, err) < 0)
        return CTL_READ;
    source_length(r->filtered, &body->data_length);
    body->data_modified = source_modified(r->filtered);
    return CTL_OK;
}

/* Everything that can be wrong before anybody is connected to.  One of enum ctl_exit. */
static int prepare(struct request *r, struct error *err)
{
    const struct ctl_request_options *o = r->options;
    struct variables_body body = {.present = o->data != NULL};
    int rc = place_parse(&r->address, o->socket, err);
    if (rc < 0)
        return rc == -EINVAL ? CTL_USAGE : CTL_CONNECT;
    if (o->data != NULL) {
        if (source_open(&r->source, o->data, err) < 0)
            return CTL_READ;
        /* As a web server does it: many programs take a body without a length for none. */
        if (!o->stream && source_spool(r->source, err) < 0)
            return CTL_READ;
        body.sized = source_length(r->source, &body.length);
        if (o->count > 1 && !body.sized) {
            error_set(err, EINVAL,
                      "-n cannot send a pipe more than once as it comes: leave out --stream");
            return CTL_USAGE;
        }
    }
    int status = prepare_filtered(r, &body, err);
    if (status != CTL_OK)
        return status;
    if (variables_build(&r->variables, o, &body, err) < 0)
        return CTL_USAGE;
    if (open_output(r, err) < 0)
        return CTL_WRITE;
    if (timing_init(&r->timing, o->count) < 0) {
        error_set(err, ENOMEM, "no memory");
        return CTL_FAILED;
    }
    return CTL_OK;
}

static void print_variables(const struct request *r)
{
    char text[1024];
    for (size_t i = 0; i < r->variables.count; i++) {
        const struct client_param *v = &r->variables.items[i];
        fprintf(stderr, "* %s=", text_escape_fixed(text, sizeof text, v->name, strlen(v->name)));
        fprintf(stderr, "%s\n", text_escape_fixed(text, sizeof text, v->value, strlen(v->value)));
    }
}

int ctl_request(const struct ctl_request_options *options)
{
    struct ctl_request_options filled = *options;
    struct request r = {.options = &filled, .link = {.fd = -1}, .output = -1};
    struct error err = ERROR_NONE;

    if (filled.timeout == 0)
        filled.timeout = 60 * CLOCK_SEC;
    if (filled.role == 0)
        filled.role = FCGI_RESPONDER;
    /* Nothing that is opened here may land on a standard descriptor that is closed. */
    if (descriptor_open_standard() < 0)
        return CTL_FAILED;
    /* A peer or a reader of our output that is gone is a result, not an accident. */
    signal(SIGPIPE, SIG_IGN);
    head_init(&r.head);
    int status = prepare(&r, &err);
    if (status != CTL_OK) {
        complain(&err);
    } else {
        if (options->verbose)
            print_variables(&r);
        for (unsigned i = 0; i < options->count; i++) {
            int one = one_request(&r, options->count > 1);
            if (status == CTL_OK)
                status = one;
            if (!goes_on(one))
                break;
        }
        if (options->count > 1)
            timing_print_all(&r.timing, stderr);
    }
    exchange_link_clear(&r.link);
    head_clear(&r.head);
    variables_clear(&r.variables);
    timing_clear(&r.timing);
    r.source = source_free(r.source);
    r.filtered = source_free(r.filtered);
    if (r.output_owned && close(r.output) < 0 && status == CTL_OK) {
        fprintf(stderr, "gangerctl: cannot write %s: %s\n", options->output, strerror(errno));
        status = CTL_WRITE;
    }
    return status;
}
