/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_BENCH_OPTIONS_H
#define GANGER_CTL_BENCH_OPTIONS_H

/* The command line of `gangerctl bench`.  argv[0] is the name for getopt's complaints.  The exit
 * status. */
int bench_options_run(int argc, char **argv);

#endif
