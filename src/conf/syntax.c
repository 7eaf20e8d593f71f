/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reading on behind a mistake.  libconfuse stops at the first one.  Therefore: say what it was, take it
 * out of the text (or declare the unknown option, or put in the brace that is missing), and read
 * the text again from the start, until it passes.  Only the last reading's statements count.  Each
 * round removes a line or adds a name, and the rounds are bounded in number and in bytes.
 */

#include "conf/syntax.h"
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "conf/prepare.h"
#include "conf/reading.h"
#include "conf/schema.h"

#define ROUNDS_MAX 200
#define BYTES_MAX (256u << 20) /* of all rounds together */

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
                        php->status == SCHEMA_LATER ? "yet supported by this version of ganger"
                                                    : "an option of ganger",
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
        complaint_error(
            box, where,
            "unknown option %s; ganger.conf(5) lists those there are (if it belongs to the "
            "value before it, that needs quotes)",
            shown);
}

static void complain_syntax(const char *said, const struct place *where, struct complaint_box *box)
{
    char shown[600];
    text_escape_fixed(shown, sizeof shown, said, strlen(said));
    if (text_starts(said, "missing parenthesis for function 'include'"))
        complaint_error(box, where, "include is written include(\"FILE\")");
    else if (text_starts(said, "missing title for section"))
        complaint_error(box, where, "a pool needs a name: pool NAME { … }");
    else if (text_starts(said, "missing opening brace for section"))
        complaint_error(box, where, "a pool is written pool NAME { … }");
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
    struct reading reading;
    unsigned told_line;  /* the last line that was complained of */
    unsigned taken_line; /* the last line that was taken out … */
    unsigned taken_at;   /* … where the mistake was noticed … */
    char taken_for[512]; /* … and what it was */
    bool cascade;        /* braces may be out of step since a line was taken out */
};

static bool is_again(const struct repair *r)
{
    return r->taken_at == r->reading.error_line && r->taken_line > 0 &&
           strcmp(r->taken_for, r->reading.error_text) == 0;
}

/*
 * Take out the line of the mistake.  When it began above, the same mistake comes again: then go up.
 * False when nothing is left.
 */
