/* SPDX-License-Identifier: Apache-2.0 */
/* pm.status_path and ping.path: what a CGI worker answers itself, from the board of its own pool. */
#include <string.h>
#include "base/clock.h"
#include "report/report.h"
#include "serve/status.h"
#include "wire/record.h"

static const char *param(const struct request *r, const char *name)
{
    const char *value = params_find(r->params, name, NULL);

    return value == NULL ? "" : value;
}

/* Exactly this path, as the web server understood it: SCRIPT_NAME and what follows it, PATH_INFO.  What
 * the client wrote (REQUEST_URI) counts only where a server sends the same path as both: behind a front
 * controller anybody may write any path, and the page would be for all. */
static bool is_path(const struct request *r, const char *want)
{
    const char *name = param(r, "SCRIPT_NAME"), *info = param(r, "PATH_INFO");
    const char *uri = param(r, "REQUEST_URI");
    size_t length = want == NULL ? 0 : strlen(want), first = strlen(name);

    if (length == 0 || first > length || strncmp(name, want, first) != 0)
        return false;
    if (strcmp(info, want + first) == 0)
        return true;
    return first == length && strcspn(uri, "?#") == length && strncmp(uri, want, length) == 0;
}

/* As the status pool's page of this pool alone. */
static void answer_page(struct request *r)
{
    struct worker *w = r->worker;
    uint64_t now = clock_monotonic(), wall = clock_wall();
    struct report_query query;
    struct report *report = report_new(now, wall);

    report_query_parse(&query, param(r, "QUERY_STRING"));
    report_accept(&query, params_find(r->params, "HTTP_ACCEPT", NULL));
    query.has_pool = true;
    status_look(w, now);
    if (report == NULL || status_add(report, w->options.pool, w->board, &w->past, now, wall) < 0)
        request_answer(r, 503);
    else
        status_page(r, report, &query);
    report_free(report);
}

bool status_own_answer(struct request *r)
{
    const struct options *o = &r->worker->options;
    const char *path = o->ping_path, *method = param(r, "REQUEST_METHOD");
    bool ping = is_path(r, path);

    if (r->role != FCGI_RESPONDER || (!ping && !is_path(r, path = o->status_path)))
        return false;
    r->body_left = 0; /* whatever comes is not read */
    board_request_begin(r->worker->board, r->started, method, path, NULL, NULL, 0, 0);
    if (ping)
        status_text(r, 200, o->ping_response == NULL ? "pong" : o->ping_response);
    else
        answer_page(r);
    return true;
}
