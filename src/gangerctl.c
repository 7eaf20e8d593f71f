/* SPDX-License-Identifier: Apache-2.0 */
/* gangerctl: argv in, one call into ctl/, its exit status out. */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/argument.h"
#include "ctl/bench_options.h"
#include "ctl/ctl.h"
#include "ctl/proxy_config.h"
#include "ctl/request_options.h"

/* Options without a letter. */
enum { LONG_JSON = 256, LONG_FULL, LONG_WATCH, LONG_WAIT };

static const char usage_text[] =
    "Usage: gangerctl [-r DIR] status [POOL] [--full] [--json] [--watch[=SECONDS]]\n"
    "       gangerctl [-r DIR] top [-d SECONDS] [POOL]\n"
    "       gangerctl [-r DIR] reload | upgrade | quit [--wait]\n"
    "       gangerctl [-r DIR] restart | stop | start POOL [--wait]\n"
    "       gangerctl [-r DIR] scale POOL NUMBER [--wait]\n"
    "       gangerctl [-r DIR] reopen | test | ping\n"
    "       gangerctl request SOCKET [/PATH] [OPTION]...\n"
    "       gangerctl bench SOCKET [/PATH] [OPTION]...\n"
    "       gangerctl proxy-config PROXY POOL [OPTION]...\n"
    "       gangerctl --help | --version\n"
    "\n"
    "  -r, --runtime-directory DIR  where ganger keeps its sockets\n"
    "\n"
    "status: the pools of a running ganger, or one of them.\n"
    "      --full                   every worker, too\n"
    "      --json                   as JSON, with PHP-FPM's field names\n"
    "      --watch[=SECONDS]        again and again (every 2 seconds), until Ctrl-C\n"
    "\n"
    "top: the pools, or the workers of one, live in this terminal; h shows the keys.\n"
    "  -d, --delay SECONDS          between two looks (1)\n"
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
    "request, bench and proxy-config say more with -h.  See gangerctl(1).\n";

/* ---- status ---- */

static int run_status(const char *directory, int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, LONG_JSON},
        {"full", no_argument, NULL, LONG_FULL},
        {"watch", optional_argument, NULL, LONG_WATCH},
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
        case LONG_WATCH:
            o.watch = CTL_WATCH_DEFAULT;
            if (optarg != NULL && argument_interval(&o.watch, "--watch", optarg) != 0)
                return CTL_USAGE;
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

/* ---- top ---- */

static int run_top(const char *directory, int argc, char **argv)
{
    static const struct option longs[] = {
        {"delay", required_argument, NULL, 'd'},
        {"runtime-directory", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct ctl_top_options o = {.directory = directory};
    for (int c; (c = getopt_long(argc, argv, "d:r:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'd':
            if (argument_interval(&o.interval, "-d", optarg) != 0)
                return CTL_USAGE;
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
        return argument_wrong("top takes one pool; what is \"", argv[optind + 1], "\"?");
    o.pool = argv[optind];
    return ctl_top(&o);
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
    if (strcmp(word, "top") == 0)
        return run_top(directory, argc, argv);
    if (strcmp(word, "request") == 0)
        return request_options_run(argc, argv);
    if (strcmp(word, "bench") == 0)
        return bench_options_run(argc, argv);
    if (strcmp(word, "proxy-config") == 0)
        return proxy_config_run(argc, argv);
    const struct order *order = find_order(word);
    if (order != NULL)
        return run_order(order, directory, argc, argv);
    return argument_unknown(word);
}
