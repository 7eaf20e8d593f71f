/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of accepting:
 *  - one connection at a time, and the next only when it has brought no request yet.  A client
 *    that has just connected is about to send, so it is given EXPECT to do so before another is
 *    accepted; else one worker would hold two requests while its sibling holds none.  Where silent
 *    connections are the rule (some are older than that) nobody waits for them;
 *  - only with descriptors left for a whole request; without, accepting pauses (100 ms, doubling
 *    to 1 s) and the connections wait in the backlog, where siblings can take them;
 *  - a peer that is not in listen.allowed_clients is closed unread;
 *  - a peer that has hung up already is closed unread: what it asked for is never run.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "serve/arrival.h"
#include "serve/brief.h"
#include "serve/connection.h"
#include "serve/crowd.h"
#include "serve/listener.h"
#include "serve/orders.h"

#define PAUSE_MIN (100 * CLOCK_MSEC)
#define PAUSE_MAX (1 * CLOCK_SEC)
#define EXPECT (20 * CLOCK_MSEC)
#define EVENTS 16
#define BURST 64 /* connections that bring nothing must not keep the others waiting */

struct listener {
    int epoll; /* the listening sockets and the event loop's own descriptor */
    int *fds;
    size_t count;
    uint64_t resume_at; /* 0: not pausing */
    uint64_t pause;
    bool found; /* nobody had come when this worker began to wait, and nobody was accepted since */
    uint64_t expect_until; /* 0: no request is expected on a connection just accepted */
    struct log_limit refused;
    struct log_limit starved;
};

static int add(int epoll, int fd, uint32_t events, int number)
{
    struct epoll_event ev = {.events = events, .data.fd = number};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int listener_open(struct worker *w, int first, size_t count, struct error *err)
{
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(err, ENOMEM, "no memory for the listeners");
    w->listener = l;
    l->pause = PAUSE_MIN;
    l->fds = calloc(count + 1, sizeof *l->fds);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->fds == NULL || l->epoll < 0)
        return error_errno(err, errno, "cannot watch the listening sockets");
    int r = add(l->epoll, sd_event_get_fd(w->event), EPOLLIN, -1);
    for (size_t i = 0; i < count && r == 0; i++) {
        l->fds[l->count++] = first + (int)i;
        r = descriptor_cloexec(first + (int)i, true);
        /* Siblings race for a connection: nobody may block.  Beside native programs see brief.h. */
        if (r == 0 && w->options.kind != OPTIONS_SHED)
            r = descriptor_nonblock(first + (int)i, true);
        if (r == 0)
            r = add(l->epoll, first + (int)i, EPOLLIN | EPOLLEXCLUSIVE, first + (int)i);
    }
    if (r < 0)
        return error_errno(err, -r, "cannot watch the listening sockets");
    return 0;
}

void listener_close(struct worker *w)
{
    struct listener *l = w->listener;
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        descriptor_close(&l->fds[i]);
    descriptor_close(&l->epoll);
    free(l->fds);
    free(l);
    w->listener = NULL;
}

bool listener_is_open(const struct worker *w)
{
    return w->listener != NULL && w->listener->resume_at == 0 && w->listener->expect_until == 0;
}

void listener_answered(struct worker *w)
{
    if (w->listener != NULL)
        w->listener->expect_until = 0;
}

static void expect_request(struct worker *w, const struct connection *newest)
{
    for (const struct connection *c = w->connections; c != NULL; c = c->next)
        if (c != newest && !c->dead && !reader_began(c->reader) &&
            newest->created - c->created > EXPECT)
            return;
    w->listener->expect_until = newest->created + EXPECT;
    worker_alarm(w, w->listener->expect_until);
}

static void pause_accepting(struct worker *w, const char *why)
{
    struct listener *l = w->listener;
    uint64_t now = clock_monotonic();
    unsigned held;

    l->resume_at = now + l->pause;
    l->pause = l->pause * 2 > PAUSE_MAX ? PAUSE_MAX : l->pause * 2;
    worker_alarm(w, l->resume_at);
    if (log_limit_pass(&l->starved, now, 1, &held))
        log_write(LOG_LEVEL_WARNING, w->options.pool,
                  "accepting pauses: %s; connections wait in the backlog (raise rlimit_files, or "
                  "lower keepalive_connections)",
                  why);
}

uint64_t listener_deadline(const struct worker *w)
{
    uint64_t when = CLOCK_NEVER;

    if (w->listener != NULL && w->listener->resume_at != 0)
        when = w->listener->resume_at;
    if (w->listener != NULL && w->listener->expect_until != 0 && w->listener->expect_until < when)
        when = w->listener->expect_until;
    return when;
}

