/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Name-value pairs.  The first byte chooses the limits.
 *
 * Oracles: a second, simple decoder that sees everything at once finds the same pairs, the same
 * end and the same excess; the cutting makes no difference; encoding the pairs and decoding them
 * again is the identity.
 */

#include "pieces.h"
#include <stdbool.h>
#include "wire/params.h"
#include "wire/reader.h"

struct seen {
    bool large;
    bool cut;
    size_t count;
    uint64_t sum; /* of everything in the pairs */
};

static void add_text(struct seen *s, const void *text, size_t length)
{
    const uint8_t *at = text;

    s->sum = s->sum * 31 + length;
    for (size_t i = 0; i < length; i++)
        s->sum = s->sum * 31 + at[i];
}

static bool number(const uint8_t *data, size_t size, size_t *at, size_t *ret)
{
    if (*at >= size)
        return false;
    size_t width = data[*at] & 0x80 ? 4 : 1;

    if (size - *at < width)
        return false;
    *ret = width == 1 ? data[*at]
                      : (size_t)(data[*at] & 0x7f) << 24 | (size_t)data[*at + 1] << 16 |
                            (size_t)data[*at + 2] << 8 | data[*at + 3];
    *at += width;
    return true;
}

static struct seen reference(const uint8_t *data, size_t size, const struct params_limits *l)
{
    struct seen s = {.cut = false};
    size_t at = 0, total = 0;

    while (at < size) {
        size_t name, value;

        s.cut = !number(data, size, &at, &name) || !number(data, size, &at, &value);
        if (s.cut)
            break;
        total += name + value;
        s.large = s.large || name > l->name || value > l->value || total > l->total ||
                  s.count >= l->count;
        s.cut = name > size - at || value > size - at - name;
        if (s.cut)
            break;
        s.count++;
        add_text(&s, data + at, name);
        add_text(&s, data + at + name, value);
        at += name + value;
    }
    if (s.large)
        s.count = 0;
    return s;
}

static struct params *decode(const uint8_t *data, size_t size, const struct params_limits *l,
                             enum pieces_way way, struct seen *s)
{
    struct params *p = params_new(l);
    struct pieces cut;
    const uint8_t *piece;
    size_t length;

    ORACLE(p != NULL);
    pieces_begin(&cut, way, 7, data, size);
    while ((length = pieces_next(&cut, &piece)) > 0)
        ORACLE(params_feed(p, piece, length) >= 0);
    pieces_end(&cut);
    ORACLE(params_held(p) <= 20 * size + 4096);
    *s = (struct seen){.large = params_feed(p, "", 0) == PARAMS_TOO_LARGE,
                       .cut = params_finish(p) < 0,
                       .count = params_count(p)};
    for (size_t i = 0; i < s->count; i++) {
        const char *name, *value;
        size_t name_length, value_length;

        params_get(p, i, &name, &name_length, &value, &value_length);
        ORACLE(name[name_length] == '\0' && value[value_length] == '\0');
        add_text(s, name, name_length);
        add_text(s, value, value_length);
    }
    return p;
}

static void again(const struct params *p, const struct params_limits *l, const struct seen *s)
{
    struct bytes b;
    struct seen other;

    bytes_init(&b, 1u << 24);
    for (size_t i = 0; i < s->count; i++) {
        const char *name, *value;
        size_t name_length, value_length;

        params_get(p, i, &name, &name_length, &value, &value_length);
        ORACLE(params_encode(&b, name, name_length, value, value_length) == 0);
    }
    params_free(decode(bytes_front(&b), bytes_held(&b), l, PIECES_RANDOM, &other));
    ORACLE(!other.large && !other.cut && other.count == s->count && other.sum == s->sum);
    bytes_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct params_limits small = {.total = 60, .name = 9, .value = 40, .count = 5};

    if (size == 0)
        return 0;
    const struct params_limits *l = data[0] & 1 ? &small : &reader_default_limits.params;
    struct seen want = reference(data + 1, size - 1, l);

    for (enum pieces_way way = PIECES_WHOLE; way < PIECES_WAYS; way++) {
        struct seen got;
        struct params *p = decode(data + 1, size - 1, l, way, &got);

        ORACLE(got.large == want.large && got.cut == want.cut && got.count == want.count);
        ORACLE(got.large || got.sum == want.sum);
        if (!got.large)
            again(p, l, &got);
        params_free(p);
    }
    return 0;
}
