/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What libconfuse's lexer must not see.
 *
 * libconfuse 3.3 counts a line that holds a comment two or three times, keeps the state "inside a
 * quoted string" for the next text it reads when one ended there, takes a string with a forgotten quote to
 * reach to the next quote in the file, and skips bytes it does not know without a word.  So before
 * it reads a text, comments are blanked here and everything in quotes is made to end on its line.
 *
 * This follows the lexer's own rules for where a comment, a quoted string and ${…} begin.
 */

#include "conf/prepare.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "conf/statement.h"

struct scan {
    char *text;
    size_t length;
    size_t at;
    size_t line_start;
    unsigned line;
    struct place where;
    struct complaint_box *box;
};

static void complain(struct scan *s, unsigned line, const char *what)
{
    s->where.line = line;
    complaint_error(s->box, &s->where, "%s", what);
}

size_t prepare_character(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;
    if (n == 0 || n > left)
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    /* Overlong forms, surrogates, beyond the last plane, and the C1 controls. */
    if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
        return 0;
    if ((c >= 0xd800 && c < 0xe000) || (c >= 0x80 && c < 0xa0))
        return 0;
    return n;
}

/* One complaint for each kind in a file: a binary file has thousands. */
static bool refuse_bytes(struct scan *s)
{
    bool nul = false, control = false, encoding = false;
    unsigned line = 1;
    size_t i = 0;
    if (s->length >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
        memset(s->text, ' ', 3); /* a byte order mark says nothing */
    while (i < s->length) {
        unsigned char c = (unsigned char)s->text[i];
        size_t n = prepare_character((const unsigned char *)s->text + i, s->length - i);
        if (c == '\n') {
            line++;
        } else if (c == '\r') {
            s->text[i] = ' ';
        } else if (c == 0 && !nul) {
            nul = true;
            complain(s, line, "a NUL byte; a configuration file is text");
        } else if (c != 0 && ((c < 0x20 && c != '\t') || c == 0x7f) && !control) {
            control = true;
            complain(s, line, "a control character; a configuration file is text");
        } else if (n == 0 && !encoding) {
            encoding = true;
            complain(s, line, "bytes that are not UTF-8; a configuration file is UTF-8 text");
        }
        if (n == 0 || (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
            s->text[i] = ' ';
            n = 1;
        }
        i += n;
    }
    return !nul;
}

static bool is_word_byte(char c)
{
    return c != '\0' && strchr(" #\"'\t\n\r={}()+,*", c) == NULL;
}

static size_t line_end(const struct scan *s, size_t from)
{
    const char *end = memchr(s->text + from, '\n', s->length - from);
    return end == NULL ? s->length : (size_t)(end - s->text);
}

/* Blank from here to before `end`, keeping the lines. */
static void blank_to(struct scan *s, size_t end)
{
    for (; s->at < end; s->at++) {
        if (s->text[s->at] != '\n') {
            s->text[s->at] = ' ';
        } else {
            s->line++;
            s->line_start = s->at + 1;
        }
    }
}

static void skip_comment(struct scan *s)
{
    const char *close = memmem(s->text + s->at + 2, s->length - s->at - 2, "*/", 2);
    if (close != NULL) {
        blank_to(s, (size_t)(close - s->text) + 2);
        return;
    }
    complain(s, s->line, "a comment that begins here with /* is never closed by */");
    blank_to(s, line_end(s, s->at));
}

static void take_line_out(struct scan *s)
{
    s->where.line = s->line;
    complaint_lose(s->box, &s->where);
    size_t end = line_end(s, s->at);
    prepare_blank_line(s->text, s->line_start, end, false);
    s->at = end;
}

static void skip_quoted(struct scan *s)
{
    char quote = s->text[s->at];
    unsigned began = s->line;
    size_t first_line = s->line_start, first_at = s->at;
    for (s->at++; s->at < s->length; s->at++) {
        char c = s->text[s->at];
        if (c == quote) {
            s->at++;
            return;
        }
        if (c == '\\' && s->at + 1 < s->length) {
            s->at++;
            if (s->text[s->at] != '\n')
                continue;
            s->line++; /* a backslash at the end of the line joins it with the next */
            s->line_start = s->at + 1;
        } else if (c == '\n') {
            break;
        }
    }
    s->where.line = began;
    complaint_error(s->box, &s->where,
                    "a string that begins here with %c is not closed on its line", quote);
    s->at = first_at;
    s->line = began;
    s->line_start = first_line;
    take_line_out(s);
}

static void skip_variable(struct scan *s)
{
    size_t end = line_end(s, s->at);
    const char *close = memchr(s->text + s->at, '}', end - s->at);
    if (close != NULL) {
        s->at = (size_t)(close - s->text) + 1;
        return;
    }
    complain(s, s->line, "${ without a closing brace on its line");
    take_line_out(s);
}

/* A string in double quotes may hold ${…} too: the lexer looks for its brace beyond the quote. */
static void check_quoted_variable(struct scan *s, size_t from)
{
    for (size_t i = from + 1; i + 1 < s->at; i++) {
        if (s->text[i] == '\\') {
            i++;
        } else if (s->text[i] == '$' && s->text[i + 1] == '{') {
            const char *close = memchr(s->text + i, '}', s->at - i);
            const char *end = memchr(s->text + i, '\n', s->at - i);
            if (close == NULL || (end != NULL && end < close)) {
                complain(s, s->line,
                         "${ without a closing brace before the end of the string; "
                         "write \\${ for a plain dollar sign and brace");
                s->at = i;
                take_line_out(s);
                return;
            }
        }
    }
}

/* The bytes of a word, a quoted string or ${…} at `at`; 0 when none begins there. */
static size_t token_length(const char *text, size_t at, size_t length)
{
    size_t n = 0;
    if (text[at] == '"' || text[at] == '\'') {
        for (n = 1; at + n < length && text[at + n] != text[at]; n++) {
            if (text[at + n] == '\\')
                n++;
        }
        return n + 1;
    }
    if (text[at] == '$' && at + 1 < length && text[at + 1] == '{')
        return strcspn(text + at, "}") + 1;
    while (at + n < length && is_word_byte(text[at + n]))
        n++;
    return n;
}

/* What stands behind "include" must be whole: libconfuse leaks what it has read of a call. */
static bool is_call(const char *text, size_t at, size_t length)
{
    bool value = true;
    at += strspn(text + at, " \t\n");
    if (at >= length || text[at] != '(')
        return false;
    for (at++; at < length;) {
        size_t n = strchr(" \t\n", text[at]) != NULL ? 0 : token_length(text, at, length);
        if (text[at] == ')')
            return true;
        if (n > 0 && !value)
            return false;
        if (n == 0 && text[at] == ',' && value)
            return false;
        if (n == 0 && strchr(" \t\n,", text[at]) == NULL)
            return false;
        value = n > 0 ? false : text[at] == ',' ? true : value;
        at += n > 0 ? n : 1;
    }
    return false;
}

static void check_includes(struct scan *s)
{
    char before = ' '; /* what stands before, blanks apart */
    s->line = 1;
    s->line_start = s->at = 0;
    while (s->at < s->length) {
        size_t n = token_length(s->text, s->at, s->length);
        bool named = (n == 7 && memcmp(s->text + s->at, "include", 7) == 0) ||
                     (n == 9 && memcmp(s->text + s->at + 1, "include", 7) == 0);
        if (named && strchr("=(,", before) == NULL && !is_call(s->text, s->at + n, s->length)) {
            complain(s, s->line, "include is written include(\"FILE\")");
            take_line_out(s);
            continue;
        }
        if (strchr(" \t\n", s->text[s->at]) == NULL)
            before = s->text[s->at];
        size_t end = s->at + (n > 0 ? n : 1);
        for (; s->at < end && s->at < s->length; s->at++) {
            if (s->text[s->at] == '\n') {
                s->line++;
                s->line_start = s->at + 1;
            }
        }
    }
}

bool prepare_text(char *text, size_t length, const struct place *where, struct complaint_box *box)
{
    struct scan s = {.text = text, .length = length, .line = 1, .where = *where, .box = box};
    bool in_word = false;
    if (!refuse_bytes(&s))
        return false;
    while (s.at < length) {
        char c = text[s.at];
        char next = s.at + 1 < length ? text[s.at + 1] : '\0';
        bool was_in_word = in_word;
        in_word = false;
        if (c == '\n') {
            s.line++;
            s.line_start = ++s.at;
        } else if (c == '#' || (!was_in_word && c == '/' && next == '/')) {
            blank_to(&s, line_end(&s, s.at));
        } else if (!was_in_word && c == '/' && next == '*') {
            skip_comment(&s);
        } else if (c == '"' || c == '\'') {
            size_t from = s.at;
            skip_quoted(&s);
            if (c == '"' && text[from] == '"')
                check_quoted_variable(&s, from);
        } else if (c == '*' || (c == '+' && next != '=')) {
            s.where.line = s.line;
            complaint_error(box, &s.where,
                            "a %c stands outside quotes; write \"…\" around the whole "
                            "value",
                            c);
            take_line_out(&s);
        } else if (!was_in_word && c == '$' && next == '{') {
            skip_variable(&s);
        } else {
            in_word = is_word_byte(c);
            s.at++;
        }
    }
    check_includes(&s);
    return true;
}

void prepare_blank_line(char *text, size_t start, size_t end, bool outside)
{
    static const char stand_in[] = "pool " STATEMENT_LOST_TITLE " {";
    size_t word = start;
    while (word < end && (text[word] == ' ' || text[word] == '\t'))
        word++;
    bool assigns = memchr(text + start, '=', end - start) != NULL;
    bool opens = memchr(text + start, '{', end - start) != NULL;
    bool closes = memchr(text + start, '}', end - start) != NULL;
    bool is_pool =
        end - word >= 5 && memcmp(text + word, "pool", 4) == 0 && !is_word_byte(text[word + 4]);
    memset(text + start, ' ', end - start);
    if (opens && !closes && (is_pool || (outside && !assigns)) &&
        end - start >= sizeof stand_in - 1)
        memcpy(text + start, stand_in, sizeof stand_in - 1);
}
