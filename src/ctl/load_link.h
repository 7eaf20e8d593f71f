/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_LOAD_LINK_H
#define GANGER_CTL_LOAD_LINK_H

/*
 * One of a bench's connections: it has at most one request in hand, and is told when its descriptor is
 * ready.  What to send is the same bytes for every request of every connection.  Times are nanoseconds of
 * the monotonic clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "ctl/head.h"
#include "ctl/tally.h"
#include "host/socket.h"
#include "wire/client.h"

/* Shared by all connections. */
struct load_shared {
    const struct address *address;
    const uint8_t *request; /* whole, with the body */
    size_t length;
    bool keep;
    int epoll;
    struct tally *tally;
};

enum load_link_state {
    LOAD_LINK_IDLE,    /* no request in hand; with fd >= 0 a kept connection */
    LOAD_LINK_WAITING, /* a request in hand, no connection: dial again at `due` */
    LOAD_LINK_DIALLING,
    LOAD_LINK_BUSY
};

struct load_link {
    int fd;
    enum load_link_state state;
    uint64_t begun;    /* the request in hand */
    uint64_t dialled;  /* the connection, when it was first tried for this request */
    uint64_t due;      /* IDLE: not before then.  WAITING: see there */
    size_t sent;       /* of the request */
    unsigned tries;    /* of dialling, for this request */
    unsigned failures; /* requests in a row that found no connection */
    bool used;         /* a request was answered on this connection */
    bool heard;        /* a byte came for the request in hand */
    bool write_over;   /* the application takes no more of it */
    uint32_t events;   /* what epoll watches */
    struct client *decoder;
    struct head head;
};

void load_link_init(struct load_link *l);
void load_link_clear(struct load_link *l);

enum load_link_outcome {
    LOAD_LINK_GOING = 0, /* the request goes on */
    LOAD_LINK_OVER = 1,  /* it is over, and counted; the link is IDLE, perhaps with a `due` */
};
/* Begin a request on an idle link.  An outcome, or negative with err: the bench itself cannot go on (no
 * memory, no descriptors, or nobody listened when the first connection was tried). */
int load_link_begin(struct load_link *l, const struct load_shared *s, uint64_t now,
                    struct error *err);
/* epoll says `events`.  As above. */
int load_link_ready(struct load_link *l, const struct load_shared *s, uint32_t events,
                    struct error *err);
/* `due` has come, while WAITING.  As above. */
int load_link_dial_again(struct load_link *l, const struct load_shared *s, uint64_t now,
                         struct error *err);
/* Give up the request in hand. */
void load_link_give_up(struct load_link *l, const struct load_shared *s, enum tally_fault fault);

uint64_t load_link_clock(void);

#endif
