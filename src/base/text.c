/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign bytes made fit to be seen.  text_printable() alone decides what is fit; the escape
 * function and the log both ask it.
 */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes in the sequence that `first` opens, and the bits of its code point that it holds. */
static size_t utf8_length(uint8_t first, uint32_t *code)
{
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        *code = first & 0x1fu;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *code = first & 0x0fu;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *code = first & 0x07u;
        return 4;
    }
    return 0;
}

/* Code points that move a cursor, break a line, or show text in another order than it has. */
static bool code_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || /* ALM */
           code == 0x200e || code == 0x200f ||                                /* LRM, RLM */
           (code >= 0x2028 && code <= 0x202e) || /* line separators, embeddings */
           (code >= 0x2066 && code <= 0x206f) || /* isolates, deprecated formats */
           code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
           (code >= 0xe0000 && code <= 0xe007f) || /* tags */
           (code & 0xfffe) == 0xfffe;              /* no characters */
}

size_t text_printable(const void *data, size_t length)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *byte = data;
    uint32_t code = 0;
    size_t n;

    if (length == 0) {
        return 0;
    }
    n = utf8_length(byte[0], &code);
    if (n == 0 || n > length) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((byte[i] & 0xc0u) != 0x80u) {
            return 0;
        }
        code = code << 6 | (byte[i] & 0x3fu);
    }
    if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ||
        code_is_control(code)) {
        return 0;
    }
    return n;
}

/* One step: `*taken` bytes of input become `out`; the length of it. */
static size_t escape_step(const uint8_t *data, size_t length, size_t *taken, char out[5])
{
    static const char hex[] = "0123456789abcdef";
    size_t n = text_printable(data, length);

    if (n > 0 && data[0] != '\\') {
        memcpy(out, data, n);
        *taken = n;
        return n;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[data[0] >> 4];
    out[3] = hex[data[0] & 0x0f];
    *taken = 1;
    return 4;
}

/*
 * Measure: how many bytes of input fit in `limit` bytes of output.  When all of them do, *ret_cut
 * is false; otherwise the result leaves room for the "..." as far as `limit` has any.
 */
static size_t escape_fit(const uint8_t *data, size_t length, size_t limit, size_t *ret_output,
                         bool *ret_cut)
{
    size_t used = 0;
    size_t fits = 0; /* input bytes whose output leaves three bytes free … */
    size_t fits_output = 0;
    size_t taken = 0;
    char step[5];

    for (size_t at = 0; at < length; at += taken) {
        used += escape_step(data + at, length - at, &taken, step);
        if (used > limit) {
            *ret_output = fits_output;
            *ret_cut = true;
            return fits;
        }
        if (used + 3 <= limit) {
            fits = at + taken;
            fits_output = used;
        }
    }
    *ret_output = used;
    *ret_cut = false;
    return length;
}

/* Write what escape_fit() measured; `to` has room for it.  Returns one past the last byte. */
static char *escape_write(char *to, const uint8_t *data, size_t fits, size_t dots)
{
    size_t taken = 0;
    char step[5];

    for (size_t at = 0; at < fits; at += taken) {
        size_t n = escape_step(data + at, fits - at, &taken, step);

        memcpy(to, step, n);
        to += n;
    }
    memset(to, '.', dots);
    return to + dots;
}

static size_t escape_dots(bool cut, size_t limit)
{
    if (!cut) {
        return 0;
    }
    return limit < 3 ? limit : 3;
}

int text_escape(struct bytes *out, const void *data, size_t length, size_t limit)
{
    size_t output = 0;
    size_t fits;
    size_t dots;
    bool cut = false;
    uint8_t *to;

    if (limit > bytes_room(out)) {
        limit = bytes_room(out);
    }
    fits = escape_fit(data, length, limit, &output, &cut);
    dots = escape_dots(cut, limit);
    if (output + dots == 0) {
        return 0;
    }
    to = bytes_reserve(out, output + dots);
    if (to == NULL) {
        return -ENOMEM;
    }
    (void)escape_write((char *)to, data, fits, dots);
    bytes_commit(out, output + dots);
    return 0;
}

char *text_escape_fixed(char *out, size_t size, const void *data, size_t length)
{
    size_t output = 0;
    size_t fits;
    bool cut = false;

    if (size == 0) {
        return out;
    }
    fits = escape_fit(data, length, size - 1, &output, &cut);
    *escape_write(out, data, fits, escape_dots(cut, size - 1)) = '\0';
    return out;
}

char *text_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vasprintf(&text, format, arguments);
    va_end(arguments);
    return n < 0 ? NULL : text;
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);

    return suffix_length <= length &&
           memcmp(text + length - suffix_length, suffix, suffix_length) == 0;
}

#define DISTANCE_MAX 64u

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b, unsigned limit)
{
    /* Three rows of the table of distances between prefixes: the swap of neighbours looks two
     * rows back.  Longer words than the option names of any config are simply "too far". */
    unsigned rows[3][DISTANCE_MAX + 1];
    size_t a_length = strnlen(a, DISTANCE_MAX + 1);
    size_t b_length = strnlen(b, DISTANCE_MAX + 1);
    unsigned beyond = limit == UINT32_MAX ? limit : limit + 1;

    if (a_length > DISTANCE_MAX || b_length > DISTANCE_MAX) {
        return strcmp(a, b) == 0 ? 0 : beyond;
    }
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *two_above = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u);

            row[j] = smaller(change, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return smaller(rows[a_length % 3][b_length], beyond);
}
