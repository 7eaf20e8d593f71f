/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_ARGUMENT_H
#define GANGER_CTL_ARGUMENT_H

/* Words of gangerctl's command line → values, with the complaint on stderr when they are none.
 * Each returns 0, or CTL_USAGE after complaining. */

#include <stdint.h>
#include "ctl/ctl.h"

/* "60", "1.5s", "200ms"; above zero, at most seven days. */
int argument_duration(uint64_t *ret_usec, const char *option, const char *text);
/* As above, from 100 ms to a day: how often something is looked at. */
int argument_interval(uint64_t *ret_usec, const char *option, const char *text);
/* A whole number from 1 to 1000000. */
int argument_count(unsigned *ret, const char *option, const char *text);
/* "responder", "authorizer", "filter". */
int argument_role(uint16_t *ret, const char *text);
/* "show", "raw", "hide". */
int argument_stderr(enum ctl_stderr *ret, const char *text);
/* Complain with `before`, the word escaped, `after`, and where to read more. */
int argument_wrong(const char *before, const char *word, const char *after);
/* Where to read more, when somebody else has complained. */
int argument_hint(void);
/* Complain about a word that is no subcommand. */
int argument_unknown(const char *word);

#endif
