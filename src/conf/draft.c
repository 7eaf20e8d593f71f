/* SPDX-License-Identifier: Apache-2.0 */

/* A configuration that is being read: plain owned memory, and the places of its parts. */

#include "conf/draft.h"
#include <stdlib.h>
#include <string.h>
#include "conf/value.h"

struct place draft_place_at(const struct draft *d, unsigned file, unsigned line, const char *pool)
{
    const char *name = file < d->files->names.count ? d->files->names.items[file] : "";
    return (struct place){.file = file, .file_name = name, .line = line, .pool = pool};
}

struct place draft_place(const struct draft *d, const struct draft_pool *p, const char *name,
                         size_t item)
{
    const struct schema_option *o = schema_find(p == NULL ? SCHEMA_GLOBAL : SCHEMA_POOL, name);
    const struct draft_source *s =
        p == NULL ? &d->sources[schema_index(o)] : &p->sources[schema_index(o)];
    const char *pool = p == NULL || p->lost ? NULL : p->pool.name;
    if (s->line == 0)
        return p == NULL ? draft_place_at(d, 0, 0, NULL)
                         : draft_place_at(d, p->file, p->pool.line, pool);
    return draft_place_at(d, s->file, item < s->count ? s->lines[item] : s->line, pool);
}

bool draft_is_written(const struct draft_pool *p, const char *name)
{
    return p->sources[schema_index(schema_find(SCHEMA_POOL, name))].line != 0;
}

static int set_defaults(void *base, enum schema_scope scope)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < schema_count; i++) {
        if (schema_options[i].scope == scope)
            r = value_set_default(base, &schema_options[i]);
    }
    return r;
}

struct draft_pool *draft_add_pool(struct draft *d, const char *name)
{
    struct draft_pool **pools = reallocarray(d->pools, d->pool_count + 1, sizeof(void *));
    if (pools == NULL)
        return NULL;
    d->pools = pools;
    struct draft_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->pool.name = strdup(name);
    if (p->pool.name == NULL || set_defaults(&p->pool, SCHEMA_POOL) < 0) {
        conf_pool_clear(&p->pool);
        free(p);
        return NULL;
    }
    d->pools[d->pool_count++] = p;
    return p;
}

void draft_clear(struct draft *d)
{
    for (size_t i = 0; i < d->pool_count; i++) {
        conf_pool_clear(&d->pools[i]->pool);
        free(d->pools[i]);
    }
    free(d->pools);
    value_clear_all(&d->global, SCHEMA_GLOBAL);
}

int draft_init(struct draft *d, const struct files *files, struct complaint_box *box)
{
    *d = (struct draft){.files = files, .box = box};
    return set_defaults(&d->global, SCHEMA_GLOBAL);
}
