/* SPDX-License-Identifier: Apache-2.0 */
/* gangerctl: argv in, one call into ctl/, its exit status out. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/number.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "wire/record.h"

/* Options without a letter. */
enum {
    LONG_JSON = 256,
    LONG_FULL,
    LONG_DATA,
    LONG_SCRIPT,
    LONG_TIMING,
    LONG_TIMEOUT,
    LONG_MAX_TIME,
    LONG_ROLE,
    LONG_STDERR
};

static const char usage_text[] =
    "Usage: gangerctl [-r DIR] status [POOL] [--full] [--json]\n"
    "       gangerctl request SOCKET [/PATH] [OPTION]...\n"
    "       gangerctl -h | --version\n"
    "\n"
    "  -r, --runtime-directory DIR  where ganger keeps its sockets\n"
    "\n"
    "status: the pools of a running ganger, or one of them.\n"
    "      --full                   every worker, too\n"
    "      --json                   as JSON, with PHP-FPM's field names\n"
    "\n"
    "request: ask a FastCGI application, as a web server would.  SOCKET is a path, @abstract,\n"
    "host:port or [v6]:port; the response goes to standard output.\n"
    "  -X, --method METHOD          REQUEST_METHOD (GET; POST with --data)\n"
    "  -H, --header 'NAME: VALUE'   a request header; 'NAME:' sends none\n"
    "  -p, --param NAME=VALUE       a FastCGI parameter; NAME alone sends none\n"
    "  -d, --data TEXT|@FILE|-      the request body; - is standard input\n"
    "      --script FILE            SCRIPT_FILENAME\n"
    "  -i, --include                print the response header, too\n"
    "  -o, --output FILE            write the response there\n"
    "  -n, --count COUNT            that many requests on one kept connection\n"
    "      --role ROLE              responder or authorizer\n"
    "      --stderr HOW             FCGI_STDERR: show, raw or hide\n"
    "      --timeout SECONDS        give up when nothing moves for so long (60)\n"
    "      --max-time SECONDS       give up when one request takes longer\n"
    "      --timing                 print how long it took\n"
    "  -v, --verbose                print the records as they go by\n"
    "\n"
    "request exits with 0 below Status 400, 22 from there on, 1 without a proper response,\n"
    "7 when it cannot connect, 28 on a time limit.  See gangerctl(1).\n";

static int complain(const char *format, const char *word)
{
    char text[256];
    text_escape_fixed(text, sizeof text, word, strlen(word));
    fputs("gangerctl: ", stderr);
    fprintf(stderr, format, text);
    fputs("\nTry 'gangerctl -h'.\n", stderr);
    return CTL_USAGE;
}

/* ---- status ---- */

static int run_status(const char *directory, int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, LONG_JSON},
        {"full", no_argument, NULL, LONG_FULL},
        {"runtime-directory", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct ctl_status_options o = {.directory = directory};
    for (int c; (c = getopt_long(argc, argv, "r:h", longs, NULL)) != -1;) {
        switch (c) {
        case LONG_JSON:
            o.json = true;
            break;
        case LONG_FULL:
            o.full = true;
            break;
        case 'r':
            o.directory = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return CTL_OK;
        default:
            return CTL_USAGE;
        }
    }
    if (argc - optind > 1)
        return complain("status takes one pool; what is \"%s\"?", argv[optind + 1]);
    o.pool = argv[optind];
    return ctl_status(&o);
}

/* ---- request ---- */

static int set_duration(uint64_t *ret, const char *option, const char *text)
{
    if (number_parse_duration(text, ret) == 0 && *ret > 0)
        return 0;
    fprintf(stderr, "gangerctl: %s takes a time such as 60, 1.5s or 200ms\n", option);
    return -1;
}

static int set_count(unsigned *ret, const char *text)
{
    uint64_t count;
    if (number_parse(text, 1000000, &count) < 0 || count == 0) {
        fputs("gangerctl: -n takes a number from 1 to 1000000\n", stderr);
        return -1;
    }
    *ret = (unsigned)count;
    return 0;
}

static int set_role(uint16_t *ret, const char *text)
{
    if (strcmp(text, "responder") == 0)
        *ret = FCGI_RESPONDER;
    else if (strcmp(text, "authorizer") == 0)
        *ret = FCGI_AUTHORIZER;
    else
        return complain("--role is responder or authorizer, not \"%s\"", text), -1;
    return 0;
}

static int set_stderr(enum ctl_stderr *ret, const char *text)
{
    static const char *const words[] = {"show", "raw", "hide"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = (enum ctl_stderr)i;
            return 0;
        }
    }
    return complain("--stderr is show, raw or hide, not \"%s\"", text), -1;
}

