/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in text.  Everything rests on number_parse_bytes(); units are tables, so that what the
 * parser accepts and what the formatter writes cannot drift apart.
 */
#include "base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct number_unit {
    const char *name;
    uint64_t factor;
};

static const struct number_unit duration_units[] = {
    {"d", UINT64_C(86400000000)}, {"h", UINT64_C(3600000000)}, {"m", UINT64_C(60000000)},
    {"s", UINT64_C(1000000)},     {"ms", UINT64_C(1000)},
};
static const struct number_unit size_units[] = {
    {"G", UINT64_C(1) << 30},
    {"M", UINT64_C(1) << 20},
    {"k", UINT64_C(1) << 10},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Digits after the point that a duration may have: enough for every microsecond of a day, and
 * few enough that fraction * factor fits 64 bits. */
#define FRACTION_DIGITS_MAX 8u

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text)
{
    size_t n = 0;

    while (is_digit(text[n])) {
        n++;
    }
    return n;
}

int number_parse_bytes(const void *text, size_t length, uint64_t maximum, uint64_t *ret)
{
    const char *c = text;
    uint64_t value = 0;
    bool over = false;

    if (length == 0) {
        return -EINVAL;
    }
    for (size_t i = 0; i < length; i++) {
        uint64_t digit;

        if (!is_digit(c[i])) {
            return -EINVAL;
        }
        digit = (uint64_t)(c[i] - '0');
        if (over || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, digit, &value) || value > maximum) {
            over = true; /* rubbish further on is still "not a number" */
        }
    }
    if (over) {
        return -ERANGE;
    }
    *ret = value;
    return 0;
}

int number_parse(const char *text, uint64_t maximum, uint64_t *ret)
{
    return number_parse_bytes(text, strlen(text), maximum, ret);
}

int number_parse_signed(const char *text, int64_t minimum, int64_t maximum, int64_t *ret)
{
    bool negative = text[0] == '-';
    uint64_t magnitude;
    int64_t value;
    int r;

    if (text[0] == '-' || text[0] == '+') {
        text++;
    }
    r = number_parse(text, negative ? UINT64_C(1) << 63 : (uint64_t)INT64_MAX, &magnitude);
    if (r < 0) {
        return r;
    }
    if (!negative) {
        value = (int64_t)magnitude;
    } else {
        value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    }
    if (value < minimum || value > maximum) {
        return -ERANGE;
    }
    *ret = value;
    return 0;
}

int number_parse_size(const char *text, uint64_t *ret)
{
    size_t digits = count_digits(text);
    const char *unit = text + digits;
    uint64_t factor = 1;
    uint64_t value;
    int r;

    for (size_t i = 0; i < COUNT(size_units); i++) {
        if ((*unit | 0x20) == (size_units[i].name[0] | 0x20)) {
            factor = size_units[i].factor;
            unit++;
            break;
        }
    }
    if (*unit == 'b' || *unit == 'B') {
        unit++;
    }
    if (*unit != '\0') {
        return -EINVAL;
    }
    r = number_parse_bytes(text, digits, UINT64_MAX, &value);
    if (r < 0) {
        return r;
    }
    if (__builtin_mul_overflow(value, factor, &value)) {
        return -ERANGE;
    }
    *ret = value;
    return 0;
}

/* The part behind the point, in microseconds; refused when it is no whole number of them. */
static int parse_fraction(const char *text, size_t digits, uint64_t factor, uint64_t *ret)
{
    uint64_t fraction;
    uint64_t scale = 1;
    int r;

    while (digits > 1 && text[digits - 1] == '0') {
        digits--;
    }
    if (digits > FRACTION_DIGITS_MAX) {
        return -EINVAL;
    }
    r = number_parse_bytes(text, digits, UINT64_MAX, &fraction);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < digits; i++) {
        scale *= 10;
    }
    if (fraction * factor % scale != 0) {
        return -EINVAL;
    }
    *ret = fraction * factor / scale;
    return 0;
}

