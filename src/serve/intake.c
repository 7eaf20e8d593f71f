/* SPDX-License-Identifier: Apache-2.0 */
/* One function for each thing that a web server can say. */

#include <stdio.h>
#include "base/clock.h"
#include "base/log.h"
#include "serve/body.h"
#include "serve/intake.h"
#include "wire/record.h"

static struct request *find(struct connection *c, uint16_t id)
{
    struct request *r = c->requests;
    while (r != NULL && (r->id != id || r->state >= REQUEST_FLUSHING))
        r = r->next;
    return r;
}

/* FCGI_GET_VALUES (section 4.1): each known name once, unknown ones left out. */
static int answer_values(struct connection *c, const struct params *asked)
{
    char workers[16];
    struct bytes content;
    int r = 0;

    snprintf(workers, sizeof workers, "%u", c->worker->options.max_children);
    const struct {
        const char *name;
        const char *value;
    } known[] = {{"FCGI_MAX_CONNS", workers}, {"FCGI_MAX_REQS", workers}, {"FCGI_MPXS_CONNS", "1"}};

    bytes_init(&content, 1024);
    for (size_t i = 0; i < sizeof known / sizeof *known && r == 0; i++)
        if (params_find(asked, known[i].name, NULL) != NULL)
            r = params_encode(&content, known[i].name, __builtin_strlen(known[i].name),
                              known[i].value, __builtin_strlen(known[i].value));
    if (r == 0)
        r = output_management(&c->output, FCGI_GET_VALUES_RESULT, bytes_front(&content),
                              bytes_held(&content));
    bytes_clear(&content);
    return r;
}

static int take_request(struct connection *c, struct reader_event *ev)
{
    if (c->closing || c->worker->quit) { /* the connection was to be closed before this came */
        ev->params = params_free(ev->params);
        return 0;
    }
    if (request_new(c, ev) == NULL)
        return -1;
    return 0;
}

/* One line about a peer, but no more than a few a second. */
static void complain(struct connection *c, const char *what)
{
    struct worker *w = c->worker;
    unsigned held;

    if (!log_limit_pass(&w->illegal, clock_monotonic(), 5, &held))
        return;
    if (held > 0)
        log_write(LOG_LEVEL_NOTICE, w->options.pool, "%u lines about connections were held back",
                  held);
    log_write(LOG_LEVEL_WARNING, w->options.pool, "connection from %s %s", c->peer, what);
}

static void refused(struct connection *c, const struct reader_event *ev)
{
    char text[96];

    if (ev->protocol_status == FCGI_UNKNOWN_ROLE)
        snprintf(text, sizeof text,
                 "asked for role %u; only Responder (1) and Authorizer (2) are served", ev->role);
    else
        snprintf(text, sizeof text, "began more requests at once than one connection may have");
    if (ev->protocol_status != FCGI_REQUEST_COMPLETE)
        complain(c, text);
    /* A server without KEEP_CONN waits for the close; another id beside it goes on. */
    if (!(ev->flags & FCGI_KEEP_CONN) && ev->protocol_status != FCGI_CANT_MPX_CONN)
        c->closing = c->unread = true;
}

static int act(struct connection *c, struct reader_event *ev)
{
    struct request *r;

    switch (ev->type) {
    case READER_MORE:
        break;
    case READER_BEGAN:
        c->collecting_since = clock_monotonic();
        break;
    case READER_REQUEST:
    case READER_TOO_LARGE:
        return take_request(c, ev);
    case READER_BODY:
        if ((r = find(c, ev->id)) != NULL) {
            r->bytes_in += ev->length;
            body_take(r, ev->data, ev->length);
        }
        break;
    case READER_BODY_END:
        if ((r = find(c, ev->id)) != NULL)
            body_end(r);
        break;
    case READER_DRAINED:
        if (c->draining > 0)
            c->draining--;
        break;
    case READER_ABORT:
        if ((r = find(c, ev->id)) != NULL)
            request_abort(r);
        break;
    case READER_REFUSED:
        refused(c, ev);
        if (c->broken) /* and about to be closed */
            break;
        return output_end_request(&c->output, ev->id, ev->app_status, ev->protocol_status);
    case READER_VALUES: {
        int result = answer_values(c, ev->params);
        ev->params = params_free(ev->params);
        return result;
    }
    case READER_UNKNOWN:
        return output_unknown_type(&c->output, ev->unknown_type);
    }
    return 0;
}

static void illegal(struct connection *c, const struct error *err)
{
    char text[ERROR_TEXT_MAX + 16];

    atomic_fetch_add_explicit(&board_own_slot(c->worker->board)->protocol_errors, 1,
                              memory_order_relaxed);
    snprintf(text, sizeof text, "closed: %s", err->text);
    complain(c, text);
    connection_lost(c);
}

void intake_feed(struct connection *c, const uint8_t *data, size_t length)
{
    struct reader_event ev;
    struct error err = ERROR_NONE;

    do {
        if (reader_next(c->reader, &data, &length, &ev, &err) < 0) {
            illegal(c, &err);
            return;
        }
        if (act(c, &ev) < 0) { /* no memory, or a peer that asks without reading */
            connection_lost(c);
            return;
        }
    } while (ev.type != READER_MORE && !c->dead);
}
