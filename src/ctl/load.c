/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop.  A link without a request in hand begins the next one at once, unless it has a `due`; links that
 * wait for a moment are few (an application that is not there, a full backlog), and are found by
 * looking at all of them, but only while there are any.
 */

#include "ctl/load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "ctl/load_link.h"

enum { EVENTS = 256 };
#define NSEC_MSEC UINT64_C(1000000)
#define LOOK (100 * NSEC_MSEC) /* between two looks at the time limits of requests */

struct run {
    const struct load *load;
    struct load_shared shared;
    struct load_link *links;
    uint64_t begun, end; /* end: UINT64_MAX without a limit */
    uint64_t looked;
    uint64_t started; /* requests */
    unsigned active;  /* links that have a request in hand or will have one */
};

static bool more(const struct run *r)
{
    return r->load->count == 0 || r->started < r->load->count;
}

/* Requests one after the other, until one has to be waited for. */
static int go_on(struct run *r, struct load_link *l, int outcome, struct error *err)
{
    while (outcome == LOAD_LINK_OVER) {
        uint64_t now = load_link_clock();
        if (!more(r)) {
            r->active--;
            load_link_clear(l);
            l->due = UINT64_MAX;
            return 0;
        }
        if (now < l->due || now >= r->end)
            return 0;
        r->started++;
        outcome = load_link_begin(l, &r->shared, now, err);
    }
    return outcome;
}

static bool is_sleeping(const struct load_link *l)
{
    return l->state == LOAD_LINK_WAITING || l->state == LOAD_LINK_IDLE;
}

/* What time brings: links whose moment has come, requests that take too long.  *next is when to look
 * again. */
static int look(struct run *r, uint64_t now, uint64_t *next, struct error *err)
{
    uint64_t limit = r->load->timeout * 1000;
    int rc = 0;
    *next = now + LOOK < r->end ? now + LOOK : r->end;
    for (unsigned i = 0; rc == 0 && i < r->load->connections; i++) {
        struct load_link *l = &r->links[i];
        if (l->due == UINT64_MAX)
            continue; /* it has no more to do */
        int outcome = LOAD_LINK_GOING;
        if (l->state != LOAD_LINK_IDLE && now - l->begun >= limit) {
            load_link_give_up(l, &r->shared, TALLY_TIMEOUT);
            outcome = LOAD_LINK_OVER;
        } else if (l->state == LOAD_LINK_WAITING && now >= l->due) {
            outcome = load_link_dial_again(l, &r->shared, now, err);
        } else if (l->state == LOAD_LINK_IDLE && now >= l->due) {
            outcome = LOAD_LINK_OVER;
        }
        rc = go_on(r, l, outcome, err);
        if (is_sleeping(l) && l->due < *next)
            *next = l->due;
    }
    return rc;
}

static int handle(struct run *r, const struct epoll_event *events, int count, bool *sleeping,
                  struct error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        struct load_link *l = events[i].data.ptr;
        int outcome = load_link_ready(l, &r->shared, events[i].events, err);
        rc = go_on(r, l, outcome, err);
        *sleeping = *sleeping || (is_sleeping(l) && l->due != UINT64_MAX);
    }
    return rc;
}

static int loop(struct run *r, struct error *err)
{
    struct epoll_event events[EVENTS];
    uint64_t next = 0;
    int rc = 0;
    while (rc == 0 && r->active > 0 && *r->load->interrupted == 0) {
        uint64_t now = load_link_clock();
        if (now >= r->end)
            break;
        if (now >= next)
            rc = look(r, now, &next, err);
        if (rc < 0 || r->active == 0)
            break;
        now = load_link_clock();
        uint64_t wait = now >= next ? 0 : (next - now + NSEC_MSEC - 1) / NSEC_MSEC;
        int count = epoll_wait(r->shared.epoll, events, EVENTS, (int)wait);
        if (count < 0 && errno != EINTR)
            return error_errno(err, errno, "epoll_wait");
        bool sleeping = false;
        rc = handle(r, events, count, &sleeping, err);
        if (sleeping)
            next = 0;
    }
    return rc;
}

int load_run(const struct load *load, struct tally *tally, struct error *err)
{
    struct run r = {
        .load = load,
        .shared = {.address = &load->address,
                   .request = load->request,
                   .length = load->length,
                   .keep = load->keep,
                   .epoll = epoll_create1(EPOLL_CLOEXEC),
                   .tally = tally},
        .links = calloc(load->connections, sizeof *r.links),
        .active = load->connections,
    };
    int rc = 0;
    if (r.shared.epoll < 0)
        rc = error_errno(err, errno, "cannot make an epoll");
    else if (r.links == NULL)
        rc = error_set(err, ENOMEM, "no memory");
    for (unsigned i = 0; r.links != NULL && i < load->connections; i++)
        load_link_init(&r.links[i]);
    r.begun = load_link_clock();
    r.end = load->duration == 0 ? UINT64_MAX : r.begun + load->duration * 1000;
    if (rc == 0)
        rc = loop(&r, err);
    tally->elapsed = load_link_clock() - r.begun;
    for (unsigned i = 0; r.links != NULL && i < load->connections; i++) {
        if (r.links[i].state != LOAD_LINK_IDLE) {
            uint64_t age = r.begun + tally->elapsed - r.links[i].begun;
            tally->cut_off++;
            tally->oldest = age > tally->oldest ? age : tally->oldest;
        }
        load_link_clear(&r.links[i]);
    }
    free(r.links);
    descriptor_close(&r.shared.epoll);
    return rc;
}
