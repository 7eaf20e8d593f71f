/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_CLIENT_H
#define GANGER_WIRE_CLIENT_H

/* The web server's part of a FastCGI connection, one request at a time: what an application
 * answers, as events.  Pure; gangerctl and the benchmarks put a socket around it. */

#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"
#include "wire/record.h"

struct client_param {
    const char *name;
    const char *value;
};

/* Append BEGIN_REQUEST, all PARAMS and the empty PARAMS record.  0, or -ENOBUFS, -ENOMEM, -EINVAL
 * with nothing appended. */
int client_begin(struct bytes *out, uint16_t id, uint16_t role, uint8_t flags,
                 const struct client_param *params, size_t count);

enum client_event_type {
    CLIENT_MORE = 0, /* feed more */
    CLIENT_STDOUT,   /* data, length */
    CLIENT_STDERR,   /* data, length */
    CLIENT_END,      /* app_status, protocol_status; the next byte starts another record */
    CLIENT_OTHER,    /* a management record: header, and data and length of its whole content */
};
struct client_event {
    enum client_event_type type;
    struct record_header header;
    const uint8_t *data; /* into the fed bytes; of CLIENT_OTHER kept until the next call */
    size_t length;
    uint32_t app_status;
    uint8_t protocol_status;
};

struct client; /* decoder state */
struct client *client_new(uint16_t id);
struct client *client_free(struct client *c);
/* As reader_next(): 0 with ev, or negative with err for a stream no application may send. */
int client_next(struct client *c, const uint8_t **data, size_t *length, struct client_event *ev,
                struct error *err);

#endif
