/* SPDX-License-Identifier: Apache-2.0 */
/* gangerctl: argv in, one call into ctl/, its exit status out. */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/argument.h"
#include "ctl/ctl.h"

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
    LONG_STDERR,
    LONG_WAIT
};

static const char usage_text[] =
    "Usage: gangerctl [-r DIR] status [POOL] [--full] [--json]\n"
    "       gangerctl [-r DIR] reload | upgrade | quit [--wait]\n"
    "       gangerctl [-r DIR] restart | stop | start POOL [--wait]\n"
    "       gangerctl [-r DIR] scale POOL NUMBER [--wait]\n"
    "       gangerctl [-r DIR] reopen | test | ping\n"
    "       gangerctl request SOCKET [/PATH] [OPTION]...\n"
    "       gangerctl --help | --version\n"
    "\n"
    "  -r, --runtime-directory DIR  where ganger keeps its sockets\n"
    "\n"
    "status: the pools of a running ganger, or one of them.\n"
    "      --full                   every worker, too\n"
    "      --json                   as JSON, with PHP-FPM's field names\n"
    "\n"
    "Orders to a running ganger:\n"
    "  reload                       read the configuration again and change what has changed\n"
    "  restart POOL                 replace its workers, without losing a request\n"
    "  stop POOL                    finish its requests and close its sockets, until start\n"
    "  start POOL                   let it run again\n"
    "  scale POOL NUMBER            set its pm.max_children, until a reload changes the pool\n"
    "  reopen                       open the logs anew, after they were renamed\n"
    "  upgrade                      go on as the program that is now installed\n"
    "  quit                         finish all requests and end\n"
    "  test                         check the configuration, and change nothing\n"
    "  ping                         see whether it answers\n"
    "      --wait                   until that has settled\n"
    "Their exit status is 0 when ganger has done it, 1 when not, 2 when it is not there.\n"
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
            return argument_hint();
        }
    }
    if (argc - optind > 1)
        return argument_wrong("status takes one pool; what is \"", argv[optind + 1], "\"?");
    o.pool = argv[optind];
    return ctl_status(&o);
}

/* ---- orders ---- */

#define ORDER_WORDS 3 /* "scale POOL NUMBER" */

static const struct order {
    const char *word;
    size_t words;      /* with what it takes */
    const char *takes; /* for complaints */
    bool wait;
} orders[] = {
    {"reload", 1, "nothing", true},
    {"restart", 2, "a pool", true},
    {"stop", 2, "a pool", true},
    {"start", 2, "a pool", true},
    {"scale", 3, "a pool and a number", true},
    {"reopen", 1, "nothing", false},
    {"upgrade", 1, "nothing", true},
    {"quit", 1, "nothing", true},
    {"test", 1, "nothing", false},
    {"ping", 1, "nothing", false},
};

static const struct order *find_order(const char *word)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (strcmp(word, orders[i].word) == 0)
            return &orders[i];
    }
    return NULL;
}

static int run_order(const struct order *order, const char *directory, int argc, char **argv)
{
    static const struct option longs[] = {
        {"wait", no_argument, NULL, LONG_WAIT},
        {"runtime-directory", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *words[ORDER_WORDS] = {order->word};
    struct ctl_order_options o = {.directory = directory, .words = words};
    for (int c; (c = getopt_long(argc, argv, "r:h", longs, NULL)) != -1;) {
        switch (c) {
        case LONG_WAIT:
            if (!order->wait)
                return argument_wrong("", order->word, " is done at once; leave out --wait");
            o.wait = true;
            break;
        case 'r':
            o.directory = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return CTL_OK;
        default:
            return argument_hint();
        }
    }
    if ((size_t)(argc - optind) != order->words - 1) {
        char after[64];
        snprintf(after, sizeof after, " takes %s", order->takes);
        return argument_wrong("", order->word, after);
    }
    for (o.word_count = 1; o.word_count < order->words; o.word_count++) {
        const char *word = argv[optind + (int)o.word_count - 1];
        /* One line of words is sent. */
        if (word[0] == '\0' || strpbrk(word, " \t\n") != NULL)
            return argument_wrong("\"", word, "\" is no name of a pool and no number");
        words[o.word_count] = word;
    }
    return ctl_order(&o);
}

/* ---- request ---- */

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

/* Options that take a value.  0 or CTL_USAGE. */
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
        return argument_count(&o->count, "-n", optarg);
    case LONG_SCRIPT:
        o->script = optarg;
        return 0;
    case LONG_ROLE:
        return argument_role(&o->role, optarg);
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
        else if (set_value(o, headers, params, c) != 0)
            return CTL_USAGE;
    }
    return 0;
}

static int run_request(int argc, char **argv)
{
    struct ctl_request_options o = {.count = 1};
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
            status = argument_wrong(
                "request needs a SOCKET: a path, @abstract, host:port or [v6]:port", "", "");
        } else if (argc - optind > 2) {
            status = argument_wrong("request takes a SOCKET and a /PATH; what is \"",
                                    argv[optind + 2], "\"?");
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

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"runtime-directory", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    const char *directory = NULL;
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
            return argument_hint();
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
    const struct order *order = find_order(word);
    if (order != NULL)
        return run_order(order, directory, argc, argv);
    return argument_unknown(word);
}
