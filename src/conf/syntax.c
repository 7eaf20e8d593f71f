/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libconfuse parses; what it finds is written down as statements, with lines.
 *
 * Every option is declared to libconfuse as a list of strings with a parse callback.  So one value
 * and {several} are both syntax, the callback sees each value with the line it stands on, and
 * whether it is a number is this room's business, with this room's words.  A hidden list option
 * with a default value, which libconfuse parses when it opens a section, tells where a pool begins.
 *
 * libconfuse stops at the first mistake.  Therefore: say what it was, take it out of the text (or
 * declare the unknown option), and read the text again from the start, until it passes.  Only the
 * last reading's statements count.  Each round removes a line or adds a name, and the rounds are
 * bounded in number and in bytes.
 *
 * libconfuse's lexer is global and its callbacks carry no context, hence `reading`.
 */

#include "conf/syntax.h"
#include <confuse.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "conf/prepare.h"
#include "conf/schema.h"

#define ROUNDS_MAX 200
#define BYTES_MAX (256u << 20) /* of all rounds together */
/* Hidden options: one that a section sets as it opens, one that is put behind the text. */
#define OPENED "\002opened"
#define ENDED "\002ended"

struct reading {
    struct statement_list found;
    unsigned file;
    bool no_memory;
    bool ended_in_pool;
    unsigned error_line; /* 0: none yet */
    char *error_pool;    /* title of the pool it stands in, owned; NULL outside */
    char error_text[512];
    char *unknown[2][ROUNDS_MAX]; /* by enum schema_scope, owned */
    size_t unknown_count[2];
};

static struct reading *reading;

static bool is_unknown(const char *name)
{
    for (int scope = 0; scope < 2; scope++) {
        for (size_t i = 0; i < reading->unknown_count[scope]; i++) {
            if (strcmp(reading->unknown[scope][i], name) == 0)
                return true;
        }
    }
    return false;
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
    if (is_unknown(opt->name))
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
    options[n++] = (cfg_opt_t)CFG_STR_LIST_CB(ENDED, NULL, CFGF_NODEFAULT, on_ended);
    options[n++] = (cfg_opt_t)CFG_FUNC("include", on_include);
    if (pool != NULL)
        options[n++] = (cfg_opt_t)CFG_SEC("pool", pool, CFGF_MULTI | CFGF_TITLE);
    options[n] = (cfg_opt_t)CFG_END();
    return options;
}

/* Read the text once.  True when libconfuse had nothing to say against it. */
static bool read_once(const char *text, bool in_pool)
{
    bool passed = false;
    cfg_t *cfg = NULL;
    cfg_opt_t *pool = declare(SCHEMA_POOL, NULL), *global = NULL;
    if (pool != NULL && !in_pool)
        global = declare(SCHEMA_GLOBAL, pool);
    cfg_opt_t *root = in_pool ? pool : global;
    statement_clear(&reading->found);
    reading->error_line = 0;
    if (root != NULL)
        cfg = cfg_init(root, CFGF_NONE);
    if (cfg == NULL) {
        reading->no_memory = true;
    } else {
        cfg_set_error_function(cfg, on_error);
        if (!in_pool)
            cfg_set_validate_func(cfg, "pool", on_close);
        passed = cfg_parse_buf(cfg, text) == CFG_SUCCESS && reading->error_line == 0;
        cfg_free(cfg);
    }
    free(global);
    free(pool);
    return passed;
}

static bool find_line(const char *text, size_t length, unsigned line, size_t *start, size_t *end)
{
    size_t at = 0;
    for (unsigned n = 1; n < line; n++) {
        const char *newline = memchr(text + at, '\n', length - at);
        if (newline == NULL)
            break;
        at = (size_t)(newline - text) + 1;
    }
    const char *newline = memchr(text + at, '\n', length - at);
    *start = at;
    *end = newline == NULL ? length : (size_t)(newline - text);
    for (size_t i = at; i < *end; i++) {
        if (!isspace((unsigned char)text[i]))
            return true;
    }
    return false; /* nothing there */
}

/* The name in libconfuse's "no such option 'NAME'", or NULL when it said something else. */
static char *unknown_name(const char *said)
{
    if (!text_starts(said, "no such option '"))
        return NULL;
    const char *from = strchr(said, '\'') + 1;
    const char *to = strrchr(said, '\'');
    return to > from ? strndup(from, (size_t)(to - from)) : NULL;
}