static const struct option request_options[] = {
    {"method", required_argument, NULL, 'X'},
    {"header", required_argument, NULL, 'H'},
    {"param", required_argument, NULL, 'p'},
    {"data", required_argument, NULL, 'd'},
    {"script", required_argument, NULL, LONG_SCRIPT},
    {"include", no_argument, NULL, 'i'},
    {"output", required_argument, NULL, 'o'},
    {"count", required_argument, NULL, 'n'},
    {"role", required_argument, NULL, LONG_ROLE},
    {"stderr", required_argument, NULL, LONG_STDERR},
    {"timeout", required_argument, NULL, LONG_TIMEOUT},
    {"max-time", required_argument, NULL, LONG_MAX_TIME},
    {"timing", no_argument, NULL, LONG_TIMING},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Options that take a value.  0 or -1. */
static int set_value(struct ctl_request_options *o, const char **headers, const char **params,
                     int option)
{
    switch (option) {
    case 'X':
        o->method = optarg;
        return 0;
    case 'H':
        headers[o->header_count++] = optarg;
        return 0;
    case 'p':
        params[o->param_count++] = optarg;
        return 0;
    case 'd':
        o->data = optarg;
        return 0;
    case 'o':
        o->output = optarg;
        return 0;
    case 'n':
        return set_count(&o->count, optarg);
    case LONG_SCRIPT:
        o->script = optarg;
        return 0;
    case LONG_ROLE:
        return set_role(&o->role, optarg);
    case LONG_STDERR:
        return set_stderr(&o->stderr_mode, optarg);
    case LONG_TIMEOUT:
        return set_duration(&o->timeout, "--timeout", optarg);
    case LONG_MAX_TIME:
        return set_duration(&o->max_time, "--max-time", optarg);
    default:
        return -1; /* getopt has said why */
    }
}

/* A positive number is an exit status; 0 to go on; -1 for a mistake. */
static int read_request(struct ctl_request_options *o, const char **headers, const char **params,
                        int argc, char **argv, bool *help)
{
    for (int c; (c = getopt_long(argc, argv, "X:H:p:d:io:n:vh", request_options, NULL)) != -1;) {
        if (c == 'i')
            o->include = true;
        else if (c == 'v')
            o->verbose = true;
        else if (c == LONG_TIMING)
            o->timing = true;
        else if (c == 'h')
            *help = true;
        else if (set_value(o, headers, params, c) < 0)
            return -1;
    }
    return 0;
}

static int run_request(int argc, char **argv)
{
    struct ctl_request_options o = {
        .timeout = 60 * CLOCK_SEC,
        .count = 1,
        .role = FCGI_RESPONDER,
    };
    bool help = false;
    const char **headers = calloc((size_t)argc, sizeof *headers);
    const char **params = calloc((size_t)argc, sizeof *params);
    int status = CTL_USAGE;
    if (headers == NULL || params == NULL) {
        fputs("gangerctl: no memory\n", stderr);
    } else if (read_request(&o, headers, params, argc, argv, &help) == 0) {
        o.headers = headers;
        o.params = params;
        if (help) {
            fputs(usage_text, stdout);
            status = CTL_OK;
        } else if (argc - optind < 1) {
            status =
                complain("%s needs a SOCKET: a path, @abstract, host:port or [v6]:port", "request");
        } else if (argc - optind > 2) {
            status =
                complain("request takes a SOCKET and a /PATH; what is \"%s\"?", argv[optind + 2]);
        } else {
            o.socket = argv[optind];
            o.path = argv[optind + 1];
            status = ctl_request(&o);
        }
    }
    free(headers);
    free(params);
    return status;
}

/* ---- which ---- */

/* Planned, and known by name so that nobody looks for a spelling mistake. */
static const char *const later[] = {"top",   "reload", "restart", "stop",
                                    "start", "scale",  "reopen",  "upgrade",
                                    "quit",  "test",   "bench",   "proxy-config"};

static int unknown(const char *word)
{
    static const char *const known[] = {"status", "request"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(word, later[i]) == 0) {
            fprintf(stderr, "gangerctl: %s is not yet supported by this version\n", word);
            return CTL_USAGE;
        }
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_distance(word, known[i], 3) < 3) {
            char text[128];
            fprintf(stderr, "gangerctl: \"%s\" is no subcommand; did you mean %s?\n",
                    text_escape_fixed(text, sizeof text, word, strlen(word)), known[i]);
            return CTL_USAGE;
        }
    }
    return complain("\"%s\" is no subcommand; there are status and request", word);
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"runtime-directory", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    const char *directory = NULL;
    if (descriptor_open_standard() < 0)
        return CTL_FAILED;
    /* '+': what follows the subcommand is the subcommand's. */
    for (int c; (c = getopt_long(argc, argv, "+r:hV", longs, NULL)) != -1;) {
        if (c == 'r') {
            directory = optarg;
        } else if (c == 'h') {
            fputs(usage_text, stdout);
            return CTL_OK;
        } else if (c == 'V') {
            puts("gangerctl " GANGER_VERSION);
            return CTL_OK;
        } else {
            return CTL_USAGE;
        }
    }
    if (optind == argc) {
        fputs(usage_text, stderr);
        return CTL_USAGE;
    }
    const char *word = argv[optind];
    argv[optind] = argv[0]; /* getopt names its complaints after it */
    argc -= optind;
    argv += optind;
    optind = 0; /* start anew, behind the subcommand */
    if (strcmp(word, "status") == 0)
        return run_status(directory, argc, argv);
    if (strcmp(word, "request") == 0)
        return run_request(argc, argv);
    return unknown(word);
}
