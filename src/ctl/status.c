/* SPDX-License-Identifier: Apache-2.0 */
/* gangerctl status: one FastCGI request to the status responder, then a table or the JSON itself. */

#include "ctl/ctl.h"

#include <errno.h>
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
#include "ctl/table.h"
#include "ctl/variables.h"
#include "host/socket.h"
#include "report/summary.h"

enum { PAGE_MAX = 64 * 1024 * 1024 };
static const uint64_t status_timeout = 10 * CLOCK_SEC;

struct answer {
    struct head head;
    struct bytes page;
    struct error err;
};

static int on_stdout(void *userdata, const void *data, size_t length)
{
    struct answer *a = userdata;
    if (!a->head.done && head_feed(&a->head, &data, &length, &a->err) < 0)
        return -1;
    if (!a->head.done)
        return 0;
    if (bytes_append(&a->page, data, length) < 0) {
        error_set(&a->err, EMSGSIZE, "the status is too large");
        return -1;
    }
    return 0;
}

static int on_stderr(void *userdata, const void *data, size_t length)
{
    (void)userdata;
    (void)data;
    (void)length;
    return 0;
}

static const char *remedy(int rc)
{
    switch (-rc) {
    case EACCES:
    case EPERM:
        return "; try as root, or as a member of the socket's group";
    case ETIMEDOUT:
    case EAGAIN:
        return "; its status pool is too busy: try again";
    default:
        return "; is ganger running, with this runtime directory? (-r DIR names another)";
    }
}

static int connect_to(const char *path, struct exchange_link *link, struct error *err)
{
    struct address address;
    int rc = place_parse(&address, path, err);
    if (rc < 0)
        return rc;
    int fd = socket_connect(&address, status_timeout, err);
    if (fd < 0)
        return fd;
    return exchange_link_init(link, fd, false, err);
}

/* "/status?json&full&pool=NAME", the name with %XX. */
static char *make_path(const struct ctl_status_options *o)
{
    struct bytes path;
    bytes_init(&path, 4096);
    int rc = bytes_printf(&path, "/status?json%s%s", o->full ? "&full" : "",
                          o->pool != NULL ? "&pool=" : "");
    for (const char *c = o->pool == NULL ? "" : o->pool; rc == 0 && *c != '\0'; c++)
        rc = bytes_printf(&path, "%%%02X", (unsigned)(unsigned char)*c);
    const char *text = rc < 0 ? NULL : bytes_string(&path);
    char *copy = text == NULL ? NULL : strdup(text);
    bytes_clear(&path);
    return copy;
}

static int fetch(const struct ctl_status_options *o, struct exchange_link *link, struct answer *a)
{
    struct variables variables = {0};
    struct variables_body body = {0};
    char *path = make_path(o);
    if (path == NULL)
        return error_set(&a->err, ENOMEM, "no memory");
    struct ctl_request_options request = {.path = path, .role = FCGI_RESPONDER};
    int rc = variables_build(&variables, &request, &body, &a->err);
    if (rc == 0) {
        struct exchange x = {
            .params = variables.items,
            .param_count = variables.count,
            .role = FCGI_RESPONDER,
            .timeout = status_timeout,
            .max_time = status_timeout,
            .on_stdout = on_stdout,
            .on_stderr = on_stderr,
            .userdata = a,
        };
        rc = exchange_run(&x, link, &a->err);
        if (rc == 0 && (x.protocol_status != FCGI_REQUEST_COMPLETE || !a->head.done))
            rc = error_set(&a->err, EPROTO, "the status socket gave no proper answer");
    }
    variables_clear(&variables);
    free(path);
    return rc;
}

static int write_page(const void *data, size_t length)
{
    int rc = descriptor_write_all(STDOUT_FILENO, data, length);
    if (rc < 0 && rc != -EPIPE)
        fprintf(stderr, "gangerctl: cannot write: %s\n", strerror(-rc));
    return rc;
}

static bool wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0') &&
           terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static int print(const struct ctl_status_options *o, const struct answer *a, struct error *err)
{
    struct summary summary;
    int rc = summary_parse(&summary, bytes_front(&a->page), bytes_held(&a->page), err);
    if (rc < 0)
        return rc;
    if (o->json) {
        rc = write_page(bytes_front(&a->page), bytes_held(&a->page));
    } else {
        struct bytes out;
        bytes_init(&out, PAGE_MAX);
        rc = table_print(&summary, o->full, wants_colour(), &out);
        rc = rc < 0 ? rc : write_page(bytes_front(&out), bytes_held(&out));
        bytes_clear(&out);
    }
    bool bad = false;
    for (size_t i = 0; i < summary.count; i++)
        bad = bad || strcmp(summary.pools[i].state, "failing") == 0 ||
              strcmp(summary.pools[i].state, "failed") == 0;
    summary_clear(&summary);
    if (rc < 0)
        return error_errno(err, -rc, "cannot show the status");
    return bad ? CTL_FAILED : CTL_OK;
}

static int show(const struct ctl_status_options *o, const struct answer *a, const char *path)
{
    char name[256];
    struct error err = ERROR_NONE;
    if (a->head.status == 404 && o->pool != NULL) {
        fprintf(stderr, "gangerctl: there is no pool \"%s\"; `gangerctl status` lists them\n",
                text_escape_fixed(name, sizeof name, o->pool, strlen(o->pool)));
        return CTL_UNREACHABLE;
    }
    if (a->head.status >= 400) {
        fprintf(stderr, "gangerctl: %s answered with Status %u\n", path, a->head.status);
        return CTL_UNREACHABLE;
    }
    int rc = print(o, a, &err);
    if (rc >= 0)
        return rc;
    if (err.number != EPIPE)
        fprintf(stderr, "gangerctl: %s: %s\n", path, err.text);
    return CTL_UNREACHABLE;
}

int ctl_status(const struct ctl_status_options *options)
{
    struct exchange_link link = {.fd = -1};
    struct answer answer = {.err = ERROR_NONE};
    int status = CTL_UNREACHABLE;

    if (descriptor_open_standard() < 0)
        return CTL_UNREACHABLE;
    signal(SIGPIPE, SIG_IGN);
    head_init(&answer.head);
    bytes_init(&answer.page, PAGE_MAX);
    char *path = place_runtime(options->directory, "status.sock", &answer.err);
    int rc = path == NULL ? -answer.err.number : connect_to(path, &link, &answer.err);
    if (path == NULL) {
        fprintf(stderr, "gangerctl: %s\n", answer.err.text);
    } else if (rc < 0) {
        fprintf(stderr, "gangerctl: cannot reach ganger: %s%s\n", answer.err.text, remedy(rc));
    } else if (fetch(options, &link, &answer) != 0) {
        fprintf(stderr, "gangerctl: ganger does not answer on %s: %s\n", path, answer.err.text);
    } else {
        status = show(options, &answer, path);
    }
    free(path);
    exchange_link_clear(&link);
    head_clear(&answer.head);
    bytes_clear(&answer.page);
    return status;
}
