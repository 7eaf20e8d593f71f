/* SPDX-License-Identifier: Apache-2.0 */
/* The pools are kept in the order in which the master told of them: that of the config. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/handover.h"
#include "report/ready.h"
#include "report/report.h"
#include "serve/connection.h"
#include "serve/status.h"

/* Of all pages in hand together; one may have 64 MiB (request.c). */
#define PAGES_MAX (128u << 20)
/* Then, and when as many requests are in hand as may be, a reader who takes nothing for so long is hung
 * up on. */
#define READER_PATIENCE CLOCK_SEC

struct pool {
    struct pool *next;
    struct board *board;
    struct worker_past past;
    char name[BOARD_NAME];
};
struct boards {
    struct pool *first;
    size_t sizes[REPORT_FORMATS][2]; /* of the last page of each kind that told of all pools */
};

void status_forget(struct worker *w, const char *name)
{
    struct pool **link = w->boards == NULL ? NULL : &w->boards->first;

    while (link != NULL && *link != NULL) {
        struct pool *p = *link;
        if (strcmp(p->name, name) == 0) {
            *link = p->next;
            board_free(p->board);
            free(p);
            return; /* `name` may have been the one inside *p */
        } else {
            link = &p->next;
        }
    }
}

void status_learn(struct worker *w, const char *name, int descriptor)
{
    struct error err = ERROR_NONE;
    struct board *board = NULL;

    if (w->boards == NULL && (w->boards = calloc(1, sizeof *w->boards)) == NULL)
        return;
    if (board_attach_readonly(&board, descriptor, &err) < 0) {
        log_write(LOG_LEVEL_ERROR, w->options.pool, "the board of a pool cannot be read: %s",
                  err.text);
        return;
    }
    struct pool *p = NULL;
    struct pool **link = &w->boards->first;
    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    if (*link != NULL) { /* a new board for a pool we know keeps its place */
        board_free((*link)->board);
        (*link)->board = board;
        return;
    }
    if ((p = calloc(1, sizeof *p)) == NULL) {
        board_free(board);
        return;
    }
    p->board = board;
    memcpy(p->name, name, strnlen(name, sizeof p->name - 1));
    *link = p;
}

void status_clear(struct worker *w)
{
    while (w->boards != NULL && w->boards->first != NULL)
        status_forget(w, w->boards->first->name);
    free(w->boards);
    w->boards = NULL;
}

/* ---------------------------------------------------------------- answers */

/* Whatever the header says, it takes no more than this. */
#define HEADER_ROOM 2048u

/* The header goes in front of the body, which is there already, behind HEADER_ROOM: pages are large, and
 * are not copied. */
static void answer(struct request *r, unsigned status, const char *type, const char *more)
{
    struct bytes header;

    bytes_init(&header, HEADER_ROOM);
    int e = bytes_printf(&header,
                         "Status: %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                         "Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n"
                         "Vary: Accept\r\nX-Content-Type-Options: nosniff\r\n%s\r\n",
                         status, response_reason(status), type,
                         bytes_held(&r->answer) - HEADER_ROOM, more);
    if (e < 0) {
        bytes_clear(&header);
        request_answer(r, 503);
        return;
    }
    size_t length = bytes_held(&header);
    bytes_consume(&r->answer, HEADER_ROOM - length);
    memcpy(r->answer.data + r->answer.start, bytes_front(&header), length);
    if (r->head)
        r->answer.end = r->answer.start + length;
    bytes_clear(&header);
    r->status = status;
    r->state = REQUEST_ANSWERING;
}

/* Room for the header, and for `size` bytes of body, as far as there is any.  False: no memory, and
 * answered. */
static bool begin(struct request *r, size_t size)
{
    bytes_clear(&r->answer);
    (void)bytes_reserve(&r->answer, HEADER_ROOM + size);
    if (bytes_reserve(&r->answer, HEADER_ROOM) == NULL) {
        request_answer(r, 503);
        return false;
    }
    bytes_commit(&r->answer, HEADER_ROOM);
    return true;
}

void status_text(struct request *r, unsigned status, const char *text)
{
    if (!begin(r, 0))
        return;
    if (bytes_append(&r->answer, text, strlen(text)) < 0)
        request_answer(r, 503);
    else
        answer(r, status, "text/plain; charset=utf-8", "");
}

/* What all pages hold that are not yet taken by their readers. */
static size_t held_by_pages(const struct worker *w)
{
    size_t held = 0;
    for (const struct connection *c = w->connections; c != NULL; c = c->next) {
        for (const struct request *r = c->dead ? NULL : c->requests; r != NULL; r = r->next)
            held += r->answer.capacity;
    }
    return held;
}

/* Readers that take nothing of their pages make room for those who do. */
static void hang_up(struct worker *w, const struct connection *own)
{
    uint64_t now = clock_monotonic();

    for (struct connection *c = w->connections; c != NULL; c = c->next) {
        if (c != own && !c->dead && c->progress != 0 && c->progress + READER_PATIENCE < now)
            connection_lost(c);
    }
}

