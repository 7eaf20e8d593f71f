/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_MASTER_H
#define GANGER_MASTER_MASTER_H

/* The master process, from its command line to its exit status. */

#include <stdbool.h>

struct master_options {
    char *const *argv;       /* the command line */
    const char *adopt;       /* descriptor of the state that an earlier image left; NULL: none */
    const char *adopt_check; /* … that is to be looked at, and no more; NULL: none */
    const char *config;      /* file */
    const char *pid_file;    /* NULL: what the configuration says */
    unsigned test;           /* 1: -t, 2: -tt */
    bool daemonise;          /* besides what the configuration says */
    bool strict;             /* a pool that cannot run keeps all of them from starting */
};

enum master_exit {
    MASTER_EXIT_OK = 0,
    MASTER_EXIT_CONFIG = 1,  /* the configuration does not pass */
    MASTER_EXIT_USAGE = 64,  /* EX_USAGE of sysexits.h */
    MASTER_EXIT_CANNOT = 70, /* EX_SOFTWARE, as PHP-FPM: the host does not let us */
};

/* Run until told to stop.  The exit status. */
int master_run(const struct master_options *options);

#endif