/* The peer's address for the log, and whether it may talk to us. */
static bool examine_peer(struct worker *w, const struct sockaddr_storage *from, char *text,
                         size_t size)
{
    const struct sockaddr *peer = (const struct sockaddr *)from;
    char number[INET6_ADDRSTRLEN] = "?";
    unsigned held;

    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        (void)inet_ntop(AF_INET, &v4->sin_addr, number, sizeof number);
        snprintf(text, size, "%s:%u", number, ntohs(v4->sin_port));
    } else if (peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, number, sizeof number);
        snprintf(text, size, "[%s]:%u", number, ntohs(v6->sin6_port));
    } else {
        snprintf(text, size, "unix socket");
        return true;
    }
    if (w->options.allowed_client_count == 0)
        return true;
    for (size_t i = 0; i < w->options.allowed_client_count; i++)
        if (client_block_matches(&w->options.allowed_clients[i], peer))
            return true;
    if (!log_limit_pass(&w->listener->refused, clock_monotonic(), 1, &held))
        return false;
    if (held > 0)
        log_write(LOG_LEVEL_NOTICE, w->options.pool, "%u refused connections were not logged",
                  held);
    log_write(LOG_LEVEL_WARNING, w->options.pool,
              "connection from %s refused: not in listen.allowed_clients; add it if it is your web "
              "server",
              text);
    return false;
}

/* A new connection: has it hung up, or brought something already? */
static void welcome(struct worker *w, int fd, bool local, bool found, const char *peer)
{
    struct pollfd state = {.fd = fd, .events = POLLIN | POLLRDHUP};

    if (poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR))) {
        descriptor_close(&fd);
        return;
    }
    if (!local) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    struct connection *c = connection_new(w, fd, local, peer);
    if (c == NULL)
        return;
    c->fin = (state.revents & POLLRDHUP) != 0;
    c->waited = arrival_waited(fd, local, (state.revents & POLLIN) != 0, found);
    if (w->options.kind == OPTIONS_STATUS)
        orders_hear(w); /* a board told of before the client came is not unknown to it */
    if (state.revents & POLLIN) {
        connection_receive(c);
        if (c->request_total == 0 && c->waited != 0) /* of a request that is not whole yet */
            c->waited = ARRIVAL_UNKNOWN;
    } else if (w->listener != NULL)
        expect_request(w, c);
    connection_settle(c);
}

/* Accept one connection of one socket.  True when there may be another. */
static bool accept_one(struct worker *w, int listening)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char peer[CONNECTION_PEER];

    if (!worker_has_descriptors(w)) {
        crowd_make_room(w);
        if (!worker_has_descriptors(w)) {
            pause_accepting(w, "too few file descriptors are left");
            return false;
        }
    }
    memset(&from, 0, sizeof from);
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = w->options.kind == OPTIONS_SHED
                 ? brief_accept(listening, (struct sockaddr *)&from, &length, flags)
                 : accept4(listening, (struct sockaddr *)&from, &length, flags);
    if (fd < 0) {
        switch (errno) {
        case EAGAIN:
            return false;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            pause_accepting(w, strerror(errno));
            return false;
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
        case EFAULT:
        case EOPNOTSUPP:
            log_write(LOG_LEVEL_ERROR, w->options.pool, "a listening socket broke: %s; leaving",
                      strerror(errno));
            worker_leave(w, CLOCK_NEVER);
            return false;
        default: /* the connection's own errors, as accept(2) lists them */
            return true;
        }
    }
    bool found = w->listener->found;
    w->listener->found = false;
    w->listener->pause = PAUSE_MIN;
    struct board_slot *slot = board_own_slot(w->board);
    atomic_fetch_add_explicit(&slot->accepted, 1, memory_order_relaxed);
    crowd_make_room(w);
    if (examine_peer(w, &from, peer, sizeof peer))
        welcome(w, fd, from.ss_family == AF_UNIX, found, peer);
    else
        descriptor_close(&fd);
    return true;
}

void listener_expire(struct worker *w, uint64_t now)
{
    struct listener *l = w->listener;

    if (l != NULL && l->expect_until <= now)
        l->expect_until = 0;
    if (l == NULL || l->resume_at == 0 || l->resume_at > now)
        return;
    l->resume_at = 0;
    /* The wake-up for what waits may have been ours: try without being told. */
    for (size_t i = 0; listener_is_open(w) && !w->held && i < l->count; i++)
        for (int k = 0; k < BURST && worker_may_accept(w) && listener_is_open(w); k++)
            if (!accept_one(w, l->fds[i]))
                break;
}

size_t listener_count(const struct worker *w)
{
    return w->listener == NULL ? 0 : w->listener->count;
}

int listener_socket(const struct worker *w, size_t i)
{
    return w->listener->fds[i];
}

unsigned listener_take(struct worker *w, size_t i, unsigned most)
{
    unsigned taken = 0;

    /* A request may have made the worker leave meanwhile, and the listener go. */
    while (taken < most && w->listener != NULL && w->listener->resume_at == 0 &&
           accept_one(w, w->listener->fds[i]))
        taken++;
    return taken;
}

int listener_wait(struct worker *w)
{
    struct epoll_event events[EVENTS];

    int r = sd_event_prepare(w->event);
    if (r < 0)
        return r;
    if (r == 0) {
        int n = epoll_wait(w->listener->epoll, events, EVENTS, 0);
        w->listener->found = n == 0;
        if (n == 0)
            n = epoll_wait(w->listener->epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            for (int k = 0; fd >= 0 && k < BURST; k++)
                if (!listener_is_open(w) || !worker_may_accept(w) || !accept_one(w, fd) ||
                    board_hold_wanted(w->board))
                    break;
        }
        r = sd_event_wait(w->event, 0);
        if (r < 0)
            return r;
    }
    return r > 0 ? sd_event_dispatch(w->event) : 0;
}
