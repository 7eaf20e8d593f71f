/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker tells of the request in its hands.  It keeps its own copy of the record and
 * publishes it whole, so nothing is ever read back from the board.
 */
#include "board/board.h"

#include <string.h>

#include "board/mapping.h"
#include "board/sequence.h"

/* The field is zeroed behind the text: nothing of an older, longer text stays readable. */
static void request_text(char *field, size_t size, const char *text)
{
    size_t length = text == NULL ? 0 : strnlen(text, size - 1);

    if (length > 0) {
        memcpy(field, text, length);
    }
    memset(field + length, 0, size - length);
}

void board_request_begin(struct board *b, uint64_t now, const char *method, const char *uri,
                         const char *script, const char *user, uint64_t content_length,
                         int32_t program)
{
    struct board_slot *slot = mapping_own(b);
    struct board_request *own = &b->request;

    if (slot == NULL) {
        return;
    }
    own->running = 1;
    own->started = now;
    own->content_length = content_length;
    own->program = program;
    request_text(own->method, sizeof(own->method), method);
    request_text(own->uri, sizeof(own->uri), uri);
    request_text(own->script, sizeof(own->script), script);
    request_text(own->user, sizeof(own->user), user);
    board_sequence_store(&slot->request, own, sizeof(*own));
}

void board_request_end(struct board *b, uint64_t now, const struct board_result *result)
{
    struct board_slot *slot = mapping_own(b);
    struct board_request *own = &b->request;

    if (slot == NULL) {
        return;
    }
    own->running = 0;
    own->duration = now > own->started ? now - own->started : 0;
    own->finished = now;
    own->status = result->status;
    own->cpu = result->cpu;
    own->peak_memory = result->peak_memory;
    own->bytes_in = result->bytes_in;
    own->bytes_out = result->bytes_out;
    own->queue = result->queue;
    own->first = result->first;
    board_sequence_store(&slot->request, own, sizeof(*own));
}
