/* SPDX-License-Identifier: Apache-2.0 */
/* Structs as settings, by tables. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/number.h"
#include "base/state.h"
#include "base/text.h"

static int write_signed(struct settings *to, const char *name, int64_t value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    return settings_add(to, name, text);
}

static int write_field(struct settings *to, const struct state_field *f, const void *at)
{
    switch (f->type) {
    case STATE_U32:
        return settings_add_number(to, f->name, *(const uint32_t *)at);
    case STATE_U64:
        return settings_add_number(to, f->name, *(const uint64_t *)at);
    case STATE_FLAG:
        return settings_add_number(to, f->name, *(const bool *)at);
    case STATE_I32:
        return write_signed(to, f->name, *(const int *)at);
    case STATE_TEXT:
        return settings_add(to, f->name, at);
    }
    return -EINVAL;
}

int state_write_fields(struct settings *to, const struct state_field *fields, size_t count,
                       const void *from)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = write_field(to, &fields[i], (const char *)from + fields[i].offset);
    return r;
}

static bool read_field(const struct state_field *f, const char *text, void *at)
{
    uint64_t number = 0;
    int64_t with_sign = 0;
    size_t length;

    switch (f->type) {
    case STATE_U32:
        if (number_parse(text, f->most < UINT32_MAX ? f->most : UINT32_MAX, &number) < 0)
            return false;
        *(uint32_t *)at = (uint32_t)number;
        return true;
    case STATE_U64:
        return number_parse(text, f->most, at) == 0;
    case STATE_FLAG:
        if (number_parse(text, 1, &number) < 0)
            return false;
        *(bool *)at = number == 1;
        return true;
    case STATE_I32:
        if (number_parse_signed(text, f->least, (int64_t)f->most, &with_sign) < 0)
            return false;
        *(int *)at = (int)with_sign;
        return true;
    case STATE_TEXT:
        length = strlen(text);
        if (length >= f->most)
            return false;
        memcpy(at, text, length + 1);
        return true;
    }
    return false;
}

int state_read_fields(const struct settings *from, const struct state_field *fields, size_t count,
                      void *to, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = settings_get(from, fields[i].name, NULL);
        char shown[100];

        if (text == NULL)
            return error_set(err, EINVAL, "the state lacks %s", fields[i].name);
        if (read_field(&fields[i], text, (char *)to + fields[i].offset))
            continue;
        (void)text_escape_fixed(shown, sizeof(shown), text, strlen(text));
        return error_set(err, EINVAL, "the state says %s = %s, which cannot be", fields[i].name,
                         shown);
    }
    return 0;
}

int state_write_bytes(struct settings *to, const char *name, const void *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = data;
    char *text = malloc(length * 2 + 1);

    if (text == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[from[i] >> 4];
        text[2 * i + 1] = digits[from[i] & 15];
    }
    text[2 * length] = '\0';
    int r = settings_add(to, name, text);
    free(text);
    return r;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long state_read_bytes(const struct settings *from, const char *name, void *to, size_t room,
                      struct error *err)
{
    const char *text = settings_get(from, name, NULL);
    size_t length = text == NULL ? 0 : strlen(text);
    uint8_t *out = to;

    if (text == NULL || length % 2 != 0 || length / 2 > room)
        return error_set(err, EINVAL, "the state lacks %s, or has too much of it", name);
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return error_set(err, EINVAL, "the state's %s is no row of bytes", name);
        out[i] = (uint8_t)(high << 4 | low);
    }
    return (long)(length / 2);
}