static void complain_unknown(const char *name, bool in_pool, const struct place *where,
                             struct complaint_box *box)
{
    enum schema_scope here = in_pool ? SCHEMA_POOL : SCHEMA_GLOBAL;
    enum schema_scope there = in_pool ? SCHEMA_GLOBAL : SCHEMA_POOL;
    const char *near = schema_nearest(here, name);
    char shown[128];
    text_escape_fixed(shown, sizeof shown, name, strlen(name));
    const struct schema_option *php = schema_find(here, name);
    size_t length = strlen(name);
    if (php != NULL && php->status != SCHEMA_SUPPORTED)
        complaint_error(box, where, "%s is not %s: %s", shown,
                        php->status == SCHEMA_LATER ? "yet supported" : "an option of ganger",
                        php->note);
    else if (text_starts(name, "env["))
        complaint_error(box, where, "%s is written env = {\"NAME=VALUE\", …}", shown);
    else if (name[0] == '[' && name[length - 1] == ']')
        complaint_error(box, where,
                        "%s: a pool is written pool NAME { … }; global options stand "
                        "outside all braces",
                        shown);
    else if (schema_find(there, name) != NULL)
        complaint_error(box, where,
                        in_pool ? "option %s belongs outside the pools"
                                : "option %s belongs inside a pool: pool NAME { … }",
                        shown);
    else if (near != NULL)
        complaint_error(box, where, "unknown option %s; did you mean %s?", shown, near);
    else
        complaint_error(box, where, "unknown option %s; ganger.conf(5) lists those there are",
                        shown);
}

static void complain_syntax(const struct place *where, struct complaint_box *box)
{
    const char *said = reading->error_text;
    char shown[600];
    text_escape_fixed(shown, sizeof shown, said, strlen(said));
    if (text_starts(said, "missing parenthesis for function 'include'"))
        complaint_error(box, where, "include is written include(\"FILE\")");
    else if (text_starts(said, "missing title for section"))
        complaint_error(box, where, "a pool needs a name: pool NAME { … }");
    else if (text_starts(said, "premature end of file"))
        complaint_error(box, where, "the file ends in the middle; is a closing brace missing?");
    else
        complaint_error(box, where, "syntax error: %s", shown);
}

/* A pool that begins inside a pool: the brace before it is missing.  Put it there. */
static int close_before(char **text, size_t *length, size_t start)
{
    char *longer = malloc(*length + 2);
    if (longer == NULL)
        return -ENOMEM;
    memcpy(longer, *text, start);
    longer[start] = '}';
    memcpy(longer + start + 1, *text + start, *length - start + 1);
    free(*text);
    *text = longer;
    (*length)++;
    return 0;
}

/* What went wrong in the whole of one file, so that one mistake is told once. */
struct repair {
    char **text;
    size_t *length;
    bool in_pool;
    struct place where;
    struct complaint_box *box;
    unsigned told_line;  /* the last line that was complained of */
    unsigned taken_line; /* the last line that was taken out … */
    char taken_for[512]; /* … and why */
    bool cascade;        /* braces may be out of step since a line was taken out */
};

/*
 * Take out the line of the mistake.  Where the mistake began above (a word with no "=" behind it
 * is noticed at the next word), the same mistake comes again: then go up.  False when nothing is left.
 */
static bool take_out(struct repair *r, bool inside)
{
    size_t start, end;
    unsigned line = reading->error_line;
    if (strcmp(r->taken_for, reading->error_text) == 0 && r->taken_line <= line &&
        !find_line(*r->text, *r->length, line, &start, &end))
        line = r->taken_line;
    while (line > 0 && !find_line(*r->text, *r->length, line, &start, &end))
        line--;
    if (line == 0)
        return false;
    prepare_blank_line(*r->text, start, end, !inside);
    r->taken_line = line;
    snprintf(r->taken_for, sizeof r->taken_for, "%s", reading->error_text);
    r->cascade = true;
    r->where.line = line;
    complaint_lose(r->box, &r->where);
    return true;
}

/* An option's name where a list goes on: the list's brace is missing before it. */
static bool is_unclosed_list(const char *said, enum schema_scope scope)
{
    static const char unexpected[] = "unexpected token '";
    if (!text_starts(said, unexpected))
        return false;
    char name[64];
    const char *from = said + sizeof unexpected - 1;
    size_t length = strcspn(from, "'");
    if (length >= sizeof name)
        return false;
    memcpy(name, from, length);
    name[length] = '\0';
    return schema_find(scope, name) != NULL;
}

/* An unknown word that was told already, and no "=" behind it. */
static bool is_unassigned_unknown(const char *said)
{
    static const char missing[] = "missing equal sign after option '";
    if (!text_starts(said, missing))
        return false;
    char *name = strdup(said + sizeof missing - 1);
    if (name == NULL)
        return false;
    name[strlen(name) - 1] = '\0';
    bool unknown = is_unknown(name);
    free(name);
    return unknown;
}

