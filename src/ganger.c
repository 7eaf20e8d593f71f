/* SPDX-License-Identifier: Apache-2.0 */
/* ganger(8): the command line of the master. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "master/master.h"
#include "master/upgrade.h"

#ifndef GANGER_VERSION
#define GANGER_VERSION "unknown"
#endif
#define ADOPT_CHECK 256
#define DEFAULT_CONFIG "/etc/ganger/ganger.conf"

static void usage(FILE *to)
{
    (void)fprintf(
        to, "usage: ganger [-DSthv] [-c FILE] [-p PIDFILE]\n"
            "  -c FILE     read FILE (default " DEFAULT_CONFIG ")\n"
            "  -t          test the configuration, all of it, and exit; -tt prints it too\n"
            "  -D          become a daemon (default: stay in the foreground)\n"
            "  -p PIDFILE  write the pid there too (besides ganger.pid in runtime_directory)\n"
            "  -S          strict: refuse to start when one pool cannot run\n"
            "  -v, -h      print the version, this help\n"
            "See ganger(8) and ganger.conf(5); gangerctl(1) shows how the pools are.\n");
}

/* What an earlier image of this process left; taken away, for it is nobody else's. */
static const char *take_adopted(void)
{
    static char number[16];
    const char *value = getenv(UPGRADE_VARIABLE);

    if (value == NULL)
        return NULL;
    (void)snprintf(number, sizeof(number), "%s", value);
    (void)unsetenv(UPGRADE_VARIABLE);
    return number;
}

int main(int argc, char **argv)
{
    /* ganger's own: an upgrade runs it. */
    static const struct option longs[] = {{"adopt-check", required_argument, NULL, ADOPT_CHECK},
                                          {NULL, 0, NULL, 0}};
    struct master_options options = {.config = DEFAULT_CONFIG, .argv = argv};
    int option;

    options.adopt = take_adopted();
    while ((option = getopt_long(argc, argv, "c:tDp:Svh", longs, NULL)) != -1) {
        switch (option) {
        case ADOPT_CHECK:
            options.adopt_check = optarg;
            break;
        case 'c':
            options.config = optarg;
            break;
        case 't':
            options.test++;
            break;
        case 'D':
            options.daemonise = true;
            break;
        case 'p':
            if (optarg[0] != '/') { /* -D leaves this folder */
                (void)fprintf(stderr, "ganger: -p \"%s\": an absolute path is needed\n", optarg);
                return MASTER_EXIT_USAGE;
            }
            options.pid_file = optarg;
            break;
        case 'S':
            options.strict = true;
            break;
        case 'v':
            (void)printf("ganger %s\n", GANGER_VERSION);
            return MASTER_EXIT_OK;
        case 'h':
            usage(stdout);
            return MASTER_EXIT_OK;
        default:
            usage(stderr);
            return MASTER_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "ganger: what is \"%s\"?  No argument is expected.\n", argv[optind]);
        usage(stderr);
        return MASTER_EXIT_USAGE;
    }
    return master_run(&options);
}
