/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From files to a struct conf: read all statements, put each value in its field, expand, add what
 * nobody wrote, check.  Every step goes on behind a mistake, so that all of them are reported, and a
 * configuration with a mistake in it is never handed out.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "conf/draft.h"
#include "conf/value.h"

#define POOLS_MAX 10000
#define NAME_MAX_BYTES 63

/* ---- statements ----------------------------------------------------------------------------- */

static bool is_pool_name(const char *name)
{
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789_.-");
    return length > 0 && length <= NAME_MAX_BYTES && name[length] == '\0' &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int begin_pool(struct draft *d, const struct statement *s, struct draft_pool **ret)
{
    struct place where = draft_place_at(d, s->file, s->line, NULL);
    *ret = NULL;
    if (d->pool_count >= POOLS_MAX) {
        complaint_error(d->box, &where, "more than %d pools", POOLS_MAX);
        return 0;
    }
    for (size_t i = 0; i < d->pool_count; i++) {
        const struct draft_pool *other = d->pools[i];
        if (strcmp(other->pool.name, s->name) == 0 && !other->lost) {
            complaint_error(d->box, &where, "pool %s: this name is taken by the pool at %s:%u",
                            s->name, other->pool.file, other->pool.line);
            break;
        }
    }
    struct draft_pool *p = draft_add_pool(d, s->name);
    if (p == NULL)
        return -ENOMEM;
    p->file = s->file;
    p->pool.line = s->line;
    p->pool.file = strdup(where.file_name);
    if (p->pool.file == NULL)
        return -ENOMEM;
    if (strcmp(s->name, STATEMENT_LOST_TITLE) == 0) {
        p->lost = true;
        /* Whoever put it there has complained; unless a file spells the control byte itself. */
        if (d->box->errors == 0)
            complaint_error(d->box, &where, "a pool's name holds no control characters");
    } else if (!is_pool_name(s->name)) {
        char shown[128];
        text_escape_fixed(shown, sizeof shown, s->name, strlen(s->name));
        complaint_error(d->box, &where,
                        "%s is no name for a pool; 1 to %d of A-Z a-z 0-9 _ . - "
                        "are",
                        *s->name == '\0' ? "an empty text" : shown, NAME_MAX_BYTES);
        p->lost = true;
    }
    *ret = p;
    return 0;
}

static int set_values(struct draft *d, const struct schema_option *o, const struct statement *s,
                      void *base, const char *pool)
{
    struct error err = ERROR_NONE;
    struct place where = draft_place_at(d, s->file, s->line, pool);
    int r = 0;
    if (o->type != SCHEMA_LIST && s->values.count > 1) {
        complaint_error(d->box, &where, "%s takes one value", o->name);
        return 0;
    }
    for (size_t i = 0; i < s->values.count; i++) {
        r = value_set(base, o, s->values.items[i], &err);
        if (r < 0)
            return r;
        where.line = s->lines[i];
        if (r == VALUE_INVALID) {
            complaint_error(d->box, &where, "%s: %s", o->name, err.text);
            /* Something must stand there, so that the items keep their lines. */
            if (o->type == SCHEMA_LIST && conf_list_add((void *)((char *)base + o->offset), "") < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

static int set_option(struct draft *d, struct draft_pool *p, const struct statement *s)
{
    const char *pool = p == NULL || p->lost ? NULL : p->pool.name;
    struct place where = draft_place_at(d, s->file, s->line, pool);
    const struct schema_option *o = schema_find(p == NULL ? SCHEMA_GLOBAL : SCHEMA_POOL, s->name);
    if (o == NULL) /* syntax.c has complained */
        return 0;
    if (o->status != SCHEMA_SUPPORTED) {
        complaint_error(d->box, &where,
                        o->status == SCHEMA_LATER
                            ? "%s is not yet supported by this version of ganger: %s"
                            : "%s is not an option of ganger: %s",
                        s->name, o->note);
        return 0;
    }
    struct draft_source *source =
        p == NULL ? &d->sources[schema_index(o)] : &p->sources[schema_index(o)];
    if (source->line != 0) {
        struct place first = draft_place_at(d, source->file, source->line, pool);
        complaint_error(d->box, &where, "%s is set twice; the first is at %s:%u", o->name,
                        first.file_name, first.line);
        return 0;
    }
    *source = (struct draft_source){
        .file = s->file, .line = s->line, .lines = s->lines, .count = s->values.count};
    return set_values(d, o, s, p == NULL ? (void *)&d->global : (void *)&p->pool, pool);
}

static int take_statements(struct draft *d)
{
    struct draft_pool *p = NULL;
    bool skip = false;
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->files->statements.count; i++) {
        const struct statement *s = &d->files->statements.items[i];
        if (s->kind == STATEMENT_POOL) {
            r = begin_pool(d, s, &p);
            skip = p == NULL;
        } else if (s->kind == STATEMENT_END) {
            if (p != NULL)
                p->end = s->line;
            p = NULL;
            skip = false;
        } else if (!skip) {
            r = set_option(d, p, s);
        }
    }
    return r;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static struct conf *finish(struct draft *d)
{
    struct conf *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->pools = calloc(d->pool_count + 1, sizeof *c->pools);
    if (c->pools == NULL) {
        free(c);
        return NULL;
    }
    c->global = d->global;
    d->global = (struct conf_global){0};
    for (size_t i = 0; i < d->pool_count; i++) {
        c->pools[i] = d->pools[i]->pool;
        d->pools[i]->pool = (struct conf_pool){0};
    }
    c->pool_count = d->pool_count;
    return c;
}

static int build(struct conf **ret, const struct files *files, struct complaint_box *box)
{
    struct draft d;
    int r = draft_init(&d, files, box);
    if (r == 0)
        r = take_statements(&d);
    if (r == 0)
        r = conf_default(&d);
    for (size_t i = 0; r == 0 && i < d.pool_count; i++)
        r = conf_expand(&d, d.pools[i]);
    if (r == 0)
        r = conf_check(&d);
    if (r == 0 && box->no_memory)
        r = -ENOMEM;
    if (r == 0 && box->errors > 0)
        r = CONF_INVALID;
    if (r == 0) {
        *ret = finish(&d);
        r = *ret == NULL ? -ENOMEM : 0;
    }
    draft_clear(&d);
    return r;
}

static int load(struct conf **ret, const char *name, const char *text,
                struct conf_complaints *complaints)
{
    struct files files = {0};
    struct complaint_box box = {0};
    struct conf *c = NULL;
    int r = text != NULL ? files_load_text(&files, name, text, strlen(text), &box)
                         : files_load(&files, name, &box);
    if (r == 0)
        r = build(&c, &files, &box);
    if (r >= 0 && complaint_hand_out(&box, complaints) < 0)
        r = -ENOMEM;
    if (r == 0)
        *ret = c;
    else
        conf_free(c);
    complaint_clear(&box);
    files_clear(&files);
    return r;
}

int conf_load(struct conf **ret, const char *path, struct conf_complaints *complaints)
{
    return load(ret, path, NULL, complaints);
}

int conf_load_text(struct conf **ret, const char *name, const char *text,
                   struct conf_complaints *complaints)
{
    return load(ret, name, text, complaints);
}
