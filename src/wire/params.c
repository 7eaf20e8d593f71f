/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Name-value pairs.
 *
 * Names and values lie one behind the other in one run of bytes, each followed by a NUL of our
 * own; a pair is its offset and its two lengths.  The run grows only by bytes that have arrived:
 * an announced length is compared with the limits and otherwise only counted down.
 *
 * A stream that passes a limit is still followed (lengths read, bytes skipped), so that
 * params_finish() can tell a large stream, which deserves an answer, from a broken one.
 *
 * Invariant: total names and values held <= limits.total; count <= limits.count; once too_large
 * is set nothing is held and nothing is stored again.
 */

#include "wire/params.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PAIR_LENGTH_MAX = 0x7fffffff, LENGTH_SHORT = 0x7f, LENGTH_LONG = 0x80 };

enum step {
    STEP_NAME_LENGTH, /* also: between pairs, when nothing of the length is read */
    STEP_VALUE_LENGTH,
    STEP_NAME,
    STEP_VALUE,
};

struct pair {
    size_t at; /* offset of the name in the run */
    uint32_t name_length;
    uint32_t value_length;
};

struct params {
    struct params_limits limits;
    struct bytes run;
    struct pair *pairs;
    size_t count;
    size_t capacity;
    size_t total; /* names and values of all complete pairs and of the one being read */
    bool too_large;

    enum step step;
    uint8_t length_raw[4];
    unsigned length_have; /* bytes of length_raw */
    struct pair current;
    size_t left; /* bytes of the current name or value still to come */
};

struct params *params_new(const struct params_limits *limits)
{
    struct params *p = calloc(1, sizeof *p);
    size_t maximum;

    if (p == NULL)
        return NULL;
    p->limits = *limits;
    if (__builtin_mul_overflow((size_t)limits->count, (size_t)2, &maximum) ||
        __builtin_add_overflow(maximum, limits->total, &maximum))
        maximum = SIZE_MAX;
    bytes_init(&p->run, maximum);
    return p;
}

struct params *params_free(struct params *p)
{
    if (p != NULL) {
        bytes_clear(&p->run);
        free(p->pairs);
        free(p);
    }
    return NULL;
}

static void overflow(struct params *p)
{
    p->too_large = true;
    p->count = 0;
    p->capacity = 0;
    p->total = 0;
    bytes_clear(&p->run);
    free(p->pairs);
    p->pairs = NULL;
}

void params_overflow(struct params *p)
{
    if (!p->too_large)
        overflow(p);
}

size_t params_held(const struct params *p)
{
    return bytes_held(&p->run) + p->capacity * sizeof *p->pairs;
}

static int grow_pairs(struct params *p)
{
    if (p->count < p->capacity)
        return 0;
    size_t capacity = p->capacity == 0 ? 32 : p->capacity * 2;
    struct pair *pairs = reallocarray(p->pairs, capacity, sizeof *pairs);

    if (pairs == NULL)
        return -ENOMEM;
    p->pairs = pairs;
    p->capacity = capacity;
    return 0;
}

static int append(struct params *p, const void *data, size_t length)
{
    return p->too_large ? 0 : bytes_append(&p->run, data, length);
}

/* Take bytes of a length; true when it is complete and stored in *ret. */
static bool take_length(struct params *p, const uint8_t **at, const uint8_t *end, uint32_t *ret)
{
    while (*at < end) {
        p->length_raw[p->length_have++] = *(*at)++;
        if (!(p->length_raw[0] & LENGTH_LONG)) {
            *ret = p->length_raw[0];
        } else if (p->length_have == 4) {
            *ret = (uint32_t)(p->length_raw[0] & LENGTH_SHORT) << 24 |
                   (uint32_t)p->length_raw[1] << 16 | (uint32_t)p->length_raw[2] << 8 |
                   p->length_raw[3];
        } else {
            continue;
        }
        p->length_have = 0;
        return true;
    }
    return false;
}

/* Both lengths are known: within the limits? */
static void check_limits(struct params *p)
{
    size_t name = p->current.name_length;
    size_t value = p->current.value_length;
    size_t room = p->limits.total - p->total;

    if (p->too_large)
        return;
    if (name > p->limits.name || value > p->limits.value || p->count >= p->limits.count ||
        name > room || value > room - name)
        overflow(p);
    else
        p->total += name + value;
}

/* Take bytes of the current name or value; 1 when it is complete, 0 when more must come. */
static int take_bytes(struct params *p, const uint8_t **at, const uint8_t *end)
{
    size_t have = (size_t)(end - *at);
    size_t part = have < p->left ? have : p->left;
    int r = append(p, *at, part);

    if (r < 0)
        return r;
    *at += part;
    p->left -= part;
    if (p->left > 0)
        return 0;
    r = append(p, "", 1);
    return r < 0 ? r : 1;
}

