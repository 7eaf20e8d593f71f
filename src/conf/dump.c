/* SPDX-License-Identifier: Apache-2.0 */

/* The effective configuration as text that reads back equal, and the comparison of two. */

#include <string.h>
#include "conf/draft.h"
#include "conf/value.h"

/* `without`: flags of options that may not be written here, and so are at their default. */
static int print_all(const void *base, enum schema_scope scope, unsigned without,
                     const char *indent, struct bytes *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope == scope && o->status == SCHEMA_SUPPORTED && (o->flags & without) == 0)
            r = value_print(base, o, indent, out);
    }
    return r;
}

int conf_dump(const struct conf *c, struct bytes *out)
{
    int r = print_all(&c->global, SCHEMA_GLOBAL, 0, "", out);
    for (size_t i = 0; r == 0 && i < c->pool_count; i++) {
        const struct conf_pool *p = &c->pools[i];
        unsigned without = p->kind == CONF_KIND_STATUS ? SCHEMA_CGI_ONLY : 0;
        r = bytes_printf(out, "\npool %s {\n", p->name);
        if (r == 0)
            r = print_all(p, SCHEMA_POOL, without, "  ", out);
        if (r == 0)
            r = bytes_append(out, "}\n", 2);
    }
    return r;
}

static bool all_equal(const void *a, const void *b, enum schema_scope scope)
{
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope == scope && o->status == SCHEMA_SUPPORTED && !value_equal(a, b, o))
            return false;
    }
    return true;
}

enum conf_change conf_pool_compare(const struct conf_pool *a, const struct conf_pool *b)
{
    enum conf_change change = CONF_KEEP;
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope != SCHEMA_POOL || o->status != SCHEMA_SUPPORTED || value_equal(a, b, o))
            continue;
        if (o->change != SCHEMA_TUNE)
            return CONF_REPLACE;
        change = CONF_TUNE;
    }
    return change;
}

bool conf_equal(const struct conf *a, const struct conf *b)
{
    if (a->pool_count != b->pool_count || !all_equal(&a->global, &b->global, SCHEMA_GLOBAL))
        return false;
    for (size_t i = 0; i < a->pool_count; i++) {
        if (strcmp(a->pools[i].name, b->pools[i].name) != 0 ||
            !all_equal(&a->pools[i], &b->pools[i], SCHEMA_POOL))
            return false;
    }
    return true;
}

const struct conf_pool *conf_find(const struct conf *c, const char *name)
{
    for (size_t i = 0; i < c->pool_count; i++) {
        if (strcmp(c->pools[i].name, name) == 0)
            return &c->pools[i];
    }
    return NULL;
}
