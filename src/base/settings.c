/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block of NAME=VALUE strings.
 *
 * Invariant: the block is empty or ends with a NUL, and every entry in it holds a '=' that is not
 * its first byte.  settings_add() and settings_load() keep it; the getters rely on it.
 */
#include "base/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

void settings_init(struct settings *s)
{
    bytes_init(&s->block, SETTINGS_MAX);
}

void settings_clear(struct settings *s)
{
    if (s != NULL) {
        bytes_clear(&s->block);
    }
}

int settings_add(struct settings *s, const char *name, const char *value)
{
    size_t name_length = strlen(name);
    size_t value_length = strlen(value);
    size_t room = bytes_room(&s->block);
    uint8_t *to;

    if (name_length == 0 || strchr(name, '=') != NULL) {
        return -EINVAL;
    }
    if (name_length > room || value_length > room || name_length + value_length + 2 > room) {
        return -ENOBUFS;
    }
    to = bytes_reserve(&s->block, name_length + value_length + 2);
    if (to == NULL) {
        return -ENOMEM;
    }
    memcpy(to, name, name_length + 1);
    to[name_length] = '=';
    memcpy(to + name_length + 1, value, value_length + 1);
    bytes_commit(&s->block, name_length + value_length + 2);
    return 0;
}

int settings_add_number(struct settings *s, const char *name, uint64_t value)
{
    char text[NUMBER_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return settings_add(s, name, text);
}

int settings_load(struct settings *s, const void *data, size_t length, struct error *err)
{
    const char *from = data;
    struct bytes block;
    int r;

    if (length > SETTINGS_MAX) {
        return error_set(err, EINVAL, "settings: %zu bytes, at most %u are allowed", length,
                         SETTINGS_MAX);
    }
    if (length > 0 && from[length - 1] != '\0') {
        return error_set(err, EINVAL, "settings: the last entry is not terminated");
    }
    for (size_t at = 0; at < length; at += strlen(from + at) + 1) {
        const char *equals = strchr(from + at, '=');

        if (equals == NULL || equals == from + at) {
            return error_set(err, EINVAL, "settings: the entry at byte %zu is not NAME=VALUE", at);
        }
    }
    bytes_init(&block, SETTINGS_MAX);
    r = bytes_append(&block, data, length);
    if (r < 0) {
        return error_errno(err, -r, "settings: cannot keep %zu bytes", length);
    }
    bytes_clear(&s->block);
    s->block = block;
    return 0;
}

const char *settings_get_nth(const struct settings *s, const char *name, size_t n)
{
    const char *from = (const char *)bytes_front(&s->block);
    size_t length = bytes_held(&s->block);
    size_t name_length = strlen(name);

    for (size_t at = 0; at < length; at += strlen(from + at) + 1) {
        if (strncmp(from + at, name, name_length) != 0 || from[at + name_length] != '=') {
            continue;
        }
        if (n == 0) {
            return from + at + name_length + 1;
        }
        n--;
    }
    return NULL;
}

const char *settings_get(const struct settings *s, const char *name, const char *fallback)
{
    const char *value = settings_get_nth(s, name, 0);

    return value == NULL ? fallback : value;
}

uint64_t settings_get_number(const struct settings *s, const char *name, uint64_t fallback)
{
    const char *value = settings_get_nth(s, name, 0);
    uint64_t number;

    if (value == NULL || number_parse(value, UINT64_MAX, &number) < 0) {
        return fallback;
    }
    return number;
}