int number_parse_duration(const char *text, uint64_t *ret_usec)
{
    size_t whole_digits = count_digits(text);
    const char *point = text[whole_digits] == '.' ? text + whole_digits + 1 : NULL;
    size_t fraction_digits = point == NULL ? 0 : count_digits(point);
    const char *unit = point == NULL ? text + whole_digits : point + fraction_digits;
    uint64_t factor = 0;
    uint64_t value;
    uint64_t fraction = 0;
    int r;

    if (*unit == '\0') {
        unit = "s";
    }
    for (size_t i = 0; i < COUNT(duration_units); i++) {
        if (strcmp(unit, duration_units[i].name) == 0) {
            factor = duration_units[i].factor;
        }
    }
    if (factor == 0) {
        return -EINVAL;
    }
    if (point != NULL) {
        r = parse_fraction(point, fraction_digits, factor, &fraction);
        if (r < 0) {
            return r;
        }
    }
    r = number_parse_bytes(text, whole_digits, UINT64_MAX, &value);
    if (r < 0) {
        return r;
    }
    if (__builtin_mul_overflow(value, factor, &value) ||
        __builtin_add_overflow(value, fraction, &value)) {
        return -ERANGE;
    }
    *ret_usec = value;
    return 0;
}

int number_parse_mode(const char *text, uint32_t *ret)
{
    uint32_t value = 0;

    if (text[0] == '\0') {
        return -EINVAL;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '7') {
            return -EINVAL;
        }
        if (value <= 07777) {
            value = value * 8 + (uint32_t)(text[i] - '0');
        }
    }
    if (value > 07777) {
        return -ERANGE;
    }
    *ret = value;
    return 0;
}

static char *format_unit(char out[NUMBER_TEXT_MAX], uint64_t value, const struct number_unit *unit)
{
    (void)snprintf(out, NUMBER_TEXT_MAX, "%llu%s", (unsigned long long)(value / unit->factor),
                   unit->name);
    return out;
}

char *number_format_size(char out[NUMBER_TEXT_MAX], uint64_t bytes)
{
    for (size_t i = 0; i < COUNT(size_units); i++) {
        if (bytes != 0 && bytes % size_units[i].factor == 0) {
            return format_unit(out, bytes, &size_units[i]);
        }
    }
    (void)snprintf(out, NUMBER_TEXT_MAX, "%llu", (unsigned long long)bytes);
    return out;
}

/* "1.5s": the fraction without trailing zeros. */
static char *format_fraction(char out[NUMBER_TEXT_MAX], uint64_t usec,
                             const struct number_unit *unit, int places)
{
    int n = snprintf(out, NUMBER_TEXT_MAX, "%llu.%0*llu", (unsigned long long)(usec / unit->factor),
                     places, (unsigned long long)(usec % unit->factor));

    while (n > 0 && out[n - 1] == '0') {
        n--;
    }
    (void)snprintf(out + n, (size_t)(NUMBER_TEXT_MAX - n), "%s", unit->name);
    return out;
}

char *number_format_duration(char out[NUMBER_TEXT_MAX], uint64_t usec)
{
    const struct number_unit *seconds = &duration_units[3];
    const struct number_unit *milliseconds = &duration_units[4];

    if (usec == 0) {
        (void)snprintf(out, NUMBER_TEXT_MAX, "0s");
        return out;
    }
    for (const struct number_unit *unit = duration_units; unit <= seconds; unit++) {
        if (usec % unit->factor == 0) {
            return format_unit(out, usec, unit);
        }
    }
    if (usec > seconds->factor) {
        return format_fraction(out, usec, seconds, 6);
    }
    if (usec % milliseconds->factor == 0) {
        return format_unit(out, usec, milliseconds);
    }
    return format_fraction(out, usec, milliseconds, 3);
}
