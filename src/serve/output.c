/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: sent + held == queued; `probed` is only set while the queue is empty. */

#include <errno.h>
#include <sys/socket.h>
#include "serve/output.h"
#include "wire/record.h"

void output_init(struct output *o)
{
    *o = (struct output){.queued = 0};
    bytes_init(&o->queue, OUTPUT_MAX);
}

void output_clear(struct output *o)
{
    bytes_clear(&o->queue);
}

/* Count what an encoder appended, and leave out the byte that the probe has sent. */
static int appended(struct output *o, size_t before, int result)
{
    size_t added = bytes_held(&o->queue) - before;

    o->queued += added;
    if (added > 0 && o->probed) {
        bytes_consume(&o->queue, 1);
        o->sent++;
        o->probed = false;
    }
    return result;
}

int output_stream(struct output *o, uint8_t type, uint16_t id, const void *data, size_t length)
{
    size_t before = bytes_held(&o->queue);
    return appended(o, before, record_stream(&o->queue, type, id, data, length));
}

int output_stream_end(struct output *o, uint8_t type, uint16_t id)
{
    size_t before = bytes_held(&o->queue);
    return appended(o, before, record_stream_end(&o->queue, type, id));
}

int output_end_request(struct output *o, uint16_t id, uint32_t app_status, uint8_t protocol_status)
{
    size_t before = bytes_held(&o->queue);
    return appended(o, before, record_end(&o->queue, id, app_status, protocol_status));
}

int output_unknown_type(struct output *o, uint8_t type)
{
    size_t before = bytes_held(&o->queue);
    return appended(o, before, record_unknown_type(&o->queue, type));
}

int output_management(struct output *o, uint8_t type, const void *data, size_t length)
{
    size_t before = bytes_held(&o->queue);
    return appended(o, before, record_management(&o->queue, type, data, length));
}

int output_flush(struct output *o, int fd, bool *moved)
{
    *moved = false;
    while (bytes_held(&o->queue) > 0) {
        ssize_t n =
            send(fd, bytes_front(&o->queue), bytes_held(&o->queue), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? 0 : -errno;
        }
        bytes_consume(&o->queue, (size_t)n);
        o->sent += (uint64_t)n;
        *moved = true;
    }
    return 0;
}

int output_probe(struct output *o, int fd)
{
    static const uint8_t version = FCGI_VERSION_1;

    if (o->probed || bytes_held(&o->queue) > 0)
        return 0;
    ssize_t n = send(fd, &version, sizeof version, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    o->probed = true;
    return 0;
}
