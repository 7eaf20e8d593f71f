/* SPDX-License-Identifier: Apache-2.0 */
#include "base/journald.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_BYTES 8u

static void put(struct journald_entry *e, const void *data, size_t length)
{
    memcpy(e->data + e->used, data, length);
    e->used += length;
}

int journald_field(struct journald_entry *e, const char *name, const void *value, size_t length)
{
    size_t named = strlen(name);
    bool plain = memchr(value, '\n', length) == NULL;
    size_t around = named + 2 + (plain ? 0 : LENGTH_BYTES);
    uint8_t size[LENGTH_BYTES];

    if (around > e->size - e->used || length > e->size - e->used - around) {
        return -ENOBUFS;
    }
    put(e, name, named);
    if (plain) {
        put(e, "=", 1);
    } else {
        for (unsigned i = 0; i < LENGTH_BYTES; i++) {
            size[i] = (uint8_t)((uint64_t)length >> (8 * i));
        }
        put(e, "\n", 1);
        put(e, size, sizeof(size));
    }
    put(e, value, length);
    put(e, "\n", 1);
    return 0;
}

int journald_text(struct journald_entry *e, const char *name, const char *value)
{
    return journald_field(e, name, value, strlen(value));
}

int journald_number(struct journald_entry *e, const char *name, long value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%ld", value);

    return journald_field(e, name, text, n < 0 ? 0 : (size_t)n);
}
