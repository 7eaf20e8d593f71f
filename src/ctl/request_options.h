/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_REQUEST_OPTIONS_H
#define GANGER_CTL_REQUEST_OPTIONS_H

/* The command line of `gangerctl request`, and what others share of it. */

#include "ctl/ctl.h"

/* Options that take a value and mean the same to all who make requests: -X, -H, -p, -d, --script.  The
 * arrays have room for one entry more than argv. */
struct request_options_lists {
    const char **headers;
    const char **params;
};
enum { REQUEST_OPTIONS_SCRIPT = 1000 }; /* getopt's value for --script */
/* Room for the lists of a command line of `argc` words.  0, or CTL_FAILED after complaining. */
int request_options_lists_init(struct request_options_lists *l, int argc);
void request_options_lists_clear(struct request_options_lists *l);
/* True when `option` is one of them, and then it is set. */
bool request_options_take(struct ctl_request_options *o, struct request_options_lists *l,
                          int option, const char *value);
/* What is left of argv behind the options, the first word at `first`: SOCKET and perhaps /PATH, for
 * the subcommand `word`.  0, or CTL_USAGE after complaining. */
int request_options_place(struct ctl_request_options *o, const char *word, int argc, char **argv,
                          int first);

/* argv[0] is the name for getopt's complaints.  The exit status. */
int request_options_run(int argc, char **argv);

#endif
