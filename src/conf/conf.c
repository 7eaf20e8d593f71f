/* SPDX-License-Identifier: Apache-2.0 */

/* A finished configuration: found, compared, freed. */

#include "conf/conf.h"
#include <stdlib.h>
#include <string.h>
#include "conf/draft.h"
#include "conf/value.h"

void conf_pool_clear(struct conf_pool *pool)
{
    value_clear_all(pool, SCHEMA_POOL);
    free(pool->name);
    free(pool->file);
}

struct conf *conf_ref(struct conf *c)
{
    c->more++;
    return c;
}

struct conf *conf_free(struct conf *c)
{
    if (c == NULL)
        return NULL;
    if (c->more > 0) {
        c->more--;
        return NULL;
    }
    for (size_t i = 0; i < c->pool_count; i++)
        conf_pool_clear(&c->pools[i]);
    free(c->pools);
    value_clear_all(&c->global, SCHEMA_GLOBAL);
    free(c);
    return NULL;
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

size_t conf_fixed(const struct conf *a, const struct conf *b, const char **names, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope != SCHEMA_GLOBAL || o->status != SCHEMA_SUPPORTED ||
            o->change != SCHEMA_RESTART || value_equal(&a->global, &b->global, o))
            continue;
        if (count < max)
            names[count] = o->name;
        count++;
    }
    return count;
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
