/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_CONNECTION_H
#define GANGER_SERVE_CONNECTION_H

/*
 * One accepted socket: bytes in to the reader, records out, and when to close.
 *
 * A connection is: fresh (nothing came yet), collecting (parameters incomplete), serving (at least one
 * request), draining (answered, but a body is not over), idle (kept), lingering (closed by us, the
 * peer may still be sending).  Which of them is not stored but follows from the reader's state and
 * the list of requests; connection_settle() looks and acts, may run any time, and twice.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include "serve/output.h"
#include "serve/request.h"
#include "serve/worker.h"
#include "wire/reader.h"

#define CONNECTION_PEER 64

struct connection {
    struct connection *previous, *next;
    struct worker *worker;
    int fd;
    sd_event_source *io;
    uint32_t events; /* what `io` watches for now */
    struct reader *reader;
    struct output output;
    struct request *requests; /* oldest first */
    unsigned request_count;
    unsigned draining; /* answered requests whose body is not over */
    bool local;        /* unix: a full close shows as HUP; TCP: it has to be probed */
    bool dead;         /* over; the next tidying frees it */
    bool closing;      /* serve what is in hand, then close */
    bool broken;       /* a response was cut: nothing may say that its id is complete */
    bool unread;       /* closing, though the peer has more to say that nobody reads */
    bool lingering;    /* shut down for writing; discarding what still comes */
    bool fin;          /* the peer has shut down its side … */
    bool eof;          /* … and we have read all that came before */
    bool paused;       /* output is full: programs are not read */
    bool collecting;
    uint64_t created, collecting_since, idle_since, draining_since, lingering_since;
    uint64_t progress; /* the peer last took some output */
    size_t discarded;
    uint64_t request_total; /* that have come on it */
    uint64_t waited;        /* usec, of its first request, serve/arrival.h */
    char peer[CONNECTION_PEER];
};

/* Take over `fd` (closed on failure).  `peer` is for the log.  NULL: no memory. */
struct connection *connection_new(struct worker *w, int fd, bool local, const char *peer);
void connection_free(struct connection *c);
/* Read once and act on it. */
void connection_receive(struct connection *c);
void connection_settle(struct connection *c);
/* The peer is gone or impossible: end its requests, close.  Only marks; see worker.h. */
void connection_lost(struct connection *c);
/* A request has ended as far as this connection is concerned (END_REQUEST queued, or `broken`: it
 * must not look complete, so the connection will be closed). */
void connection_request_ended(struct connection *c, const struct request *r, bool broken);
/* Idle and kept, or never heard of: may be closed in favour of another. */
bool connection_is_idle(const struct connection *c);
/* Do we read what it sends?  Not while a request's program or the peer itself takes nothing. */
static inline bool connection_is_read(const struct connection *c)
{
    return (c->events & EPOLLIN) != 0;
}
/* The worker is leaving. */
void connection_leave(struct connection *c);

#endif
