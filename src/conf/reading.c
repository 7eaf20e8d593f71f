/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libconfuse parses; what it finds is written down as statements, with lines.
 *
 * Every option is declared to libconfuse as a list of strings with a parse callback.  So one value
 * and {several} are both syntax, the callback sees each value with the line it stands on, and
 * whether it is a number is this room's business, with this room's words.  A hidden list option
 * with a default value, which libconfuse parses when it opens a section, tells where a pool begins.
 *
 * libconfuse's lexer is global and its callbacks carry no context, hence `reading`.
 */

#include "conf/reading.h"
#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The hidden option that a section sets as it opens. */
#define OPENED "\002opened"

static struct reading *reading;

bool reading_is_unknown(const struct reading *r, enum schema_scope scope, const char *name)
{
    for (size_t i = 0; i < r->unknown_count[scope]; i++) {
        if (strcmp(r->unknown[scope][i], name) == 0)
            return true;
    }
    return false;
}

int reading_add_unknown(struct reading *r, enum schema_scope scope, const char *name)
{
    char *copy = strdup(name);
    if (copy == NULL)
        return -ENOMEM;
    r->unknown[scope][r->unknown_count[scope]++] = copy;
    return 0;
}

/* The statement that a further value of a list belongs to: the last of that name in this pool. */
static struct statement *last_of(const char *name)
{
    for (size_t i = reading->found.count; i-- > 0;) {
        struct statement *s = &reading->found.items[i];
        if (s->kind == STATEMENT_OPTION && strcmp(s->name, name) == 0)
            return s;
        if (s->kind != STATEMENT_OPTION)
            return NULL;
    }
    return NULL;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    *(const char **)result = value;
    bool inside = reading->in_pool || cfg->title != NULL;
    if (reading_is_unknown(reading, inside ? SCHEMA_POOL : SCHEMA_GLOBAL, opt->name))
        return 0;
    unsigned line = (unsigned)cfg->line;
    /* nvalues already counts this one; "=" starts again from none, "+=" goes on. */
    struct statement *s = opt->nvalues > 1 ? last_of(opt->name) : NULL;
    if (s == NULL) {
        if (statement_add(&reading->found, STATEMENT_OPTION, reading->file, line, opt->name) < 0) {
            reading->no_memory = true;
            return -1;
        }
        s = &reading->found.items[reading->found.count - 1];
    }
    if (statement_add_value(s, line, value) < 0) {
        reading->no_memory = true;
        return -1;
    }
    return 0;
}

static int on_open(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    (void)opt;
    *(const char **)result = value;
    /* The root has the hidden option too when a pool's inside is read; it has no title. */
    if (cfg->title == NULL)
        return 0;
    if (statement_add(&reading->found, STATEMENT_POOL, reading->file, (unsigned)cfg->line,
                      cfg->title) < 0) {
        reading->no_memory = true;
        return -1;
    }
    return 0;
}

static int on_ended(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    (void)opt;
    *(const char **)result = value;
    reading->ended_in_pool = cfg->title != NULL;
    return 0;
}

static int on_close(cfg_t *cfg, cfg_opt_t *opt)
{
    (void)opt;
    if (statement_add(&reading->found, STATEMENT_END, reading->file, (unsigned)cfg->line, NULL) <
        0) {
        reading->no_memory = true;
        return -1;
    }
    return 0;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int count, const char **values)
{
    (void)opt;
    unsigned line = (unsigned)cfg->line;
    if (statement_add(&reading->found, STATEMENT_INCLUDE, reading->file, line, NULL) < 0) {
        reading->no_memory = true;
        return -1;
    }
    struct statement *s = &reading->found.items[reading->found.count - 1];
    for (int i = 0; i < count; i++) {
        if (statement_add_value(s, line, values[i]) < 0) {
            reading->no_memory = true;
            return -1;
        }
    }
    return 0;
}

static void on_error(cfg_t *cfg, const char *format, va_list arguments)
{
    if (reading->error_line != 0)
        return; /* what follows the first is its echo */
    reading->error_line = cfg != NULL && cfg->line > 0 ? (unsigned)cfg->line : 1;
    free(reading->error_pool);
    reading->error_pool = NULL;
    if (cfg != NULL && cfg->title != NULL) {
        reading->error_pool = strdup(cfg->title);
        reading->no_memory = reading->no_memory || reading->error_pool == NULL;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(reading->error_text, sizeof reading->error_text, format, arguments);
#pragma GCC diagnostic pop
}

static cfg_opt_t list_option(const char *name)
{
    return (cfg_opt_t)CFG_STR_LIST_CB(name, NULL, CFGF_NODEFAULT, on_value);
}

/* All known and unknown names of a scope, as libconfuse wants them; the caller frees the array. */
static cfg_opt_t *declare(enum schema_scope scope, cfg_opt_t *pool)
{
    size_t most = schema_count + reading->unknown_count[scope] + 5, n = 0;
    cfg_opt_t *options = calloc(most, sizeof *options);
    if (options == NULL)
        return NULL;
    if (scope == SCHEMA_POOL)
        options[n++] = (cfg_opt_t)CFG_STR_LIST_CB(OPENED, "{1}", CFGF_NONE, on_open);
    for (size_t i = 0; i < schema_count; i++) {
        if (schema_options[i].scope == scope && strcmp(schema_options[i].name, "include") != 0)
            options[n++] = list_option(schema_options[i].name);
    }
    for (size_t i = 0; i < reading->unknown_count[scope]; i++)
        options[n++] = list_option(reading->unknown[scope][i]);
    options[n++] = (cfg_opt_t)CFG_STR_LIST_CB(READING_END, NULL, CFGF_NODEFAULT, on_ended);
    options[n++] = (cfg_opt_t)CFG_FUNC("include", on_include);
    if (pool != NULL)
        options[n++] = (cfg_opt_t)CFG_SEC("pool", pool, CFGF_MULTI | CFGF_TITLE);
    options[n] = (cfg_opt_t)CFG_END();
    return options;
}

bool reading_once(struct reading *r, const char *text, bool in_pool)
{
    bool passed = false;
    cfg_t *cfg = NULL;
    reading = r;
    r->in_pool = in_pool;
    cfg_opt_t *pool = declare(SCHEMA_POOL, NULL), *global = NULL;
    if (pool != NULL && !in_pool)
        global = declare(SCHEMA_GLOBAL, pool);
    cfg_opt_t *root = in_pool ? pool : global;
    statement_clear(&r->found);
    r->error_line = 0;
    r->ended_in_pool = false;
    if (root != NULL)
        cfg = cfg_init(root, CFGF_NONE);
    if (cfg == NULL) {
        r->no_memory = true;
    } else {
        cfg_set_error_function(cfg, on_error);
        if (!in_pool)
            cfg_set_validate_func(cfg, "pool", on_close);
        passed = cfg_parse_buf(cfg, text) == CFG_SUCCESS && r->error_line == 0;
        cfg_free(cfg);
    }
    free(global);
    free(pool);
    reading = NULL;
    return passed;
}

void reading_clear(struct reading *r)
{
    statement_clear(&r->found);
    for (int scope = 0; scope < 2; scope++) {
        for (size_t i = 0; i < r->unknown_count[scope]; i++)
            free(r->unknown[scope][i]);
    }
    free(r->error_pool);
    *r = (struct reading){0};
}