/* Is there memory for one more page? */
static bool may_render(struct worker *w, const struct connection *own)
{
    if (held_by_pages(w) >= PAGES_MAX)
        hang_up(w, own);
    return held_by_pages(w) < PAGES_MAX;
}

void status_relieve(struct worker *w)
{
    if (w->options.kind != OPTIONS_STATUS || w->in_hand < WORKER_PAGES)
        return;
    hang_up(w, NULL);
    if (w->in_hand >= WORKER_PAGES)
        worker_alarm(w, clock_monotonic() + READER_PATIENCE);
}

/* ---------------------------------------------------------------- looking */

void status_look(struct worker *w, uint64_t now)
{
    static const struct channel_message look = {.word = CHANNEL_LOOK};

    if (w->channel < 0 || now < w->looked + CLOCK_SEC)
        return;
    w->looked = now;
    (void)channel_send(w->channel, &look, -1);
}

int status_add(struct report *report, const char *pool, const struct board *board,
               struct worker_past *past, uint64_t now, uint64_t wall)
{
    struct board_snapshot snapshot;

    memset(&snapshot, 0, sizeof snapshot);
    int e = board_snapshot(board, &snapshot);
    if (e < 0)
        return e;
    ratchet_hold(&past->ratchet, &snapshot);
    uint64_t age = snapshot.card.start_time < wall ? wall - snapshot.card.start_time : 0;
    uint64_t per_second = rate_look(&past->rate, snapshot.requests, now, age < now ? now - age : 0);
    e = report_add(report, pool, &snapshot);
    if (e == 0)
        report_set_rate(report, per_second);
    return e;
}

static int collect(struct worker *w, const struct report_query *query, struct report *report)
{
    uint64_t now = clock_monotonic();
    uint64_t wall = clock_wall();

    if (w->boards == NULL)
        return 0;
    status_look(w, now);
    for (struct pool *p = w->boards->first; p != NULL; p = p->next) {
        if (query->has_pool && strcmp(p->name, query->pool) != 0)
            continue;
        int e = status_add(report, p->name, p->board, &p->past, now, wall);
        if (e < 0)
            return e;
    }
    return 0;
}

void status_page(struct request *r, const struct report *report, const struct report_query *query)
{
    if (query->format == REPORT_UNSUPPORTED) {
        status_text(r, 501, "there is no XML; ask for text, ?json, ?html or ?openmetrics\n");
        return;
    }
    if (!may_render(r->worker, r->connection)) {
        status_text(r, 503, "too many pages are not taken by their readers\n");
        return;
    }
    size_t *size = NULL;
    if (r->worker->boards != NULL && !query->has_pool)
        size = &r->worker->boards->sizes[query->format][query->full];
    /* A page that grows is copied again and again: it has its size at once, and a little more. */
    if (!begin(r, size == NULL ? 0 : *size + *size / 8))
        return;
    if (report_render(report, query, &r->answer) < 0) {
        request_answer(r, 503);
        return;
    }
    if (size != NULL)
        *size = bytes_held(&r->answer);
    answer(r, 200, report_content_type(query),
           query->format == REPORT_HTML ? report_html_headers() : "");
}

static void answer_ready(struct request *r, const struct report *report,
                         const struct report_query *query)
{
    bool ready = false;
    if (!begin(r, 0))
        return;
    if (report_ready(report, query, &ready, &r->answer) < 0)
        request_answer(r, 503);
    else
        answer(r, ready ? 200 : 503, "text/plain; charset=utf-8", "");
}

static void answer_page(struct request *r, bool ready)
{
    struct report_query query;
    struct report *report = report_new(clock_monotonic(), clock_wall());

    report_query_parse(&query, params_find(r->params, "QUERY_STRING", NULL));
    report_accept(&query, params_find(r->params, "HTTP_ACCEPT", NULL));
    if (report == NULL || collect(r->worker, &query, report) < 0)
        request_answer(r, 503);
    else if (query.has_pool && report_count(report) == 0)
        status_text(r, 404, "no such pool\n");
    else if (ready)
        answer_ready(r, report, &query);
    else
        status_page(r, report, &query);
    report_free(report);
}

/* Does the path end with this, however it is told? */
static bool asks_for(const char *path, const char *uri, const char *end)
{
    size_t length = uri == NULL ? 0 : strcspn(uri, "?#");
    size_t want = strlen(end);

    return (path != NULL && text_ends(path, end)) ||
           (length >= want && strncmp(uri + length - want, end, want) == 0);
}

void status_answer(struct request *r)
{
    const char *path = params_find(r->params, "SCRIPT_NAME", NULL);
    const char *uri = params_find(r->params, "REQUEST_URI", NULL);
    const char *method = params_find(r->params, "REQUEST_METHOD", NULL);

    r->body_left = 0; /* whatever comes is not read */
    board_request_begin(r->worker->board, r->started, method, uri == NULL ? path : uri, NULL, NULL,
                        0, 0);
    if (asks_for(path, uri, "/ping"))
        status_text(r, 200, "pong");
    else if (asks_for(path, uri, "/live"))
        status_text(r, 200, "live\n");
    else
        answer_page(r, asks_for(path, uri, "/ready"));
}
