/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_STATEMENT_H
#define GANGER_CONF_STATEMENT_H

/* What a file says, in order, before anybody asks what it means. */

#include <stdbool.h>
#include <stddef.h>
#include "conf/conf.h"
#include "conf/list.h"

/* The title of a pool whose own first line could not be read: its options are still looked at, the
 * pool as a whole is not.  A control byte, so that no file can say it. */
#define STATEMENT_LOST_TITLE "\001"

enum statement_kind {
    STATEMENT_POOL,    /* pool NAME {    name = the title */
    STATEMENT_END,     /* } */
    STATEMENT_OPTION,  /* name = values */
    STATEMENT_INCLUDE, /* include("values"…) */
};

struct statement {
    enum statement_kind kind;
    unsigned file; /* index into the list of files that were opened */
    unsigned line; /* of the first value, or of the title */
    char *name;    /* owned; NULL for END and INCLUDE */
    struct conf_list values;
    unsigned *lines; /* one for each value, owned */
};

struct statement_list {
    struct statement *items;
    size_t count, capacity;
};

/* All return 0 or -ENOMEM; text is copied. */
int statement_add(struct statement_list *list, enum statement_kind kind, unsigned file,
                  unsigned line, const char *name);
int statement_add_value(struct statement *s, unsigned line, const char *value);
/* Move *s to the end of `list`; *s is empty afterwards. */
int statement_move(struct statement_list *list, struct statement *s);
void statement_clear(struct statement_list *list);

#endif
