/* SPDX-License-Identifier: Apache-2.0 */
/* The pools are kept in the order in which the master told of them: that of the config. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "report/report.h"
#include "serve/connection.h"
#include "serve/status.h"

#define PAGE_MAX (64u << 20)

struct pool {
    struct pool *next;
    struct board *board;
    char name[BOARD_NAME];
};
struct boards {
    struct pool *first;
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

/* Header and body to the request's answer; the body only when it is not HEAD. */
static void answer(struct request *r, unsigned status, const char *type, struct bytes *body)
{
    int e = bytes_printf(&r->answer,
                         "Status: %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                         "Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n"
                         "X-Content-Type-Options: nosniff\r\n\r\n",
                         status, response_reason(status), type, bytes_held(body));
    if (e == 0 && !r->head)
        e = bytes_append(&r->answer, bytes_front(body), bytes_held(body));
    if (e < 0) {
        request_answer(r, 503);
        return;
    }
    r->status = status;
    r->state = REQUEST_ANSWERING;
}

static void answer_text(struct request *r, unsigned status, const char *text)
{
    struct bytes body;

    bytes_init(&body, 1024);
    if (bytes_append(&body, text, strlen(text)) < 0)
        request_answer(r, 503);
    else
        answer(r, status, "text/plain; charset=utf-8", &body);
    bytes_clear(&body);
}

static int collect(struct worker *w, const struct report_query *query, struct report *report)
{
    for (struct pool *p = w->boards == NULL ? NULL : w->boards->first; p != NULL; p = p->next) {
        struct board_snapshot snapshot;
        if (query->has_pool && strcmp(p->name, query->pool) != 0)
            continue;
        memset(&snapshot, 0, sizeof snapshot);
        int e = board_snapshot(p->board, &snapshot);
        if (e == 0)
            e = report_add(report, p->name, &snapshot);
        if (e < 0)
            return e;
    }
    return 0;
}

static void answer_page(struct request *r)
{
    struct report_query query;
    struct report *report = report_new(clock_monotonic(), clock_wall());
    struct bytes page;

    report_query_parse(&query, params_find(r->params, "QUERY_STRING", NULL));
    bytes_init(&page, PAGE_MAX);
    if (query.format == REPORT_UNSUPPORTED)
        answer_text(r, 501, "not yet supported; ask for text or ?json\n");
    else if (report == NULL || collect(r->worker, &query, report) < 0 ||
             report_render(report, &query, &page) < 0)
        request_answer(r, 503);
    else if (query.has_pool && report_count(report) == 0)
        answer_text(r, 404, "no such pool\n");
    else
        answer(r, 200, report_content_type(&query), &page);
    bytes_clear(&page);
    report_free(report);
}

void status_answer(struct request *r)
{
    const char *path = params_find(r->params, "SCRIPT_NAME", NULL);
    const char *uri = params_find(r->params, "REQUEST_URI", NULL);
    const char *method = params_find(r->params, "REQUEST_METHOD", NULL);

    r->body_left = 0; /* whatever comes is not read */
    board_request_begin(r->worker->board, r->started, method, uri == NULL ? path : uri, NULL, NULL,
                        0, 0);
    size_t length = uri == NULL ? 0 : strcspn(uri, "?#");
    bool ping = path != NULL && text_ends(path, "/ping");
    ping |= length >= 5 && strncmp(uri + length - 5, "/ping", 5) == 0;
    if (ping)
        answer_text(r, 200, "pong");
    else
        answer_page(r);
}
