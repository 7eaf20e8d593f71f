/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant of a reader that was opened: what is left is whole records, an STATE_END the last. */
#include "base/state.h"

#include <errno.h>
#include <string.h>

static const char magic[8] = "ganger\0S";
#define RECORD_HEAD (2 * sizeof(uint32_t))

int state_begin(struct state *s, uint32_t version)
{
    bytes_init(&s->block, STATE_MAX);
    int r = bytes_append(&s->block, magic, sizeof(magic));

    return r < 0 ? r : bytes_append(&s->block, &version, sizeof(version));
}

static int add(struct state *s, uint32_t kind, const void *data, size_t length)
{
    uint32_t head[2] = {kind, (uint32_t)length};

    if (length > STATE_MAX || bytes_room(&s->block) < RECORD_HEAD + length)
        return -ENOBUFS;
    int r = bytes_append(&s->block, head, sizeof(head));
    return r < 0 || length == 0 ? r : bytes_append(&s->block, data, length);
}

int state_add(struct state *s, uint32_t kind, const void *data, size_t length)
{
    return kind == STATE_END ? -EINVAL : add(s, kind, data, length);
}

int state_add_settings(struct state *s, uint32_t kind, const struct settings *settings)
{
    return state_add(s, kind, bytes_front(&settings->block), bytes_held(&settings->block));
}

int state_finish(struct state *s)
{
    return add(s, STATE_END, NULL, 0);
}

void state_clear(struct state *s)
{
    bytes_clear(&s->block);
}

/* ---- reading ---- */

/* The record at the front of `left` bytes; 0, or -EINVAL when it does not end within them. */
static int peek(const uint8_t *at, size_t left, struct state_record *ret)
{
    uint32_t head[2];

    if (left < sizeof(head))
        return -EINVAL;
    memcpy(head, at, sizeof(head));
    if (head[1] > left - sizeof(head) || (head[0] == STATE_END && head[1] != 0))
        return -EINVAL;
    *ret = (struct state_record){.kind = head[0], .data = at + sizeof(head), .length = head[1]};
    return 0;
}

int state_open(struct state_reader *r, const void *data, size_t length, struct error *err)
{
    struct state_record record;
    const uint8_t *at = data;

    if (length < sizeof(magic) + sizeof(r->version) || memcmp(at, magic, sizeof(magic)) != 0)
        return error_set(err, EINVAL, "this is no state of ganger");
    memcpy(&r->version, at + sizeof(magic), sizeof(r->version));
    r->at = at + sizeof(magic) + sizeof(r->version);
    r->left = length - sizeof(magic) - sizeof(r->version);
    for (size_t left = r->left; peek(at + length - left, left, &record) == 0;) {
        left -= RECORD_HEAD + record.length;
        if (record.kind != STATE_END)
            continue;
        if (left > 0)
            return error_set(err, EINVAL, "the state goes on behind its end");
        return 0;
    }
    return error_set(err, EINVAL, "the state is cut off");
}

void state_next(struct state_reader *r, struct state_record *ret)
{
    if (peek(r->at, r->left, ret) < 0)
        *ret = (struct state_record){.kind = STATE_END, .data = r->at};
    if (ret->kind == STATE_END)
        return;
    r->at += RECORD_HEAD + ret->length;
    r->left -= RECORD_HEAD + ret->length;
}
