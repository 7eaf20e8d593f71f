/* SPDX-License-Identifier: Apache-2.0 */
/* argv → struct ctl_bench_options → ctl_bench().  Every text points into argv. */

#include "ctl/bench_options.h"

#include <getopt.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/number.h"
#include "ctl/argument.h"
#include "ctl/request_options.h"

enum { LONG_JSON = 256, LONG_TIMEOUT };
enum { CONNECTIONS_MAX = 20000 };
#define REQUESTS_MAX UINT64_C(1000000000000)

static const char usage_text[] =
    "Usage: gangerctl bench SOCKET [/PATH] [OPTION]...\n"
    "\n"
    "Loads a FastCGI application and measures it, with no web server in between: each connection\n"
    "makes one request after the other.  Ctrl-C ends it and prints what was measured.\n"
    "  -c, --connections NUMBER     at once (8)\n"
    "  -t, --time SECONDS           for so long (10)\n"
    "  -n, --count COUNT            until so many requests are made\n"
    "  -k, --keep-alive             keep the connections, instead of one for each request\n"
    "  -X, --method METHOD          REQUEST_METHOD (GET; POST with --data)\n"
    "  -H, --header 'NAME: VALUE'   a request header; 'NAME:' sends none\n"
    "  -p, --param NAME=VALUE       a FastCGI parameter; NAME alone sends none\n"
    "  -d, --data TEXT|@FILE|-      the request body; - is standard input\n"
    "      --script FILE            SCRIPT_FILENAME\n"
    "      --timeout SECONDS        a request fails that takes longer (60)\n"
    "      --json                   the report as JSON, times in seconds\n"
    "\n"
    "It exits with 1 when a request failed or none was answered, 7 when it cannot connect at all.\n"
    "See gangerctl(1).\n";

static const struct option longs[] = {
    {"connections", required_argument, NULL, 'c'},
    {"time", required_argument, NULL, 't'},
    {"count", required_argument, NULL, 'n'},
    {"keep-alive", no_argument, NULL, 'k'},
    {"method", required_argument, NULL, 'X'},
    {"header", required_argument, NULL, 'H'},
    {"param", required_argument, NULL, 'p'},
    {"data", required_argument, NULL, 'd'},
    {"script", required_argument, NULL, REQUEST_OPTIONS_SCRIPT},
    {"timeout", required_argument, NULL, LONG_TIMEOUT},
    {"json", no_argument, NULL, LONG_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int set_number(uint64_t *ret, const char *option, uint64_t maximum)
{
    if (number_parse(optarg, maximum, ret) == 0 && *ret > 0)
        return 0;
    char limit[64];
    snprintf(limit, sizeof limit, " takes a number from 1 to %llu", (unsigned long long)maximum);
    return argument_wrong(option, "", limit);
}

static int set_value(struct ctl_bench_options *o, struct request_options_lists *l, int option)
{
    uint64_t number;
    if (request_options_take(&o->request, l, option, optarg))
        return 0;
    switch (option) {
    case 'c':
        if (set_number(&number, "-c", CONNECTIONS_MAX) != 0)
            return CTL_USAGE;
        o->connections = (unsigned)number;
        return 0;
    case 't':
        return argument_duration(&o->duration, "-t", optarg);
    case 'n':
        return set_number(&o->count, "-n", REQUESTS_MAX);
    case LONG_TIMEOUT:
        return argument_duration(&o->timeout, "--timeout", optarg);
    default:
        return argument_hint(); /* getopt has said why */
    }
}

/* 0 or CTL_USAGE. */
static int read_all(struct ctl_bench_options *o, struct request_options_lists *l, int argc,
                    char **argv, bool *help)
{
    for (int c; (c = getopt_long(argc, argv, "c:t:n:kX:H:p:d:h", longs, NULL)) != -1;) {
        if (c == 'k')
            o->keep = true;
        else if (c == LONG_JSON)
            o->json = true;
        else if (c == 'h')
            *help = true;
        else if (set_value(o, l, c) != 0)
            return CTL_USAGE;
    }
    return 0;
}

int bench_options_run(int argc, char **argv)
{
    struct ctl_bench_options o = {.connections = 8};
    struct request_options_lists lists;
    bool help = false;
    int status = request_options_lists_init(&lists, argc);
    if (status == 0)
        status = read_all(&o, &lists, argc, argv, &help);
    if (status == 0 && help) {
        fputs(usage_text, stdout);
    } else if (status == 0) {
        o.request.headers = lists.headers;
        o.request.params = lists.params;
        if (o.duration == 0 && o.count == 0)
            o.duration = 10 * CLOCK_SEC;
        status = request_options_place(&o.request, "bench", argc, argv, optind);
        if (status == 0)
            status = ctl_bench(&o);
    }
    request_options_lists_clear(&lists);
    return status;
}
