/* SPDX-License-Identifier: Apache-2.0 */
/* argv → struct ctl_request_options → ctl_request().  Every text points into argv. */

#include "ctl/request_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "ctl/argument.h"

enum {
    LONG_TIMING = 256,
    LONG_TIMEOUT,
    LONG_MAX_TIME,
    LONG_ROLE,
    LONG_STDERR,
    LONG_STREAM,
    LONG_FILTER_FILE
};

static const char usage_text[] =
    "Usage: gangerctl request SOCKET [/PATH] [OPTION]...\n"
    "\n"
    "Asks a FastCGI application, as a web server would.  SOCKET is a path, @abstract, host:port "
    "or\n"
    "[v6]:port; the response goes to standard output.\n"
    "  -X, --method METHOD          REQUEST_METHOD (GET; POST with --data)\n"
    "  -H, --header 'NAME: VALUE'   a request header; 'NAME:' sends none\n"
    "  -p, --param NAME=VALUE       a FastCGI parameter; NAME alone sends none\n"
    "  -d, --data TEXT|@FILE|-      the request body; - is standard input\n"
    "      --stream                 send a pipe as it comes, without CONTENT_LENGTH\n"
    "      --script FILE            SCRIPT_FILENAME\n"
    "  -i, --include                print the response header, too\n"
    "  -o, --output FILE            write the response there\n"
    "  -n, --count COUNT            that many requests on one kept connection\n"
    "      --role ROLE              responder, authorizer or filter\n"
    "      --filter-file FILE       what a filter is to filter (FCGI_DATA)\n"
    "      --stderr HOW             FCGI_STDERR: show, raw or hide\n"
    "      --timeout SECONDS        give up when nothing moves for so long (60)\n"
    "      --max-time SECONDS       give up when one request takes longer\n"
    "      --timing                 print how long it took\n"
    "  -v, --verbose                print the records as they go by\n"
    "\n"
    "It exits with 0 below Status 400, 22 from there on, 1 without a proper response,\n"
    "7 when it cannot connect, 28 on a time limit.  See gangerctl(1).\n";

static const struct option longs[] = {
    {"method", required_argument, NULL, 'X'},
    {"header", required_argument, NULL, 'H'},
    {"param", required_argument, NULL, 'p'},
    {"data", required_argument, NULL, 'd'},
    {"stream", no_argument, NULL, LONG_STREAM},
    {"script", required_argument, NULL, REQUEST_OPTIONS_SCRIPT},
    {"include", no_argument, NULL, 'i'},
    {"output", required_argument, NULL, 'o'},
    {"count", required_argument, NULL, 'n'},
    {"role", required_argument, NULL, LONG_ROLE},
    {"filter-file", required_argument, NULL, LONG_FILTER_FILE},
    {"stderr", required_argument, NULL, LONG_STDERR},
    {"timeout", required_argument, NULL, LONG_TIMEOUT},
    {"max-time", required_argument, NULL, LONG_MAX_TIME},
    {"timing", no_argument, NULL, LONG_TIMING},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int request_options_lists_init(struct request_options_lists *l, int argc)
{
    l->headers = calloc((size_t)argc + 1, sizeof *l->headers);
    l->params = calloc((size_t)argc + 1, sizeof *l->params);
    if (l->headers != NULL && l->params != NULL)
        return 0;
    request_options_lists_clear(l);
    fputs("gangerctl: no memory\n", stderr);
    return CTL_FAILED;
}

void request_options_lists_clear(struct request_options_lists *l)
{
    free(l->headers);
    free(l->params);
    *l = (struct request_options_lists){0};
}

bool request_options_take(struct ctl_request_options *o, struct request_options_lists *l,
                          int option, const char *value)
{
    switch (option) {
    case 'X':
        o->method = value;
        return true;
    case 'H':
        l->headers[o->header_count++] = value;
        return true;
    case 'p':
        l->params[o->param_count++] = value;
        return true;
    case 'd':
        o->data = value;
        return true;
    case REQUEST_OPTIONS_SCRIPT:
        o->script = value;
        return true;
    default:
        return false;
    }
}

int request_options_place(struct ctl_request_options *o, const char *word, int argc, char **argv,
                          int first)
{
    if (argc - first < 1)
        return argument_wrong("", word,
                              " needs a SOCKET: a path, @abstract, host:port or [v6]:port");
    if (argc - first > 2)
        return argument_wrong("a SOCKET and a /PATH are taken; what is \"", argv[first + 2], "\"?");
    o->socket = argv[first];
    o->path = argv[first + 1];
    return 0;
}

/* Options that take a value.  0 or CTL_USAGE. */
static int set_value(struct ctl_request_options *o, struct request_options_lists *l, int option)
{
    if (request_options_take(o, l, option, optarg))
        return 0;
    switch (option) {
    case 'o':
        o->output = optarg;
        return 0;
    case 'n':
        return argument_count(&o->count, "-n", optarg);
    case LONG_ROLE:
        return argument_role(&o->role, optarg);
    case LONG_FILTER_FILE:
        o->filter_file = optarg;
        return 0;
    case LONG_STDERR:
        return argument_stderr(&o->stderr_mode, optarg);
    case LONG_TIMEOUT:
        return argument_duration(&o->timeout, "--timeout", optarg);
    case LONG_MAX_TIME:
        return argument_duration(&o->max_time, "--max-time", optarg);
    default:
        return argument_hint(); /* getopt has said why */
    }
}

/* 0 or CTL_USAGE. */
static int read_all(struct ctl_request_options *o, struct request_options_lists *l, int argc,
                    char **argv, bool *help)
{
    for (int c; (c = getopt_long(argc, argv, "X:H:p:d:io:n:vh", longs, NULL)) != -1;) {
        if (c == 'i')
            o->include = true;
        else if (c == 'v')
            o->verbose = true;
        else if (c == LONG_TIMING)
            o->timing = true;
        else if (c == LONG_STREAM)
            o->stream = true;
        else if (c == 'h')
            *help = true;
        else if (set_value(o, l, c) != 0)
            return CTL_USAGE;
    }
    return 0;
}

int request_options_run(int argc, char **argv)
{
    struct ctl_request_options o = {.count = 1};
    struct request_options_lists lists;
    bool help = false;
    int status = request_options_lists_init(&lists, argc);
    if (status == 0)
        status = read_all(&o, &lists, argc, argv, &help);
    if (status == 0 && help) {
        fputs(usage_text, stdout);
    } else if (status == 0) {
        o.headers = lists.headers;
        o.params = lists.params;
        status = request_options_place(&o, "request", argc, argv, optind);
        if (status == 0)
            status = ctl_request(&o);
    }
    request_options_lists_clear(&lists);
    return status;
}