static bool take_out(struct repair *r, bool inside)
{
    size_t start, end;
    unsigned line = r->reading.error_line;
    if (is_again(r))
        line = r->taken_line - 1;
    while (line > 0 && !find_line(*r->text, *r->length, line, &start, &end))
        line--;
    if (line == 0)
        return false;
    prepare_blank_line(*r->text, start, end, !inside);
    r->taken_at = r->reading.error_line;
    r->taken_line = line;
    snprintf(r->taken_for, sizeof r->taken_for, "%s", r->reading.error_text);
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

/* A word with no "=" behind it is noticed at the next word: find the line where it stands. */
static void find_unassigned(struct repair *r, bool *ret_unknown)
{
    static const char missing[] = "missing equal sign after option '";
    const char *said = r->reading.error_text;
    char name[256];
    *ret_unknown = false;
    if (!text_starts(said, missing))
        return;
    size_t length = strlen(said + sizeof missing - 1);
    if (length < 2 || length > sizeof name)
        return;
    memcpy(name, said + sizeof missing - 1, length - 1);
    name[length - 1] = '\0';
    bool inside = r->in_pool || r->reading.error_pool != NULL;
    *ret_unknown = reading_is_unknown(&r->reading, inside ? SCHEMA_POOL : SCHEMA_GLOBAL, name);
    for (unsigned line = r->reading.error_line; line > 0; line--) {
        size_t start, end;
        if (find_line(*r->text, *r->length, line, &start, &end) &&
            memmem(*r->text + start, end - start, name, strlen(name)) != NULL) {
            r->reading.error_line = line;
            break;
        }
    }
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
    if (name[0] == '[' && name[strlen(name) - 1] == ']') {
        complain_unknown(name, inside, &r->where, r->box);
        r->told_line = r->where.line;
        *ret_mended = take_out(r, true);
        return 0;
    }
    if (*name == '\0' || reading_is_unknown(&r->reading, scope, name) ||
        r->reading.unknown_count[scope] == READING_UNKNOWN_MAX) {
        *ret_mended = false;
        return 0;
    }
    complain_unknown(name, inside, &r->where, r->box);
    r->told_line = r->where.line;
    return reading_add_unknown(&r->reading, scope, name);
}

/* Mend the first mistake of the last round.  0; 1 when there is nothing more to mend; -ENOMEM. */
static int mend(struct repair *r)
{
    const char *said = r->reading.error_text;
    bool inside = r->in_pool || r->reading.error_pool != NULL, mended = false;
    size_t start, end;
    bool unassigned;
    find_unassigned(r, &unassigned);
    r->where.line = r->reading.error_line;
    r->where.pool =
        r->reading.error_pool != NULL && r->reading.error_pool[0] != STATEMENT_LOST_TITLE[0]
            ? r->reading.error_pool
            : NULL;
    char *name = unknown_name(said);
    if (name != NULL) {
        int result = mend_unknown(r, name, inside, &mended);
        free(name);
        if (result < 0 || mended)
            return result;
    }
    bool brace = text_starts(said, "unexpected closing brace");
    bool echo =
        r->told_line == r->reading.error_line || (brace && r->cascade) || is_again(r) || unassigned;
    if (inside && is_unclosed_list(said, SCHEMA_POOL)) {
        complaint_error(r->box, &r->where, "a list before this line has no closing brace");
        find_line(*r->text, *r->length, r->where.line, &start, &end);
        r->told_line = r->reading.error_line;
        return close_before(r->text, r->length, start);
    }
    if (!echo)
        complain_syntax(said, &r->where, r->box);
    r->told_line = r->reading.error_line;
    return take_out(r, inside) ? 0 : 1;
}

/* libconfuse takes the end of the file for the end of a pool.  Tell by a word behind the text. */
static int check_end(struct repair *r)
{
    static const char behind[] = "\n" READING_END "=1\n";
    size_t length = *r->length;
    char *longer = malloc(length + sizeof behind);
    if (longer == NULL)
        return -ENOMEM;
    memcpy(longer, *r->text, length);
    memcpy(longer + length, behind, sizeof behind);
    reading_once(&r->reading, longer, r->in_pool);
    free(longer);
    if (!r->reading.ended_in_pool || r->cascade)
        return 0;
    r->where.pool = NULL;
    for (size_t i = r->reading.found.count; i-- > 0;) {
        if (r->reading.found.items[i].kind == STATEMENT_POOL) {
            r->where.line = r->reading.found.items[i].line;
            break;
        }
    }
    complaint_error(r->box, &r->where, "the pool that begins here has no closing brace");
    return 0;
}

int syntax_parse(struct statement_list *out, char **text, size_t *length, bool in_pool,
                 const struct place *where, struct complaint_box *box)
{
    struct repair *repair = calloc(1, sizeof *repair);
    if (repair == NULL)
        return -ENOMEM;
    *repair = (struct repair){
        .text = text, .length = length, .in_pool = in_pool, .where = *where, .box = box};
    struct reading *reading = &repair->reading;
    reading->file = where->file;
    size_t bytes = 0;
    int r = 0;
    for (unsigned round = 1;; round++) {
        bytes += *length;
        bool passed = reading_once(reading, *text, in_pool);
        if (passed)
            r = check_end(repair);
        if (passed || reading->no_memory)
            break;
        if (round >= ROUNDS_MAX || bytes > BYTES_MAX) {
            repair->where.line = reading->error_line;
            repair->where.pool = NULL;
            complaint_error(box, &repair->where,
                            "too many mistakes in this file; the rest was not read");
            break;
        }
        r = mend(repair);
        if (r != 0)
            break;
    }
    r = r < 0 || reading->no_memory ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < reading->found.count; i++)
        r = statement_move(out, &reading->found.items[i]);
    reading_clear(reading);
    free(repair);
    return r;
}
