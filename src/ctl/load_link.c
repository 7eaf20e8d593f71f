/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: a link with a descriptor is registered with epoll for `events`; BUSY and DIALLING have a
 * descriptor, WAITING has none.  Every request that was begun is counted once: as answered, as a
 * fault, or by the caller as cut off.
 */

#include "ctl/load_link.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"

enum {
    REQUEST_ID = 1,
    PIECE = 64 * 1024,
    TRIES_MAX = 100, /* at a full backlog: some three seconds */
};
#define NSEC_MSEC UINT64_C(1000000)

uint64_t load_link_clock(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void load_link_init(struct load_link *l)
{
    *l = (struct load_link){.fd = -1};
    head_init(&l->head);
}

static void hang_up(struct load_link *l)
{
    descriptor_close(&l->fd); /* which takes it out of epoll */
    l->used = false;
    l->events = 0;
}

void load_link_clear(struct load_link *l)
{
    hang_up(l);
    head_clear(&l->head);
    l->decoder = client_free(l->decoder);
}

static int watch(struct load_link *l, const struct load_shared *s, uint32_t events,
                 struct error *err)
{
    struct epoll_event e = {.events = events, .data.ptr = l};
    if (events == l->events)
        return 0;
    int how = l->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(s->epoll, how, l->fd, &e) < 0)
        return error_errno(err, errno, "cannot watch a connection");
    l->events = events;
    return 0;
}

/* ---- the end of a request ---- */

void load_link_give_up(struct load_link *l, const struct load_shared *s, enum tally_fault fault)
{
    s->tally->faults[fault]++;
    s->tally->unanswered++;
    hang_up(l);
    l->state = LOAD_LINK_IDLE;
}

/* Nobody is there: knocking as fast as a processor can would measure nothing. */
static int no_connection(struct load_link *l, const struct load_shared *s, enum tally_fault fault,
                         int number, struct error *err)
{
    if (s->tally->connects == 0 && fault == TALLY_CONNECT)
        return error_errno(err, number, "cannot connect to %s", s->address->text);
    unsigned shift = l->failures < 7 ? l->failures : 7;
    l->failures++;
    load_link_give_up(l, s, fault);
    l->due = load_link_clock() + (8 * NSEC_MSEC << shift);
    return LOAD_LINK_OVER;
}

static int fail(struct load_link *l, const struct load_shared *s, enum tally_fault fault)
{
    load_link_give_up(l, s, fault);
    return LOAD_LINK_OVER;
}

/* END_REQUEST has come. */
static int answered(struct load_link *l, const struct load_shared *s, const struct client_event *ev)
{
    struct tally *t = s->tally;
    unsigned status = l->head.status;
    t->answered++;
    histogram_add(&t->latency, load_link_clock() - l->begun);
    if (l->head.done)
        t->classes[status / 100 % TALLY_CLASSES]++;
    if (ev->protocol_status != FCGI_REQUEST_COMPLETE)
        t->faults[TALLY_REFUSED]++;
    else if (!l->head.done)
        t->faults[TALLY_HEADER]++;
    else if (status >= 400)
        t->faults[status >= 500 ? TALLY_STATUS_5 : TALLY_STATUS_4]++;
    else if (ev->app_status != 0)
        t->faults[TALLY_APP_STATUS]++;
    /* The rest of a body that was not wanted cannot be sent any more, nor another request before it. */
    if (s->keep && l->sent == s->length)
        l->used = true;
    else
        hang_up(l);
    l->failures = 0;
    l->state = LOAD_LINK_IDLE;
    return LOAD_LINK_OVER;
}

/* ---- the answer ---- */

static int decode(struct load_link *l, const struct load_shared *s, const uint8_t *data,
                  size_t length)
{
    struct error ignored;
    while (length > 0) {
        struct client_event ev;
        int rc = client_next(l->decoder, &data, &length, &ev, &ignored);
        if (rc == -ENOMEM)
            return rc;
        if (rc < 0)
            return fail(l, s, TALLY_PROTOCOL);
        if (ev.type == CLIENT_STDOUT && !l->head.done) {
            const void *text = ev.data;
            size_t left = ev.length;
            rc = head_feed(&l->head, &text, &left, &ignored);
            if (rc == -ENOMEM)
                return rc;
            if (rc < 0)
                return fail(l, s, TALLY_HEADER);
        } else if (ev.type == CLIENT_END) {
            /* Behind it there is nothing to say before the next request. */
            return length > 0 && s->keep ? fail(l, s, TALLY_PROTOCOL) : answered(l, s, &ev);
        }
    }
    return LOAD_LINK_GOING;
}