static int pair_complete(struct params *p)
{
    if (p->too_large)
        return 0;
    int r = grow_pairs(p);

    if (r < 0)
        return r;
    p->pairs[p->count++] = p->current;
    return 0;
}

int params_feed(struct params *p, const void *data, size_t length)
{
    const uint8_t *at = data;
    const uint8_t *end = at + length;
    int r;

    for (;;) {
        switch (p->step) {
        case STEP_NAME_LENGTH:
            if (!take_length(p, &at, end, &p->current.name_length))
                goto out;
            p->step = STEP_VALUE_LENGTH;
            break;
        case STEP_VALUE_LENGTH:
            if (!take_length(p, &at, end, &p->current.value_length))
                goto out;
            check_limits(p);
            p->current.at = bytes_held(&p->run);
            p->left = p->current.name_length;
            p->step = STEP_NAME;
            break;
        case STEP_NAME:
            r = take_bytes(p, &at, end);
            if (r < 0)
                return r;
            if (r == 0)
                goto out;
            p->left = p->current.value_length;
            p->step = STEP_VALUE;
            break;
        case STEP_VALUE:
            r = take_bytes(p, &at, end);
            if (r < 0)
                return r;
            if (r == 0)
                goto out;
            r = pair_complete(p);
            if (r < 0)
                return r;
            p->step = STEP_NAME_LENGTH;
            break;
        }
    }
out:
    return p->too_large ? PARAMS_TOO_LARGE : PARAMS_OK;
}

int params_finish(struct params *p)
{
    return p->step == STEP_NAME_LENGTH && p->length_have == 0 ? 0 : -EPROTO;
}

size_t params_count(const struct params *p)
{
    return p->count;
}

void params_get(const struct params *p, size_t i, const char **name, size_t *name_length,
                const char **value, size_t *value_length)
{
    const struct pair *pair = &p->pairs[i];
    const char *at = (const char *)bytes_front(&p->run) + pair->at;

    *name = at;
    *name_length = pair->name_length;
    *value = at + pair->name_length + 1;
    *value_length = pair->value_length;
}

/* Index of the last pair of that name, or count. */
static size_t find(const struct params *p, const char *name)
{
    size_t length = strlen(name);
    const char *run = (const char *)bytes_front(&p->run);

    for (size_t i = p->count; i-- > 0;) {
        if (p->pairs[i].name_length == length && memcmp(run + p->pairs[i].at, name, length) == 0)
            return i;
    }
    return p->count;
}

const char *params_find(const struct params *p, const char *name, size_t *length)
{
    size_t i = find(p, name);
    const char *found, *value;
    size_t name_length, value_length;

    if (i == p->count)
        return NULL;
    params_get(p, i, &found, &name_length, &value, &value_length);
    if (length != NULL)
        *length = value_length;
    return value;
}

void params_cut(struct params *p, const char *name, size_t length)
{
    size_t i = find(p, name);

    if (i == p->count || length >= p->pairs[i].value_length)
        return;
    p->run.data[p->run.start + p->pairs[i].at + p->pairs[i].name_length + 1 + length] = '\0';
    p->pairs[i].value_length = (uint32_t)length;
}

static size_t put_length(uint8_t *at, size_t length)
{
    if (length <= LENGTH_SHORT) {
        at[0] = (uint8_t)length;
        return 1;
    }
    at[0] = (uint8_t)(length >> 24 | LENGTH_LONG);
    at[1] = (uint8_t)(length >> 16);
    at[2] = (uint8_t)(length >> 8);
    at[3] = (uint8_t)length;
    return 4;
}

int params_encode(struct bytes *out, const void *name, size_t name_length, const void *value,
                  size_t value_length)
{
    uint8_t lengths[8];

    if (name_length > PAIR_LENGTH_MAX || value_length > PAIR_LENGTH_MAX)
        return -EINVAL;
    size_t head = put_length(lengths, name_length);

    head += put_length(lengths + head, value_length);
    size_t room = bytes_room(out); /* two lengths of 31 bits may pass 32 bits: compare in steps */

    if (head > room || name_length > room - head || value_length > room - head - name_length)
        return -ENOBUFS;
    size_t total = head + name_length + value_length;
    uint8_t *at = bytes_reserve(out, total);

    if (at == NULL)
        return -ENOMEM;
    memcpy(at, lengths, head);
    if (name_length > 0)
        memcpy(at + head, name, name_length);
    if (value_length > 0)
        memcpy(at + head + name_length, value, value_length);
    bytes_commit(out, total);
    return 0;
}
