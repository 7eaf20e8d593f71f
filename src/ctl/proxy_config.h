/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_PROXY_CONFIG_H
#define GANGER_CTL_PROXY_CONFIG_H

/* `gangerctl proxy-config`: its command line, the configuration, a snippet on standard output.  argv[0] is
 * the name for getopt's complaints.  The exit status. */
int proxy_config_run(int argc, char **argv);

#endif
