/* SPDX-License-Identifier: Apache-2.0 */
#include "base/access_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum brace { BRACE_NONE, BRACE_UNIT, BRACE_NAME, BRACE_TIME };

static const struct {
    char letter;
    enum access_field field;
    enum brace brace;
} letters[] = {
    {'C', ACCESS_CPU, BRACE_UNIT},      {'d', ACCESS_DURATION, BRACE_UNIT},
    {'e', ACCESS_VARIABLE, BRACE_NAME}, {'f', ACCESS_SCRIPT, BRACE_NONE},
    {'F', ACCESS_FIRST, BRACE_UNIT},    {'I', ACCESS_IN, BRACE_UNIT},
    {'k', ACCESS_NUMBER, BRACE_NONE},   {'l', ACCESS_LENGTH, BRACE_NONE},
    {'m', ACCESS_METHOD, BRACE_NONE},   {'M', ACCESS_MEMORY, BRACE_UNIT},
    {'n', ACCESS_POOL, BRACE_NONE},     {'o', ACCESS_HEADER, BRACE_NAME},
    {'O', ACCESS_OUT, BRACE_UNIT},      {'p', ACCESS_PID, BRACE_NONE},
    {'P', ACCESS_PARENT, BRACE_NONE},   {'q', ACCESS_QUERY, BRACE_NONE},
    {'Q', ACCESS_QUESTION, BRACE_NONE}, {'r', ACCESS_URI, BRACE_NONE},
    {'R', ACCESS_REMOTE, BRACE_NONE},   {'s', ACCESS_STATUS, BRACE_NONE},
    {'t', ACCESS_BEGAN, BRACE_TIME},    {'T', ACCESS_ENDED, BRACE_TIME},
    {'u', ACCESS_USER, BRACE_NONE},     {'w', ACCESS_WAITED, BRACE_UNIT},
    {'X', ACCESS_END, BRACE_NONE},
};

enum { OF_TIME = 1, OF_BYTES = 2, OF_CPU = 4 };

static const struct {
    const char *word;
    enum access_unit unit;
    int of;
} units[] = {
    {"seconds", ACCESS_PLAIN, OF_TIME},
    {"milliseconds", ACCESS_MILLI, OF_TIME},
    {"milli", ACCESS_MILLI, OF_TIME},
    {"miliseconds", ACCESS_MILLI, OF_TIME}, /* of old files */
    {"mili", ACCESS_MILLI, OF_TIME},
    {"microseconds", ACCESS_MICRO, OF_TIME},
    {"micro", ACCESS_MICRO, OF_TIME},
    {"bytes", ACCESS_PLAIN, OF_BYTES},
    {"kilobytes", ACCESS_KILO, OF_BYTES},
    {"kilo", ACCESS_KILO, OF_BYTES},
    {"megabytes", ACCESS_MEGA, OF_BYTES},
    {"mega", ACCESS_MEGA, OF_BYTES},
    {"total", ACCESS_PLAIN, OF_CPU},
    {"user", ACCESS_CPU_USER, OF_CPU},
    {"system", ACCESS_CPU_SYSTEM, OF_CPU},
};

static int measure_of(enum access_field field)
{
    return field == ACCESS_CPU                                                   ? OF_CPU
           : field == ACCESS_MEMORY || field == ACCESS_IN || field == ACCESS_OUT ? OF_BYTES
                                                                                 : OF_TIME;
}

static const char *words_of(int of)
{
    return of == OF_CPU     ? "user, system, total"
           : of == OF_BYTES ? "bytes, kilobytes, kilo, megabytes, mega"
                            : "seconds, milliseconds, milli, microseconds, micro";
}

static int parse_unit(struct access_item *item, char letter, const char *word, size_t length,
                      struct error *err)
{
    int of = measure_of(item->field);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].of == of && strlen(units[i].word) == length &&
            strncasecmp(units[i].word, word, length) == 0) {
            item->unit = units[i].unit;
            return 0;
        }
    }
    return error_set(err, EINVAL, "%%{%.*s}%c: %.*s is no unit of %%%c; allowed: %s", (int)length,
                     word, letter, (int)length, word, letter, words_of(of));
}

