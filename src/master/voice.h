/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_VOICE_H
#define GANGER_MASTER_VOICE_H

/* What the workers of a pool have written, in the log: foreign, and therefore escaped and limited in
 * number, for each pool and for all of them together (each worker: pool/output.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/log.h"
#include "base/pace.h"

/* Lines that are logged in a second, and at once after a silence; the rest is counted. */
#define VOICE_POOL_LINES 200u
#define VOICE_POOL_BURST 1000u
#define VOICE_ALL_LINES 2000u
#define VOICE_ALL_BURST 10000u

struct voice { /* all zero: silent so far */
    struct pace pace;
};

/* A line of worker `pid`; `level` an enum log_level or -1 (not marked: a program or a library) or
 * GANG_LINE_PLAIN; `all` is shared by all pools. */
void voice_line(struct voice *v, struct pace *all, const char *pool, pid_t pid, int level,
                const char *line, size_t length, uint64_t now);
/* Say how many lines were held back, when their second is over, or at once.  When to call again
 * (monotonic), or CLOCK_NEVER. */
uint64_t voice_flush(struct voice *v, const char *pool, bool at_once, uint64_t now);

#endif
