/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: start <= at <= end; after a fault `at` stays where it is; `first` belongs to the
 * innermost container, and whoever reads a value clears it (so it is right again when a container
 * inside has been left).
 */

#include "report/scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"

enum { NUMBER_BYTES_MAX = 64 };

void scan_init(struct scan *s, const void *json, size_t length)
{
    memset(s, 0, sizeof *s);
    s->start = s->at = json;
    s->end = s->start + length;
}

static bool fail(struct scan *s)
{
    s->failed = true;
    return false;
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* The first byte of the next token; '\0' at the end and after a fault. */
static char peek(struct scan *s)
{
    if (s->failed)
        return '\0';
    skip_blanks(s);
    return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scan *s, char token)
{
    if (peek(s) != token || token == '\0')
        return false;
    s->at++;
    return true;
}

int scan_end(struct scan *s)
{
    if (!s->failed)
        skip_blanks(s);
    return s->failed || s->at != s->end || s->depth != 0 ? -EPROTO : 0;
}

static bool enter(struct scan *s, char open)
{
    if (!take(s, open))
        return false;
    if (s->depth == SCAN_DEPTH_MAX)
        return fail(s);
    s->depth++;
    s->first = true;
    return true;
}

bool scan_object(struct scan *s)
{
    return enter(s, '{');
}

bool scan_array(struct scan *s)
{
    return enter(s, '[');
}

/* Whether one more comes; otherwise the container is left. */
static bool more(struct scan *s, char close)
{
    if (take(s, close)) {
        s->depth--;
        s->first = false;
        return false;
    }
    if (!s->first && !take(s, ','))
        return fail(s);
    s->first = false;
    return !s->failed;
}

/* Between the quotes of the string that comes next. */
static bool quoted(struct scan *s, struct scan_span *ret)
{
    if (!take(s, '"'))
        return fail(s);
    const char *c = s->at;
    while (c < s->end && *c != '"') {
        if ((unsigned char)*c < 0x20)
            return fail(s);
        c += *c == '\\' ? 2 : 1;
    }
    if (c >= s->end)
        return fail(s);
    *ret = (struct scan_span){.text = s->at, .length = (size_t)(c - s->at)};
    s->at = c + 1;
    return true;
}

bool scan_member(struct scan *s, struct scan_span *name)
{
    if (!more(s, '}') || !quoted(s, name))
        return false;
    return take(s, ':') || fail(s);
}

bool scan_element(struct scan *s)
{
    return more(s, ']');
}

/* What a number, true, false or null is made of. */
static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
}

static bool word(struct scan *s, struct scan_span *ret)
{
    peek(s);
    const char *c = s->at;
    while (c < s->end && is_word_byte(*c))
        c++;
    *ret = (struct scan_span){.text = s->at, .length = (size_t)(c - s->at)};
    if (s->failed || ret->length == 0)
        return fail(s);
    s->at = c;
    return true;
}

