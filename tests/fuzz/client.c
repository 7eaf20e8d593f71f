/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An application's answer.  The first byte is the id that was asked.
 *
 * Oracles: the cutting makes no difference; every byte is taken; END comes once at most, and no
 * data of the request after it.
 */

#include "pieces.h"
#include <stdbool.h>
#include "wire/client.h"

static void run(struct bytes *text, const uint8_t *data, size_t size, uint16_t id,
                enum pieces_way way)
{
    struct client *c = client_new(id);
    struct pieces p;
    const uint8_t *piece;
    size_t length;
    enum client_event_type last = CLIENT_MORE;
    bool alive = true, ended = false;

    ORACLE(c != NULL);
    bytes_init(text, 1u << 24);
    pieces_begin(&p, way, id, data, size);
    while (alive && (length = pieces_next(&p, &piece)) > 0) {
        struct client_event ev;

        do {
            struct error err = ERROR_NONE;

            alive = client_next(c, &piece, &length, &ev, &err) == 0;
            ORACLE(alive == (err.number == 0));
            if (!alive || ev.type == CLIENT_MORE)
                break;
            ORACLE(!ended || ev.type == CLIENT_OTHER);
            ORACLE((ev.type == CLIENT_OTHER) == (ev.header.id == 0));
            if (ev.type != last || ev.type == CLIENT_OTHER)
                bytes_printf(text, "%d:", (int)ev.type);
            if (ev.type == CLIENT_END) {
                ended = true;
                bytes_printf(text, "%u/%u", ev.app_status, ev.protocol_status);
            } else {
                ORACLE(bytes_append(text, ev.data, ev.length) == 0);
            }
            last = ev.type;
        } while (true);
        ORACLE(!alive || length == 0);
    }
    bytes_printf(text, "%d", (int)alive);
    pieces_end(&p);
    client_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes first, other;

    if (size == 0)
        return 0;
    uint16_t id = data[0] == 0 ? 1 : data[0];

    run(&first, data + 1, size - 1, id, PIECES_WHOLE);
    for (enum pieces_way way = PIECES_BYTES; way < PIECES_WAYS; way++) {
        run(&other, data + 1, size - 1, id, way);
        ORACLE(bytes_held(&first) == bytes_held(&other));
        ORACLE(memcmp(bytes_front(&first), bytes_front(&other), bytes_held(&first)) == 0);
        bytes_clear(&other);
    }
    bytes_clear(&first);
    return 0;
}
