/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_READING_H
#define GANGER_CONF_READING_H

/* One reading of a text by libconfuse, up to its end or its first mistake. */

#include <stdbool.h>
#include <stddef.h>
#include "conf/schema.h"
#include "conf/statement.h"

#define READING_UNKNOWN_MAX 200
/* An option that may be written behind a text; ended_in_pool then says where it was found. */
#define READING_END "\002ended"

struct reading {
    struct statement_list found;
    unsigned file; /* goes into each statement */
    bool in_pool;  /* the text stands between the braces of a pool */
    bool no_memory;
    bool ended_in_pool;
    unsigned error_line; /* 0: none yet */
    char *error_pool;    /* title of the pool it stands in, owned; NULL outside */
    char error_text[512];
    char *unknown[2][READING_UNKNOWN_MAX]; /* by enum schema_scope, owned: taken, and left out */
    size_t unknown_count[2];
};

/* Read `text`, from nothing.  True when there was no mistake; else error_line, error_pool and
 * error_text tell of the first, or no_memory is set.  `found` holds what came before it. */
bool reading_once(struct reading *r, const char *text, bool in_pool);
bool reading_is_unknown(const struct reading *r, enum schema_scope scope, const char *name);
/* Take `name` from now on; at most READING_UNKNOWN_MAX of a scope.  0 or -ENOMEM. */
int reading_add_unknown(struct reading *r, enum schema_scope scope, const char *name);
void reading_clear(struct reading *r);

#endif
