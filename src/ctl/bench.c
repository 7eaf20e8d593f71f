/* SPDX-License-Identifier: Apache-2.0 */
/* gangerctl bench: the command around ctl/load.  Standard output carries the report alone. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "ctl/ctl.h"
#include "ctl/load.h"
#include "ctl/place.h"
#include "ctl/source.h"
#include "ctl/tally.h"
#include "ctl/variables.h"
#include "wire/client.h"

enum {
    REQUEST_ID = 1,
    REQUEST_MAX = 80 * 1024 * 1024, /* the request is held once, whole */
    BODY_MAX = 64 * 1024 * 1024,
    REPORT_MAX = 64 * 1024,
    OTHER_DESCRIPTORS = 16,
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* The second one is meant. */
static void listen_to_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* One of enum ctl_exit. */
static int add_body(struct bytes *out, struct source *body, struct error *err)
{
    uint8_t piece[65536];
    for (;;) {
        ssize_t got = source_read(body, piece, sizeof piece, err);
        if (got < 0)
            return CTL_READ;
        if (got == 0)
            return CTL_OK;
        if (record_stream(out, FCGI_STDIN, REQUEST_ID, piece, (size_t)got) < 0) {
            error_set(err, ENOMEM, "no memory for the body");
            return CTL_FAILED;
        }
    }
}

static int build(const struct ctl_bench_options *o, struct bytes *out, struct source *source,
                 struct error *err)
{
    struct variables variables = {0};
    struct variables_body body = {.present = source != NULL};
    int status = CTL_OK;
    if (source != NULL)
        body.sized = source_length(source, &body.length);
    if (body.length > BODY_MAX) {
        error_set(err, EFBIG, "the body is larger than %d MiB, which is the most a bench sends",
                  BODY_MAX / 1024 / 1024);
        return CTL_USAGE;
    }
    if (variables_build(&variables, &o->request, &body, err) < 0)
        return CTL_USAGE;
    int rc = client_begin(out, REQUEST_ID, FCGI_RESPONDER, o->keep ? FCGI_KEEP_CONN : 0,
                          variables.items, variables.count);
    variables_clear(&variables);
    if (rc == 0 && source != NULL)
        status = add_body(out, source, err);
    if (rc == 0 && status == CTL_OK)
        rc = record_stream_end(out, FCGI_STDIN, REQUEST_ID);
    if (rc < 0) {
        error_errno(err, -rc, "the request cannot be built");
        status = CTL_FAILED;
    }
    return status;
}

/* One of enum ctl_exit. */
static int make_request(const struct ctl_bench_options *o, struct bytes *out, struct error *err)
{
    struct source *source = NULL;
    int status = CTL_OK;
    if (o->request.data != NULL &&
        (source_open(&source, o->request.data, err) < 0 || source_spool(source, err) < 0))
        status = CTL_READ;
    if (status == CTL_OK)
        status = build(o, out, source, err);
    source_free(source);
    return status;
}

static int room_for(unsigned connections, struct error *err)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return error_errno(err, errno, "cannot read the limit of open files");
    if (limit.rlim_cur >= wanted)
        return 0;
    if (limit.rlim_max < wanted)
        return error_set(
            err, EMFILE,
            "-c %u needs %llu open files, and no more than %llu are allowed here: raise "
            "the limit (ulimit -Hn)",
            connections, (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return error_errno(err, errno, "cannot raise the limit of open files");
    return 0;
}

static int report(const struct tally *t, bool json, struct error *err)
{
    struct bytes text;
    bytes_init(&text, REPORT_MAX);
    int rc = json ? tally_print_json(t, &text) : tally_print_text(t, &text);
    if (rc == 0)
        rc = descriptor_write_all(STDOUT_FILENO, bytes_front(&text), bytes_held(&text));
    bytes_clear(&text);
    return rc < 0 ? error_errno(err, -rc, "cannot write the report") : 0;
}

/* One of enum ctl_exit. */
static int measure(const struct load *load, struct tally *t, bool json, struct error *err)
{
    int rc = load_run(load, t, err);
    t->interrupted = interrupted != 0;
    if (rc < 0 && t->connects == 0)
        return CTL_CONNECT;
    int status = rc < 0 || tally_failed(t) > 0 || t->answered == 0 ? CTL_FAILED : CTL_OK;
    struct error other = ERROR_NONE;
    if (report(t, json, &other) < 0) {
        *err = other;
        return CTL_WRITE;
    }
    return status;
}

int ctl_bench(const struct ctl_bench_options *o)
{
    static struct tally tally; /* large */
    struct error err = ERROR_NONE;
    struct bytes request;
    struct load load = {
        .connections = o->connections,
        .keep = o->keep,
        .duration = o->duration,
        .count = o->count,
        .timeout = o->timeout > 0 ? o->timeout : 60 * CLOCK_SEC,
        .interrupted = &interrupted,
    };
    if (descriptor_open_standard() < 0)
        return CTL_FAILED;
    bytes_init(&request, REQUEST_MAX);
    int rc = place_parse(&load.address, o->request.socket, &err);
    int status = rc == 0 ? CTL_OK : rc == -EINVAL ? CTL_USAGE : CTL_CONNECT;
    if (status == CTL_OK)
        status = make_request(o, &request, &err);
    if (status == CTL_OK && room_for(o->connections, &err) < 0)
        status = CTL_USAGE;
    if (status == CTL_OK) {
        load.request = bytes_front(&request);
        load.length = bytes_held(&request);
        tally.socket = load.address.text;
        tally.path = o->request.path == NULL ? "/" : o->request.path;
        tally.connections = o->connections;
        tally.keep = o->keep;
        listen_to_signals();
        status = measure(&load, &tally, o->json, &err);
    }
    if (err.text[0] != '\0')
        fprintf(stderr, "gangerctl: %s\n", err.text);
    bytes_clear(&request);
    return status;
}
