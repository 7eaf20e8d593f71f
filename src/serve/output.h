/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_OUTPUT_H
#define GANGER_SERVE_OUTPUT_H

/*
 * What a connection has yet to send: whole FastCGI records in a bounded queue.  Who produces
 * bytes (a program, an answer) looks at output_full() first and waits while it is true; small
 * records that answer the peer's own (END_REQUEST, UNKNOWN_TYPE) may go beyond that mark, up to
 * OUTPUT_MAX.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"

#define OUTPUT_HIGH (128u << 10) /* full: stop reading programs and the socket */
#define OUTPUT_LOW (64u << 10)   /* and go on below this */
#define OUTPUT_MAX (4u << 20) /* hard limit; only a header block as large as allowed comes near */

struct output {
    struct bytes queue;
    uint64_t queued; /* bytes ever put in */
    uint64_t sent;   /* bytes ever sent */
    bool probed;     /* the first byte of the next record is on its way already */
};

void output_init(struct output *o);
void output_clear(struct output *o);
static inline bool output_empty(const struct output *o)
{
    return bytes_held(&o->queue) == 0;
}
static inline bool output_full(const struct output *o)
{
    return bytes_held(&o->queue) >= OUTPUT_HIGH;
}

/* Append records.  0; -ENOBUFS past OUTPUT_MAX; -ENOMEM: nothing was appended, drop the peer. */
int output_stream(struct output *o, uint8_t type, uint16_t id, const void *data, size_t length);
int output_stream_end(struct output *o, uint8_t type, uint16_t id);
int output_end_request(struct output *o, uint16_t id, uint32_t app_status, uint8_t protocol_status);
int output_unknown_type(struct output *o, uint8_t type);
int output_management(struct output *o, uint8_t type, const void *data, size_t length);

/* Send what the socket takes now; *moved says whether it took anything.  0 or -errno (the peer is
 * gone). */
int output_flush(struct output *o, int fd, bool *moved);

/*
 * Ask a peer that has sent a TCP FIN whether it is still there: send the one byte that must come
 * next anyway (the version, first byte of every record).  A peer that only half-closed keeps it; one
 * that closed answers with a reset.  Does nothing unless the queue is empty and nothing was probed.
 * 0 or -errno.
 */
int output_probe(struct output *o, int fd);

#endif
