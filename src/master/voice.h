/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_VOICE_H
#define GANGER_MASTER_VOICE_H

/* What is logged about a pool: the gang's own sentences, and the lines of its workers, which are
 * foreign and therefore escaped and limited in number. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/log.h"

/* Lines of the workers of one pool that are logged in one second; the rest is counted. */
#define VOICE_LINES_PER_SECOND 200u

struct voice { /* all zero: silent so far */
    struct log_limit limit;
};

/* A line of worker `pid`; `level` an enum log_level or -1 (not marked: a program or a library). */
void voice_line(struct voice *v, const char *pool, pid_t pid, int level, const char *line,
                size_t length, uint64_t now);
/* Say how many lines were held back, when their second is over.  When to call again (monotonic),
 * or CLOCK_NEVER. */
uint64_t voice_flush(struct voice *v, const char *pool, uint64_t now);

#endif