static size_t digits(const char *text, size_t length, size_t at)
{
    while (at < length && text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

/* The grammar of RFC 8259 section 6. */
static bool is_number(const struct scan_span *w)
{
    size_t at = w->text[0] == '-';
    size_t whole = digits(w->text, w->length, at);
    if (whole == at || (whole - at > 1 && w->text[at] == '0'))
        return false;
    at = whole;
    if (at < w->length && w->text[at] == '.') {
        size_t part = digits(w->text, w->length, at + 1);
        if (part == at + 1)
            return false;
        at = part;
    }
    if (at < w->length && (w->text[at] == 'e' || w->text[at] == 'E')) {
        at++;
        at += at < w->length && (w->text[at] == '-' || w->text[at] == '+');
        size_t power = digits(w->text, w->length, at);
        if (power == at)
            return false;
        at = power;
    }
    return at == w->length;
}

static bool is_word(const struct scan_span *w)
{
    return (w->length == 4 &&
            (memcmp(w->text, "true", 4) == 0 || memcmp(w->text, "null", 4) == 0)) ||
           (w->length == 5 && memcmp(w->text, "false", 5) == 0) || is_number(w);
}

/* A value that holds no others. */
static void skip_single(struct scan *s)
{
    struct scan_span span;
    if (peek(s) == '"')
        (void)quoted(s, &span);
    else if (word(s, &span) && !is_word(&span))
        fail(s);
    s->first = false;
}

void scan_skip(struct scan *s)
{
    bool objects[SCAN_DEPTH_MAX + 1]; /* which of the containers entered here are */
    unsigned base = s->depth;
    struct scan_span name;

    do {
        if (scan_object(s))
            objects[s->depth] = true;
        else if (scan_array(s))
            objects[s->depth] = false;
        else
            skip_single(s);
        /* Leave every container that ends here; stand before a value, or be done. */
        while (!s->failed && s->depth > base &&
               !(objects[s->depth] ? scan_member(s, &name) : scan_element(s))) {
        }
    } while (!s->failed && s->depth > base);
}

bool scan_string(struct scan *s, struct scan_span *ret)
{
    if (peek(s) != '"') {
        scan_skip(s);
        return false;
    }
    s->first = false;
    return quoted(s, ret);
}

/* The text of a number, terminated. */
static bool number_text(struct scan *s, char out[NUMBER_BYTES_MAX])
{
    char next = peek(s);
    struct scan_span w;
    if (next != '-' && (next < '0' || next > '9')) {
        scan_skip(s);
        return false;
    }
    s->first = false;
    if (!word(s, &w))
        return false;
    if (!is_number(&w))
        return fail(s);
    if (w.length >= NUMBER_BYTES_MAX)
        return false;
    memcpy(out, w.text, w.length);
    out[w.length] = '\0';
    return true;
}

bool scan_whole(struct scan *s, uint64_t *ret)
{
    char text[NUMBER_BYTES_MAX];
    return number_text(s, text) && number_parse(text, UINT64_MAX, ret) == 0;
}

bool scan_number(struct scan *s, double *ret)
{
    char text[NUMBER_BYTES_MAX];
    if (!number_text(s, text))
        return false;
    double value = strtod(text, NULL);
    if (!isfinite(value))
        return false;
    *ret = value;
    return true;
}

/* ---- texts ---- */

static bool hex4(const char *c, const char *end, uint32_t *ret)
{
    uint32_t code = 0;
    if (end - c < 4)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        static const char low[] = "0123456789abcdef";
        char digit = c[i] >= 'A' && c[i] <= 'F' ? (char)(c[i] - 'A' + 'a') : c[i];
        const char *found = digit == '\0' ? NULL : strchr(low, digit);
        if (found == NULL)
            return false;
        code = code << 4 | (uint32_t)(found - low);
    }
    *ret = code;
    return true;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(marks[length] | code);
    return length;
}

/* What stands behind "\u" at *c, which is moved behind it.  A surrogate alone encodes to what no
 * printable text holds. */
static size_t unicode(const char **c, const char *end, char out[4])
{
    uint32_t code = 0;
    uint32_t low = 0;
    if (!hex4(*c, end, &code)) {
        out[0] = '\0';
        return 1;
    }
    *c += 4;
    if (code >= 0xd800 && code < 0xdc00 && end - *c >= 6 && (*c)[0] == '\\' && (*c)[1] == 'u' &&
        hex4(*c + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
        *c += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return encode(code, out);
}

/* What stands behind the backslash at *c, which is moved behind it. */
static size_t escaped(const char **c, const char *end, char out[4])
{
    char letter = *c < end ? *(*c)++ : '\0';
    switch (letter) {
    case 'u':
        return unicode(c, end, out);
    case '"':
    case '\\':
    case '/':
        out[0] = letter;
        return 1;
    default: /* \b, \f, \n, \r, \t, and what is none: all unfit */
        out[0] = '\0';
        return 1;
    }
}

size_t scan_text(const struct scan_span *span, char *out)
{
    const char *c = span->text;
    const char *end = c + span->length;
    char *to = out;
    while (c < end) {
        char piece[4];
        size_t fit = text_printable(c, (size_t)(end - c));
        if (fit > 0 && *c != '\\') {
            memcpy(to, c, fit);
            c += fit;
            to += fit;
            continue;
        }
        size_t length = 1;
        piece[0] = '\0';
        if (*c++ == '\\')
            length = escaped(&c, end, piece);
        if (text_printable(piece, length) == length)
            memcpy(to, piece, length);
        else
            memset(to, '?', length);
        to += length;
    }
    *to = '\0';
    return (size_t)(to - out);
}