static int begin_dial(struct load_link *l, const struct load_shared *s, struct error *err);

/* The connection is over before the request is. */
static int lost(struct load_link *l, const struct load_shared *s, struct error *err)
{
    bool stale = l->used && !l->heard;
    if (!stale)
        return fail(l, s, TALLY_CLOSED);
    s->tally->reconnects++;
    hang_up(l);
    return begin_dial(l, s, err);
}

static int hear(struct load_link *l, const struct load_shared *s, struct error *err)
{
    static uint8_t piece[PIECE];
    ssize_t got = read(l->fd, piece, sizeof piece);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return LOAD_LINK_GOING;
    if (got <= 0)
        return lost(l, s, err);
    l->heard = true;
    s->tally->received += (uint64_t)got;
    int rc = decode(l, s, piece, (size_t)got);
    return rc == -ENOMEM ? error_set(err, ENOMEM, "no memory") : rc;
}

/* ---- the request ---- */

static int say(struct load_link *l, const struct load_shared *s, struct error *err)
{
    while (l->sent < s->length && !l->write_over) {
        ssize_t wrote = write(l->fd, s->request + l->sent, s->length - l->sent);
        if (wrote >= 0) {
            l->sent += (size_t)wrote;
            s->tally->sent += (uint64_t)wrote;
        } else if (errno == EAGAIN) {
            return watch(l, s, EPOLLIN | EPOLLOUT, err);
        } else if (errno != EINTR) {
            l->write_over = true; /* there may be an answer to read all the same */
        }
    }
    return watch(l, s, EPOLLIN, err);
}

static int connected(struct load_link *l, const struct load_shared *s, struct error *err)
{
    s->tally->connects++;
    histogram_add(&s->tally->connect, load_link_clock() - l->dialled);
    l->state = LOAD_LINK_BUSY;
    return say(l, s, err);
}

/* Connect, or see to it that it is tried again. */
static int dial(struct load_link *l, const struct load_shared *s, struct error *err)
{
    int rc = socket_dial(s->address, &l->fd);
    if (rc == SOCKET_DIALLING) {
        l->state = LOAD_LINK_DIALLING;
        return watch(l, s, EPOLLOUT, err);
    }
    if (rc == 0)
        return connected(l, s, err);
    if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS)
        return error_errno(err, -rc, "cannot make another connection");
    if (rc != -EAGAIN)
        return no_connection(l, s, TALLY_CONNECT, -rc, err);
    l->tries++;
    if (l->tries >= TRIES_MAX)
        return no_connection(l, s, TALLY_BACKLOG, EAGAIN, err);
    s->tally->backlog_retries++;
    l->state = LOAD_LINK_WAITING;
    l->due = load_link_clock() + (NSEC_MSEC << (l->tries < 6 ? l->tries - 1 : 5));
    return LOAD_LINK_GOING;
}

static int begin_dial(struct load_link *l, const struct load_shared *s, struct error *err)
{
    l->dialled = load_link_clock();
    l->sent = 0;
    l->tries = 0;
    l->write_over = false;
    return dial(l, s, err);
}

int load_link_begin(struct load_link *l, const struct load_shared *s, uint64_t now,
                    struct error *err)
{
    l->begun = now;
    l->due = 0;
    l->sent = 0;
    l->heard = l->write_over = false;
    head_clear(&l->head);
    client_free(l->decoder);
    l->decoder = client_new(REQUEST_ID);
    if (l->decoder == NULL)
        return error_set(err, ENOMEM, "no memory");
    if (l->fd < 0)
        return begin_dial(l, s, err);
    l->state = LOAD_LINK_BUSY;
    return say(l, s, err);
}

int load_link_dial_again(struct load_link *l, const struct load_shared *s, uint64_t now,
                         struct error *err)
{
    return now < l->due ? LOAD_LINK_GOING : dial(l, s, err);
}

int load_link_ready(struct load_link *l, const struct load_shared *s, uint32_t events,
                    struct error *err)
{
    int rc = 0;
    if (l->state == LOAD_LINK_DIALLING) {
        rc = socket_dialled(l->fd);
        if (rc < 0)
            return no_connection(l, s, TALLY_CONNECT, -rc, err);
        return connected(l, s, err);
    }
    if (l->state != LOAD_LINK_BUSY) {
        /* A kept connection that is idle: the application hangs up, or speaks out of turn. */
        hang_up(l);
        s->tally->reconnects++;
        return LOAD_LINK_OVER;
    }
    if ((events & EPOLLOUT) != 0)
        rc = say(l, s, err);
    if (rc == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        rc = hear(l, s, err);
    return rc;
}
