/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_INSPECT_H
#define GANGER_MASTER_INSPECT_H

/* The configuration read, and held against this host. */

#include <stdbool.h>
#include <stddef.h>
#include "base/bytes.h"
#include "conf/conf.h"
#include "pool/context.h"

struct inspection {
    struct conf *conf; /* NULL when the text itself has mistakes; owned */
    struct conf_complaints complaints;
    char **reasons; /* for each pool: why it cannot run here, or NULL; owned */
    size_t unfit;   /* pools that have a reason, and global options that name what is not there */
};

/* Read `path`.  What the configuration says about the master is put into *context.  0, also when there
 * are complaints; negative: no memory. */
int inspect_config(struct inspection *ret, const char *path, struct pool_context *context);
void inspect_clear(struct inspection *i);
/* Nothing in it keeps any pool from running. */
bool inspect_passed(const struct inspection *i);

/* `ganger -t` and, with `dump`, -tt: complaints and the verdict on stderr, the effective
 * configuration on stdout.  The exit status. */
int inspect_report(const struct inspection *i, const char *path, bool dump);
/* The complaints, a line each, for whoever asked. */
void inspect_say(const struct inspection *i, struct bytes *said);
/* The complaints, to the log. */
void inspect_log(const struct inspection *i);

#endif
