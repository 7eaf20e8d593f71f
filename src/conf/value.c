/* SPDX-License-Identifier: Apache-2.0 */

/* The types of options: each has one way in and one way out, side by side here. */

#include "conf/value.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"
#include "conf/list.h"
#include "conf/prepare.h"

static void *field(void *base, const struct schema_option *o)
{
    return (char *)base + o->offset;
}

static const void *field_const(const void *base, const struct schema_option *o)
{
    return (const char *)base + o->offset;
}

/* ---- in ------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(struct error *err, const char *text,
                                                        const char *format, ...)
{
    char shown[200], allowed[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(allowed, sizeof allowed, format, arguments);
    va_end(arguments);
    text_escape_fixed(shown, sizeof shown, text, strlen(text));
    error_set(err, EINVAL, "%s is not allowed; %s", *text == '\0' ? "an empty value" : shown,
              allowed);
    return VALUE_INVALID;
}

static bool is_listed(const char *const *words, const char *text, unsigned *ret)
{
    for (unsigned i = 0; words != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static int parse_word(const struct schema_option *o, const char *text, unsigned *ret,
                      struct error *err)
{
    unsigned ignored;
    char allowed[300] = "";
    size_t length = 0;
    bool later = is_listed(o->later, text, &ignored);
    if (!later && is_listed(o->words, text, ret))
        return 0;
    for (unsigned i = 0; o->words[i] != NULL; i++) {
        if (is_listed(o->later, o->words[i], &ignored))
            continue;
        int n = snprintf(allowed + length, sizeof allowed - length, "%s%s", length == 0 ? "" : ", ",
                         o->words[i]);
        if (n > 0 && (size_t)n < sizeof allowed - length)
            length += (size_t)n;
    }
    if (later) {
        error_set(err, EINVAL, "%s is not yet supported by this version of ganger; allowed: %s",
                  text, allowed);
        return VALUE_INVALID;
    }
    return refuse(err, text, "allowed: %s", allowed);
}

static int parse_yesno(const char *text, bool *ret, struct error *err)
{
    static const char *const yes[] = {"yes", "true", "on", "1", NULL};
    static const char *const no[] = {"no", "false", "off", "0", NULL};
    unsigned ignored;
    if (!is_listed(yes, text, &ignored) && !is_listed(no, text, &ignored))
        return refuse(err, text, "allowed: yes, no, true, false, on, off, 1, 0");
    *ret = is_listed(yes, text, &ignored);
    return 0;
}

static int parse_number(const struct schema_option *o, const char *text, int64_t *ret,
                        struct error *err)
{
    if (number_parse_signed(text, o->minimum, o->maximum, ret) < 0)
        return refuse(err, text, "a whole number from %" PRId64 " to %" PRId64 " is needed",
                      o->minimum, o->maximum);
    return 0;
}

static int parse_size(const struct schema_option *o, const char *text, uint64_t *ret,
                      struct error *err)
{
    char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];
    uint64_t value;
    if (number_parse_size(text, &value) < 0 || value < (uint64_t)o->minimum ||
        value > (uint64_t)o->maximum)
        return refuse(err, text, "a size from %s to %s is needed (bytes, or with k, M, G)",
                      number_format_size(least, (uint64_t)o->minimum),
                      number_format_size(most, (uint64_t)o->maximum));
    *ret = value;
    return 0;
}

static int parse_limit(const char *text, int64_t *ret, struct error *err)
{
    uint64_t value;
    if (strcmp(text, "unlimited") == 0 || strcmp(text, "-1") == 0) {
        *ret = -1;
        return 0;
    }
    if (number_parse_size(text, &value) < 0 || value > (uint64_t)INT64_MAX)
        return refuse(err, text, "a size (bytes, or with k, M, G) or \"unlimited\" is needed");
    *ret = (int64_t)value;
    return 0;
}

static int parse_duration(const struct schema_option *o, const char *text, uint64_t *ret,
                          struct error *err)
{
    char most[NUMBER_TEXT_MAX];
    uint64_t value, limit = (uint64_t)o->maximum * CLOCK_SEC;
    if (number_parse_duration(text, &value) < 0 || value > limit)
        return refuse(err, text, "a time up to %s is needed (seconds, or with ms, s, m, h, d)",
                      number_format_duration(most, limit));
    *ret = value;
    return 0;
}

static int parse_mode(const struct schema_option *o, const char *text, uint32_t *ret,
                      struct error *err)
{
    uint32_t value;
    if (number_parse_mode(text, &value) < 0 || value > (uint32_t)o->maximum)
        return refuse(err, text, "an octal mode such as 0660, at most 0777, is needed");
    *ret = value;
    return 0;
}

bool value_has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static int check_text(const struct schema_option *o, const char *text, struct error *err)
{
    unsigned ignored;
    if (value_has_control(text))
        return refuse(err, text, "it holds a control character");
    if (o->words != NULL)
        return parse_word(o, text, &ignored, err);
    if (*text == '\0' && o->type == SCHEMA_TEXT)
        return refuse(err, text, "leave the option out instead");
    return 0;
}

int value_set_text(char **at, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return -ENOMEM;
    free(*at);
    *at = copy;
    return 0;
}

int value_set(void *base, const struct schema_option *o, const char *text, struct error *err)
{
    void *at = field(base, o);
    int64_t number;
    unsigned word;
    int r;
    switch (o->type) {
    case SCHEMA_TEXT:
        r = check_text(o, text, err);
        return r != 0 ? r : value_set_text(at, text);
    case SCHEMA_LIST:
        r = check_text(o, text, err);
        return r != 0 ? r : conf_list_add(at, text);
    case SCHEMA_YESNO:
        return parse_yesno(text, at, err);
    case SCHEMA_COUNT:
        r = parse_number(o, text, &number, err);
        if (r == 0)
            *(uint32_t *)at = (uint32_t)number;
        return r;
    case SCHEMA_NUMBER:
        return parse_number(o, text, at, err);
    case SCHEMA_LIMIT:
        return parse_limit(text, at, err);
    case SCHEMA_SIZE:
        return parse_size(o, text, at, err);
    case SCHEMA_DURATION:
        return parse_duration(o, text, at, err);
    case SCHEMA_MODE:
        return parse_mode(o, text, at, err);
    case SCHEMA_WORD:
        r = parse_word(o, text, &word, err);
        if (r == 0)
            memcpy(at, &word, sizeof word); /* the fields are different enums of this size */
        return r;
    }
    return -EINVAL;
}