static int mend_unknown(struct repair *r, char *name, bool inside, bool *ret_mended)
{
    enum schema_scope scope = inside ? SCHEMA_POOL : SCHEMA_GLOBAL;
    size_t start, end;
    *ret_mended = true;
    if (strcmp(name, "pool") == 0 && r->in_pool) {
        complaint_error(r->box, &r->where, "a pool cannot stand inside a pool");
        r->told_line = r->where.line;
        *ret_mended = take_out(r, true);
        return 0;
    }
    if (strcmp(name, "pool") == 0) {
        complaint_error(r->box, &r->where,
                        "a pool begins inside another; is a closing brace "
                        "missing before this line?");
        r->cascade = true;
        find_line(*r->text, *r->length, r->where.line, &start, &end);
        return close_before(r->text, r->length, start);
    }
    if (*name == '\0' || is_unknown(name) || reading->unknown_count[scope] == ROUNDS_MAX) {
        *ret_mended = false;
        return 0;
    }
    complain_unknown(name, inside, &r->where, r->box);
    r->told_line = r->where.line;
    char *copy = strdup(name);
    if (copy == NULL)
        return -ENOMEM;
    reading->unknown[scope][reading->unknown_count[scope]++] = copy;
    return 0;
}

/* Mend the first mistake of the last round.  0; 1 when there is nothing more to mend; -ENOMEM. */
static int mend(struct repair *r)
{
    const char *said = reading->error_text;
    bool inside = r->in_pool || reading->error_pool != NULL, mended = false;
    size_t start, end;
    r->where.line = reading->error_line;
    r->where.pool = reading->error_pool != NULL && reading->error_pool[0] != STATEMENT_LOST_TITLE[0]
                        ? reading->error_pool
                        : NULL;
    char *name = unknown_name(said);
    if (name != NULL) {
        int result = mend_unknown(r, name, inside, &mended);
        free(name);
        if (result < 0 || mended)
            return result;
    }
    bool brace = text_starts(said, "unexpected closing brace");
    bool echo = r->told_line == reading->error_line || (brace && r->cascade) ||
                strcmp(r->taken_for, said) == 0 || is_unassigned_unknown(said);
    if (inside && is_unclosed_list(said, SCHEMA_POOL)) {
        complaint_error(r->box, &r->where, "a list before this line has no closing brace");
        find_line(*r->text, *r->length, r->where.line, &start, &end);
        r->told_line = reading->error_line;
        return close_before(r->text, r->length, start);
    }
    if (!echo)
        complain_syntax(&r->where, r->box);
    r->told_line = reading->error_line;
    return take_out(r, inside) ? 0 : 1;
}

/* libconfuse takes the end of the file for the end of a pool.  Tell by a word behind the text. */
static int check_end(struct repair *r)
{
    static const char behind[] = "\n" ENDED "=1\n";
    size_t length = *r->length;
    char *longer = malloc(length + sizeof behind);
    if (longer == NULL)
        return -ENOMEM;
    memcpy(longer, *r->text, length);
    memcpy(longer + length, behind, sizeof behind);
    reading->ended_in_pool = false;
    read_once(longer, r->in_pool);
    free(longer);
    if (!reading->ended_in_pool || r->cascade)
        return 0;
    r->where.pool = NULL;
    for (size_t i = reading->found.count; i-- > 0;) {
        if (reading->found.items[i].kind == STATEMENT_POOL) {
            r->where.line = reading->found.items[i].line;
            break;
        }
    }
    complaint_error(r->box, &r->where, "the pool that begins here has no closing brace");
    return 0;
}

int syntax_parse(struct statement_list *out, char **text, size_t *length, bool in_pool,
                 const struct place *where, struct complaint_box *box)
{
    struct reading *mine = calloc(1, sizeof *mine);
    struct repair repair = {
        .text = text, .length = length, .in_pool = in_pool, .where = *where, .box = box};
    size_t bytes = 0;
    int r = 0;
    if (mine == NULL)
        return -ENOMEM;
    mine->file = where->file;
    reading = mine;
    for (unsigned round = 0;; round++) {
        bytes += *length;
        bool passed = read_once(*text, in_pool);
        if (passed)
            r = check_end(&repair);
        if (passed || mine->no_memory)
            break;
        if (round + 1 >= ROUNDS_MAX || bytes > BYTES_MAX) {
            repair.where.line = mine->error_line;
            repair.where.pool = NULL;
            complaint_error(box, &repair.where,
                            "too many mistakes in this file; the rest was not read");
            break;
        }
        r = mend(&repair);
        if (r != 0)
            break;
    }
    r = r < 0 || mine->no_memory ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < mine->found.count; i++)
        r = statement_move(out, &mine->found.items[i]);
    statement_clear(&mine->found);
    for (int scope = 0; scope < 2; scope++) {
        for (size_t i = 0; i < mine->unknown_count[scope]; i++)
            free(mine->unknown[scope][i]);
    }
    free(mine->error_pool);
    free(mine);
    reading = NULL;
    return r;
}
