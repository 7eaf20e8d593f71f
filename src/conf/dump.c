/* SPDX-License-Identifier: Apache-2.0 */

/* The effective configuration as text that reads back equal. */

#include "conf/schema.h"
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
        unsigned without = schema_foreign(p->kind);
        r = bytes_printf(out, "\npool %s {\n", p->name);
        if (r == 0)
            r = print_all(p, SCHEMA_POOL, without, "  ", out);
        if (r == 0)
            r = bytes_append(out, "}\n", 2);
    }
    return r;
}