_Static_assert(sizeof(enum conf_kind) == sizeof(unsigned), "SCHEMA_WORD");
_Static_assert(sizeof(enum conf_pm) == sizeof(unsigned), "SCHEMA_WORD");
_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "SCHEMA_WORD");

int value_set_default(void *base, const struct schema_option *o)
{
    if (o->status != SCHEMA_SUPPORTED)
        return 0;
    if (o->fallback != NULL)
        return value_set(base, o, o->fallback, NULL);
    if (o->type == SCHEMA_NUMBER || o->type == SCHEMA_LIMIT)
        *(int64_t *)field(base, o) = CONF_UNSET;
    return 0;
}

/* ---- out ------------------------------------------------------------------------------------ */

/* How many more dollars make `text`, which begins with one, stand for itself when it is read. */
static bool needs_dollar(const char *text)
{
    return text_starts(text + strspn(text, "$"), "pool");
}

/* "NAME=$OTHER" is taken from the environment when it is read; "NAME=$$OTHER" is "$OTHER". */
static const char *environment_dollar(const struct schema_option *o, const char *text)
{
    if (strcmp(o->name, "env") != 0)
        return NULL;
    const char *value = strchr(text, '=');
    if (value == NULL || value[1] != '$')
        return NULL;
    value++;
    const char *name = value + strspn(value, "$");
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    bool digit = *name >= '0' && *name <= '9';
    return length > 0 && !digit && name[length] == '\0' && !text_starts(name, "pool") ? value
                                                                                      : NULL;
}

static int print_quoted(struct bytes *out, const struct schema_option *o, const char *text)
{
    bool expands = (o->flags & SCHEMA_EXPAND) != 0;
    const char *extra = environment_dollar(o, text);
    int r = bytes_append(out, "\"", 1);
    for (const char *c = text, *known = text; r == 0 && *c != '\0'; c++) {
        /* Bytes that are no UTF-8 came as escapes or from the environment; no file may hold them. */
        if (c >= known)
            known = c + prepare_character((const unsigned char *)c, strlen(c));
        if (c >= known) {
            r = bytes_printf(out, "\\x%02x", (unsigned)(unsigned char)*c);
            known = c + 1;
            continue;
        }
        bool run = *c == '$' && (c == text || c[-1] != '$');
        if (c == extra || (expands && run && needs_dollar(c)))
            r = bytes_append(out, "$", 1);
        if (r == 0 && (*c == '"' || *c == '\\' || (*c == '$' && c[1] == '{')))
            r = bytes_append(out, "\\", 1);
        if (r == 0)
            r = bytes_append(out, c, 1);
    }
    return r == 0 ? bytes_append(out, "\"", 1) : r;
}