static int add(struct access_format *f, const struct access_item *item, const char *text,
               size_t length, struct error *err)
{
    struct access_item *more = reallocarray(f->items, f->count + 1, sizeof(*more));

    if (more == NULL)
        return error_errno(err, ENOMEM, "access.format");
    f->items = more;
    more[f->count] = *item;
    more[f->count].text = text == NULL ? NULL : strndup(text, length);
    more[f->count].length = text == NULL ? 0 : length;
    if (text != NULL && more[f->count].text == NULL)
        return error_errno(err, ENOMEM, "access.format");
    f->count++;
    return 0;
}

static int find_letter(char letter, struct error *err)
{
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (letters[i].letter == letter)
            return (int)i;
    return error_set(err, EINVAL,
                     "%%%c is not known; there are %%%% %%C %%d %%e %%f %%F %%I %%k "
                     "%%l %%m %%M %%n %%o %%O %%p %%P %%q %%Q %%r %%R %%s %%t %%T %%u "
                     "%%w and %%X",
                     letter > ' ' && letter < 0x7f ? letter : '?');
}

/* What follows a '%' that is not doubled.  *at is moved behind it. */
static int parse_field(struct access_format *f, const char **at, bool quoted, struct error *err)
{
    struct access_item item = {.quoted = quoted};
    const char *in = NULL, *c = *at;
    size_t length = 0;

    if (*c == '{') {
        in = c + 1;
        length = strcspn(in, "}");
        if (in[length] == '\0')
            return error_set(err, EINVAL, "\"%%{%.40s\" has no closing brace", in);
        c = in + length + 1;
    }
    if (*c == '\0')
        return error_set(err, EINVAL,
                         "it ends with a %% that no letter follows; write %%%% for the sign");
    int i = find_letter(*c, err);
    if (i < 0)
        return i;
    *at = c + 1;
    item.field = letters[i].field;
    switch (letters[i].brace) {
    case BRACE_NONE:
        if (in != NULL)
            return error_set(err, EINVAL, "%%%c takes nothing in braces", *c);
        return add(f, &item, NULL, 0, err);
    case BRACE_UNIT: {
        int r = in == NULL ? 0 : parse_unit(&item, *c, in, length, err);
        return r < 0 ? r : add(f, &item, NULL, 0, err);
    }
    case BRACE_NAME:
        if (in == NULL || length == 0)
            return error_set(err, EINVAL, "%%%c needs the name of a %s in braces, as %s", *c,
                             *c == 'e' ? "variable" : "header field",
                             *c == 'e' ? "%{HTTP_HOST}e" : "%{Content-Type}o");
        return add(f, &item, in, length, err);
    case BRACE_TIME:
        if (in != NULL && length == 0)
            return error_set(err, EINVAL, "%%{}%c: a format of strftime(3) is needed in the braces",
                             *c);
        return add(f, &item, in, length, err);
    }
    return -EINVAL;
}

static int parse(struct access_format *f, const char *at, struct error *err)
{
    const struct access_item literal = {.field = ACCESS_LITERAL};
    bool quoted = false;
    int r = 0;

    while (*at != '\0' && r >= 0) {
        size_t length = strcspn(at, "%");

        for (size_t i = 0; i < length; i++)
            quoted ^= at[i] == '"';
        if (length > 0)
            r = add(f, &literal, at, length, err);
        at += length;
        if (r < 0 || *at == '\0')
            break;
        at++;
        if (*at == '%') {
            r = add(f, &literal, at, 1, err);
            at++;
        } else {
            r = parse_field(f, &at, quoted, err);
        }
    }
    return r;
}

int access_format_parse(struct access_format *ret, const char *text, struct error *err)
{
    int r = 0;

    *ret = (struct access_format){0};
    if (strcmp(text, ACCESS_FORMAT_JSON) == 0)
        ret->json = true;
    else if (strlen(text) > ACCESS_FORMAT_MAX)
        r = error_set(err, EINVAL, "it is longer than %u bytes", ACCESS_FORMAT_MAX);
    else
        r = parse(ret, text, err);
    if (r < 0)
        access_format_clear(ret);
    return r;
}

void access_format_clear(struct access_format *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].text);
    free(f->items);
    *f = (struct access_format){0};
}
