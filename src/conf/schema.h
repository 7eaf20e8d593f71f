/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_SCHEMA_H
#define GANGER_CONF_SCHEMA_H

/* The one table of every option that ganger knows of, whether it has it or not. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "conf/conf.h"

enum schema_scope { SCHEMA_GLOBAL, SCHEMA_POOL };

enum schema_type {
    SCHEMA_TEXT,     /* char *, NULL unset */
    SCHEMA_LIST,     /* struct conf_list */
    SCHEMA_YESNO,    /* bool */
    SCHEMA_COUNT,    /* uint32_t */
    SCHEMA_NUMBER,   /* int64_t, CONF_UNSET unset */
    SCHEMA_LIMIT,    /* int64_t bytes, -1 "unlimited", CONF_UNSET unset */
    SCHEMA_SIZE,     /* uint64_t bytes */
    SCHEMA_DURATION, /* uint64_t microseconds */
    SCHEMA_MODE,     /* uint32_t */
    SCHEMA_WORD,     /* an enum: index into words */
};

enum schema_status {
    SCHEMA_SUPPORTED,
    SCHEMA_LATER, /* "not yet supported by this version of ganger" */
    SCHEMA_NEVER, /* of PHP alone: `note` says why and what to use instead */
};

/* What changing it means for a ganger that runs. */
enum schema_change {
    SCHEMA_TUNE,    /* applied to what runs, nothing is restarted */
    SCHEMA_REPLACE, /* pool: its workers are replaced; its unchanged sockets stay open */
    SCHEMA_RESTART, /* global: takes effect when ganger is started anew */
};

/* Flags. */
#define SCHEMA_EXPAND (1u << 0) /* $pool stands for the pool's name */
#define SCHEMA_PATH (1u << 1)   /* relative: under `prefix`; else absolute */
#define SCHEMA_INSIDE (1u << 2) /* with `chroot` a path is seen from inside: no prefix */
#define SCHEMA_FIRST (1u << 3)  /* of a list only the first item is a path */
/* Of which kinds of pools; none of these flags: of all. */
#define SCHEMA_PROGRAMS (1u << 4) /* that run programs: cgi and fastcgi */
#define SCHEMA_SCRIPTS (1u << 5)  /* cgi alone */
#define SCHEMA_OWN (1u << 6)      /* where ganger itself speaks FastCGI: cgi and status */
#define SCHEMA_NATIVE (1u << 7)   /* fastcgi alone */

struct schema_option {
    enum schema_scope scope;
    const char *name;
    enum schema_type type;
    enum schema_status status;
    enum schema_change change;
    size_t offset;        /* into struct conf_global or struct conf_pool */
    const char *fallback; /* what holds when it is not written, as text; NULL: unset, see `note` */
    int64_t minimum, maximum; /* of numbers, sizes and durations (in seconds) */
    const char *const *words; /* SCHEMA_WORD, and SCHEMA_TEXT that takes only these */
    const char *const *later; /* words that are known but not yet supported */
    unsigned flags;
    const char *elsewhere; /* what else to say of it to a pool of a kind that it is not for */
    const char *note;      /* LATER and NEVER: the end of the refusal; else the default in words */
};

extern const struct schema_option schema_options[];
extern const size_t schema_count;
#define SCHEMA_MAX 160 /* rows, at most; for arrays with one item for each */

/* The row of that name and scope, or NULL.  "php_value[x]" finds "php_value". */
const struct schema_option *schema_find(enum schema_scope scope, const char *name);
/* The supported name of that scope nearest to a misspelt one, or NULL when none is near. */
const char *schema_nearest(enum schema_scope scope, const char *name);
/* The flags of options that mean nothing for a pool of that kind. */
unsigned schema_foreign(enum conf_kind kind);
const char *schema_type_name(enum schema_type type);
const char *schema_change_name(enum schema_change change);
static inline size_t schema_index(const struct schema_option *option)
{
    return (size_t)(option - schema_options);
}

#endif