static int print_list(struct bytes *out, const struct schema_option *o,
                      const struct conf_list *list)
{
    int r = bytes_append(out, "{", 1);
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        if (i > 0)
            r = bytes_append(out, ", ", 2);
        if (r == 0)
            r = print_quoted(out, o, list->items[i]);
    }
    return r == 0 ? bytes_append(out, "}", 1) : r;
}

static bool is_unset(const void *at, const struct schema_option *o)
{
    if (o->type == SCHEMA_TEXT)
        return *(char *const *)at == NULL;
    if (o->type == SCHEMA_NUMBER || o->type == SCHEMA_LIMIT)
        return *(const int64_t *)at == CONF_UNSET;
    if (o->type == SCHEMA_COUNT)
        return (int64_t) * (const uint32_t *)at < o->minimum;
    return false;
}

static int print_value(const void *at, const struct schema_option *o, struct bytes *out)
{
    char text[NUMBER_TEXT_MAX];
    unsigned word;
    switch (o->type) {
    case SCHEMA_TEXT:
        return print_quoted(out, o, *(char *const *)at);
    case SCHEMA_LIST:
        return print_list(out, o, at);
    case SCHEMA_YESNO:
        return bytes_printf(out, "%s", *(const bool *)at ? "yes" : "no");
    case SCHEMA_COUNT:
        return bytes_printf(out, "%" PRIu32, *(const uint32_t *)at);
    case SCHEMA_NUMBER:
        return bytes_printf(out, "%" PRId64, *(const int64_t *)at);
    case SCHEMA_LIMIT:
        if (*(const int64_t *)at < 0)
            return bytes_printf(out, "unlimited");
        return bytes_printf(out, "%s", number_format_size(text, (uint64_t) * (const int64_t *)at));
    case SCHEMA_SIZE:
        return bytes_printf(out, "%s", number_format_size(text, *(const uint64_t *)at));
    case SCHEMA_DURATION:
        return bytes_printf(out, "%s", number_format_duration(text, *(const uint64_t *)at));
    case SCHEMA_MODE:
        return bytes_printf(out, "%04" PRIo32, *(const uint32_t *)at);
    case SCHEMA_WORD:
        memcpy(&word, at, sizeof word);
        return bytes_printf(out, "%s", o->words[word]);
    }
    return -EINVAL;
}

int value_print(const void *base, const struct schema_option *o, const char *indent,
                struct bytes *out)
{
    const void *at = field_const(base, o);
    if (is_unset(at, o))
        return bytes_printf(out, "%s# %s is not set\n", indent, o->name);
    int r = bytes_printf(out, "%s%s = ", indent, o->name);
    if (r == 0)
        r = print_value(at, o, out);
    return r == 0 ? bytes_append(out, "\n", 1) : r;
}

/* ---- the rest ------------------------------------------------------------------------------- */

bool value_equal(const void *left, const void *right, const struct schema_option *o)
{
    const void *a = field_const(left, o), *b = field_const(right, o);
    const char *s, *t;
    switch (o->type) {
    case SCHEMA_TEXT:
        s = *(char *const *)a;
        t = *(char *const *)b;
        return s == NULL || t == NULL ? s == t : strcmp(s, t) == 0;
    case SCHEMA_LIST:
        return conf_list_equal(a, b);
    case SCHEMA_YESNO:
        return *(const bool *)a == *(const bool *)b;
    case SCHEMA_COUNT:
    case SCHEMA_MODE:
    case SCHEMA_WORD:
        return memcmp(a, b, sizeof(uint32_t)) == 0;
    case SCHEMA_NUMBER:
    case SCHEMA_LIMIT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
        return memcmp(a, b, sizeof(uint64_t)) == 0;
    }
    return false;
}

void value_clear(void *base, const struct schema_option *o)
{
    if (o->status != SCHEMA_SUPPORTED)
        return;
    if (o->type == SCHEMA_LIST) {
        conf_list_clear(field(base, o));
    } else if (o->type == SCHEMA_TEXT) {
        char **at = field(base, o);
        free(*at);
        *at = NULL;
    }
}

void value_clear_all(void *base, enum schema_scope scope)
{
    for (size_t i = 0; i < schema_count; i++) {
        if (schema_options[i].scope == scope)
            value_clear(base, &schema_options[i]);
    }
}
