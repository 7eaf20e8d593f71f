/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_SPOOL_H
#define GANGER_BASE_SPOOL_H

/*
 * Lines of the log that their target does not take just now, in order.  When there is no room the
 * oldest are dropped and counted: what is lost lies between what was written last and the first line
 * that is kept.
 */

#include <stdint.h>
#include "base/bytes.h"

struct spool {
    struct bytes lines; /* each behind its length; no memory while there are none */
    uint64_t dropped;
};

/* At most `most` bytes; 0: everything is dropped.  What it holds already and is too much is dropped. */
void spool_limit(struct spool *s, size_t most);
/* Keep a copy of one line. */
void spool_push(struct spool *s, const char *line, size_t length);
/* The oldest line, *ret_length bytes that live until the next call; NULL: none. */
const char *spool_first(struct spool *s, size_t *ret_length);
/* The oldest line is written. */
void spool_pop(struct spool *s);
/* How many lines it holds. */
uint64_t spool_count(const struct spool *s);
/* Nobody will write what is left: it is dropped, too. */
void spool_drop(struct spool *s);

#endif
