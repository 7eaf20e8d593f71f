/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A FastCGI connection.  The first byte chooses the limits and when requests are ended.
 *
 * Oracles: what is heard does not depend on how the stream is cut; every byte is taken; an
 * independent walk over the records finds an empty PARAMS record for every request reported, and as
 * much STDIN content as was reported; no more ids are active than allowed.
 */

#include "pieces.h"
#include "../unit/wire_heard.h"

struct walk {
    unsigned empty_params[65536];
    unsigned requests[65536];
    uint64_t content[65536];
    uint64_t body[65536];
};

static struct walk *walk_new(const uint8_t *data, size_t size)
{
    struct walk *w = calloc(1, sizeof *w);

    ORACLE(w != NULL);
    for (size_t at = 0; size - at >= 8;) {
        unsigned id = (unsigned)data[at + 2] << 8 | data[at + 3];
        size_t length = (size_t)data[at + 4] << 8 | data[at + 5];
        size_t padding = data[at + 6];
        size_t there = size - at - 8;

        if (data[at + 1] == 4 && length == 0)
            w->empty_params[id]++;
        if (data[at + 1] == 5)
            w->content[id] += length < there ? length : there;
        if (length + padding > there)
            break;
        at += 8 + length + padding;
    }
    return w;
}

/* Whether the request is ended at this event: from the input alone, never from the cutting. */
static bool ends_at(const struct reader_event *ev, uint8_t choice)
{
    switch (ev->type) {
    case READER_TOO_LARGE:
        return true;
    case READER_REQUEST:
        return choice & 1;
    case READER_BODY_END:
        return choice & 2;
    case READER_ABORT:
        return choice & 4;
    case READER_BEGAN:
        return (choice & 8) && ev->id % 4 == 3;
    default:
        return false;
    }
}

static void run(struct heard *h, const uint8_t *data, size_t size, enum pieces_way way,
                uint8_t choice, struct walk *w)
{
    static const struct reader_limits small = {
        .params = {.total = 200, .name = 20, .value = 150, .count = 10},
        .params_pending = 2000,
        .requests = 3,
        .idle_records = 8,
        .values_content = 40,
        .params_records = 20,
    };
    struct reader *r = reader_new(choice & 16 ? &small : NULL);
    unsigned most = choice & 16 ? small.requests : reader_default_limits.requests;
    struct pieces p;
    const uint8_t *piece = NULL;
    size_t length;
    bool alive = true;

    ORACLE(r != NULL);
    bytes_init(&h->text, 1u << 24);
    h->in_body = false;
    pieces_begin(&p, way, choice, data, size);
    while (alive && (length = pieces_next(&p, &piece)) > 0) {
        struct reader_event ev;

        do {
            size_t before = length;
            struct error err = ERROR_NONE;

            alive = reader_next(r, &piece, &length, &ev, &err) == 0;
            ORACLE(length <= before);
            ORACLE(alive == (err.number == 0));
            ORACLE(reader_active(r) <= most);
            if (!alive)
                break;
            if (ev.type == READER_REQUEST || ev.type == READER_TOO_LARGE)
                ORACLE(++w->requests[ev.id] <= w->empty_params[ev.id]);
            w->body[ev.id] += ev.length;
            ORACLE(w->body[ev.id] <= w->content[ev.id]);
            if (ev.type != READER_MORE)
                heard_event(h, &ev);
            if (ends_at(&ev, choice))
                reader_end(r, ev.id);
        } while (ev.type != READER_MORE);
        ORACLE(!alive || length == 0);
    }
    heard_close_body(h);
    bytes_printf(&h->text, " %s", !alive ? "error" : reader_is_idle(r) ? "idle" : "");
    pieces_end(&p);
    reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard first = {0}, other = {0};

    if (size == 0)
        return 0;
    for (enum pieces_way way = PIECES_WHOLE; way < PIECES_WAYS; way++) {
        struct heard *h = way == PIECES_WHOLE ? &first : &other;
        struct walk *w = walk_new(data + 1, size - 1);

        run(h, data + 1, size - 1, way, data[0], w);
        free(w);
        if (way != PIECES_WHOLE) {
            ORACLE(bytes_held(&first.text) == bytes_held(&other.text));
            ORACLE(memcmp(bytes_front(&first.text), bytes_front(&other.text),
                          bytes_held(&first.text)) == 0);
            bytes_clear(&other.text);
        }
    }
    bytes_clear(&first.text);
    return 0;
}
