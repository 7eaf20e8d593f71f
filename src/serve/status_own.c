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

/* Exactly this path, as the web server tells it: SCRIPT_NAME, or PATH_INFO where that is all there is,
 * or what the client asked for.  Never a part of one: other paths are the program's. */
static bool is_path(const struct request *r, const char *want)
{
    const char *name = param(r, "SCRIPT_NAME"), *info = param(r, "PATH_INFO");
    const char *uri = param(r, "REQUEST_URI");
    size_t length = want == NULL ? 0 : strlen(want);

    if (length == 0)
        return false;
    if (*info == '\0' ? strcmp(name, want) == 0 : *name == '\0' && strcmp(info, want) == 0)
        return true;
    return strcspn(uri, "?#") == length && strncmp(uri, want, length) == 0;
}

/* Somebody looks: the master is told, as by the status responder. */
static void tell_master(struct worker *w, uint64_t now)
{
    static const struct channel_message look = {.word = CHANNEL_LOOK};

    if (w->channel < 0 || now < w->looked + CLOCK_SEC)
        return;
    w->looked = now;
    (void)channel_send(w->channel, &look, -1);
}

static int collect(struct worker *w, struct report *report, uint64_t now, uint64_t wall)
{
    struct board_snapshot snapshot;

    memset(&snapshot, 0, sizeof snapshot);
    int e = board_snapshot(w->board, &snapshot);
    if (e < 0)
        return e;
    uint64_t age = snapshot.card.start_time < wall ? wall - snapshot.card.start_time : 0;
    uint64_t rate = rate_look(&w->rate, snapshot.requests, now, age < now ? now - age : 0);
    e = report_add(report, w->options.pool, &snapshot);
    if (e == 0)
        report_set_rate(report, rate);
    return e;
}

/* As the status pool's page of this pool alone. */
static void answer_page(struct request *r)
{
    uint64_t now = clock_monotonic(), wall = clock_wall();
    struct report_query query;
    struct report *report = report_new(now, wall);

    report_query_parse(&query, param(r, "QUERY_STRING"));
    report_accept(&query, params_find(r->params, "HTTP_ACCEPT", NULL));
    query.has_pool = true;
    tell_master(r->worker, now);
    if (report == NULL || collect(r->worker, report, now, wall) < 0)
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
