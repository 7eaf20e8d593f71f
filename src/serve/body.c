/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `body_left` counts down CONTENT_LENGTH as bytes come in: what comes beyond it is not the program's,
 * and is dropped.  When it is 0, or the body is over, and all is handed on, stdin is closed.
 */

#include "base/clock.h"
#include "serve/body.h"
#include "serve/holdback.h"
#include "serve/streams.h"

size_t body_room(const struct request *r)
{
    bool wanted =
        r->state == REQUEST_WAITING || (r->state == REQUEST_RUNNING && r->program.in >= 0);

    return wanted ? bytes_room(&r->body) : REQUEST_BODY_MAX;
}

void body_expect(struct request *r, uint64_t length)
{
    size_t held = bytes_held(&r->body);

    r->sized = true;
    if (held > length) { /* it came before we knew */
        struct bytes kept;
        bytes_init(&kept, REQUEST_BODY_MAX);
        (void)bytes_append(&kept, bytes_front(&r->body), (size_t)length);
        bytes_clear(&r->body);
        r->body = kept;
        held = (size_t)length;
    }
    r->body_left = length - held;
}

void body_take(struct request *r, const void *data, size_t length)
{
    if (r->state != REQUEST_WAITING && (r->state != REQUEST_RUNNING || r->program.in < 0))
        return; /* nobody reads it */
    if (length > r->body_left)
        length = (size_t)r->body_left;
    if (length == 0)
        return;
    r->body_at = clock_monotonic();
    if (r->body_left != UINT64_MAX)
        r->body_left -= length;
    if (bytes_append(&r->body, data, length) < 0) {
        request_doom(r, REQUEST_NO_MEMORY);
        return;
    }
    /* With older bytes still waiting the pipe is full: its own event will take these along. */
    if (r->state == REQUEST_RUNNING && bytes_held(&r->body) == length)
        streams_feed(r);
}

void body_end(struct request *r)
{
    if (r->body_over)
        return;
    r->body_over = true;
    if (r->state != REQUEST_RUNNING)
        return;
    streams_feed(r);
    if (holdback_check(r) < 0)
        request_doom(r, REQUEST_NO_MEMORY);
}
