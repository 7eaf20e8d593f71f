/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: `lines` holds whole records: a size_t, and as many bytes. */
#include "base/spool.h"

#include <string.h>

void spool_limit(struct spool *s, size_t most)
{
    s->lines.maximum = most;
    while (bytes_held(&s->lines) > most) {
        spool_pop(s);
        s->dropped++;
    }
}

void spool_push(struct spool *s, const char *line, size_t length)
{
    size_t need = sizeof(length) + length;

    if (need > s->lines.maximum) {
        spool_drop(s); /* it is newer than they are, and lost */
        s->dropped++;
        return;
    }
    while (bytes_room(&s->lines) < need) {
        spool_pop(s);
        s->dropped++;
    }
    if (bytes_reserve(&s->lines, need) == NULL) {
        spool_drop(s);
        s->dropped++;
        return;
    }
    (void)bytes_append(&s->lines, &length, sizeof(length)); /* there is room */
    (void)bytes_append(&s->lines, line, length);
}

const char *spool_first(struct spool *s, size_t *ret_length)
{
    const uint8_t *first = s->lines.data;

    if (first == NULL || bytes_held(&s->lines) < sizeof(*ret_length)) {
        return NULL;
    }
    first += s->lines.start;
    memcpy(ret_length, first, sizeof(*ret_length));
    return (const char *)first + sizeof(*ret_length);
}

void spool_pop(struct spool *s)
{
    size_t length = 0;

    if (spool_first(s, &length) == NULL) {
        return;
    }
    bytes_consume(&s->lines, sizeof(length) + length);
    if (bytes_held(&s->lines) == 0) {
        bytes_clear(&s->lines);
    }
}

uint64_t spool_count(const struct spool *s)
{
    size_t held = bytes_held(&s->lines), length = 0;
    uint64_t count = 0;

    for (size_t at = 0; at < held; at += sizeof(length) + length, count++) {
        memcpy(&length, bytes_front(&s->lines) + at, sizeof(length));
    }
    return count;
}

void spool_drop(struct spool *s)
{
    while (bytes_held(&s->lines) > 0) {
        spool_pop(s);
        s->dropped++;
    }
}
