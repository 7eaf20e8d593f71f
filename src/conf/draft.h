/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_DRAFT_H
#define GANGER_CONF_DRAFT_H

/* A configuration that is being read: the values, and where each was written. */

#include <stdbool.h>
#include <stddef.h>
#include "conf/complaint.h"
#include "conf/conf.h"
#include "conf/files.h"
#include "conf/schema.h"
#include "conf/statement.h"

struct draft_source {    /* of one option */
    unsigned file, line; /* line 0: not written */
    unsigned *lines;     /* of each item of a list; borrowed from the statement */
    size_t count;        /* of these */
};

struct draft_pool {
    struct conf_pool pool;
    unsigned file; /* of the title; its line is pool.line */
    unsigned end;  /* the line of its closing brace */
    bool lost;     /* its title could not be read: only its options are looked at */
    bool added;    /* nobody wrote it: the default status pool */
    struct draft_source sources[SCHEMA_MAX]; /* by schema_index() */
};

struct draft {
    struct conf_global global;
    struct draft_source sources[SCHEMA_MAX];
    struct draft_pool **pools;
    size_t pool_count;
    const struct files *files;
    struct complaint_box *box;
};

/* Everything at its default.  0, or -ENOMEM; draft_clear() in either case. */
int draft_init(struct draft *d, const struct files *files, struct complaint_box *box);
void draft_clear(struct draft *d);
/* A place in the `file`-th file. */
struct place draft_place_at(const struct draft *d, unsigned file, unsigned line, const char *pool);
/* Where option `name` of pool `p` (NULL: global) was written; item `item` of a list.  For one that
 * was not written, the pool's title. */
struct place draft_place(const struct draft *d, const struct draft_pool *p, const char *name,
                         size_t item);
bool draft_is_written(const struct draft_pool *p, const char *name);

/* Replace $pool, $NAME in env, and put prefix before relative paths, in one pool.  0, -ENOMEM. */
int conf_expand(struct draft *d, struct draft_pool *p);
/* What several options together must satisfy, within pools and between them.  0, -ENOMEM. */
int conf_check(struct draft *d);
/* The part of it that is about pm and its numbers. */
void conf_check_sizing(struct draft *d, const struct draft_pool *p);
void conf_check_sizing_global(struct draft *d);
/* The part that is about the slow log. */
void conf_check_slow(struct draft *d, const struct draft_pool *p);
/* What is not written and depends on something: runtime_directory, pid, the status pool.
 * 0, -ENOMEM. */
int conf_default(struct draft *d);

/* Free what a pool owns, not the struct itself. */
void conf_pool_clear(struct conf_pool *pool);
/* A new pool at the end, every option at its default; NULL when no memory. */
struct draft_pool *draft_add_pool(struct draft *d, const char *name);

#endif
