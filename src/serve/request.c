/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a request.  Events (a pipe, the program's end, a deadline, the reader) change facts;
 * request_settle() then decides from the facts alone what comes next, so their order never
 * matters: stdout may end before or after the program, the client may leave at any point.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "serve/access.h"
#include "serve/arrival.h"
#include "serve/connection.h"
#include "serve/holdback.h"
#include "serve/launch.h"
#include "serve/request.h"
#include "serve/slow.h"
#include "serve/strangers.h"
#include "serve/streams.h"
#include "serve/verdict.h"
#include "serve/worker.h"
#include "wire/record.h"

#define TERM_TO_KILL (CLOCK_SEC / 2)
#define TERM_TO_KILL_TIMEOUT (1 * CLOCK_SEC) /* a program that is only late may tidy up longer */
#define GRACE (2 * CLOCK_SEC)
#define GIVE_UP (5 * CLOCK_SEC) /* after KILL: a child that the kernel cannot end now */

/* How a program is told to end, by fate. */
static const struct {
    int signal;        /* to its group, at once; 0: nothing */
    uint64_t patience; /* until KILL */
} ending[] = {
    [REQUEST_NONE] = {0, 0},
    [REQUEST_GONE] = {SIGTERM, TERM_TO_KILL},
    [REQUEST_ABORTED] = {SIGTERM, TERM_TO_KILL},
    [REQUEST_TOO_SLOW] = {SIGTERM, TERM_TO_KILL_TIMEOUT},
    [REQUEST_STALLED] = {SIGTERM, TERM_TO_KILL},
    [REQUEST_MALFORMED] = {SIGTERM, TERM_TO_KILL},
    [REQUEST_LINGERED] = {SIGKILL, 0},
    [REQUEST_HELD] = {SIGKILL, 0},
    [REQUEST_NO_MEMORY] = {SIGKILL, 0},
};

struct request *request_new(struct connection *c, const struct reader_event *ev)
{
    struct request *r = calloc(1, sizeof *r);
    struct request **last = &c->requests;

    if (r == NULL) {
        params_free(ev->params);
        return NULL;
    }
    r->worker = c->worker;
    r->connection = c;
    r->id = ev->id;
    r->role = ev->role;
    r->keep = (ev->flags & FCGI_KEEP_CONN) != 0;
    r->too_large = ev->type == READER_TOO_LARGE;
    r->params = ev->params;
    r->program = PROGRAM_NONE;
    r->body_left = UINT64_MAX;
    r->terminate_at = r->kill_at = r->grace_at = r->slow_at = CLOCK_NEVER;
    r->started = r->body_at = clock_monotonic();
    bytes_init(&r->body, REQUEST_BODY_MAX);
    bytes_init(&r->line, STREAMS_LINE_MAX);
    bytes_init(&r->answer, 64u << 20);
    while (*last != NULL)
        last = &(*last)->next;
    *last = r;
    c->request_count++;
    r->number = ++c->request_total;
    r->queue = arrival_queue(c, r);
    r->first = UINT64_MAX;
    access_begin(r);
    worker_began(c->worker);
    return r;
}

void request_free(struct request *r)
{
    r->state = REQUEST_OVER; /* the end of its program is of no interest any more */
    r->end = REQUEST_END_ABORTED;
    access_end(r); /* unless that was done */
    streams_close(r);
    program_abandon(&r->program);
    slow_forget(r);
    params_free(r->params);
    response_free(r->response);
    bytes_clear(&r->body);
    bytes_clear(&r->line);
    bytes_clear(&r->answer);
    bytes_clear(&r->held);
    free(r);
}

void request_start(struct request *r)
{
    if (r->state == REQUEST_WAITING)
        launch(r);
    request_settle(r);
}

void request_doom(struct request *r, enum request_fate fate)
{
    if (r->fate != REQUEST_NONE || r->state != REQUEST_RUNNING)
        return;
    r->fate = fate;
    if (program_ended(&r->program))
        return;
    program_signal(&r->program, ending[fate].signal);
    r->kill_at =
        clock_monotonic() + (ending[fate].signal == SIGKILL ? GIVE_UP : ending[fate].patience);
    r->killed = ending[fate].signal == SIGKILL;
    worker_alarm(r->worker, r->kill_at);
}

void request_kill(struct request *r)
{
    program_signal(&r->program, SIGKILL);
}

void request_abort(struct request *r)
{
    if (r->state == REQUEST_WAITING || r->state == REQUEST_ANSWERING) {
        launch_never(r);
        bytes_clear(&r->answer);
        r->status = 0;
        r->state = REQUEST_ANSWERING;
        verdict_count(r, REQUEST_ABORTED);
        return;
    }
    request_doom(r, REQUEST_ABORTED);
    request_settle(r); /* its program may have ended already */
}

static void bury(struct request *r)
{
    r->state = REQUEST_OVER;
    r->worker->tidy = true;
    worker_ended(r->worker);
}

void request_detach(struct request *r)
{
    bool running = r->state == REQUEST_RUNNING;

    r->connection = NULL;
    r->next = r->worker->orphans;
    r->worker->orphans = r;
    if (!running) {
        if (r->state != REQUEST_FLUSHING && r->end != REQUEST_END_ABORTED)
            verdict_count(r, REQUEST_GONE);
        if (r->state == REQUEST_ANSWERING)
            verdict_record(r);
        bury(r);
        return;
    }
    request_doom(r, REQUEST_GONE);
    streams_close(r);
    holdback_drop(r);
    request_settle(r);
}

void request_sends(struct request *r, size_t length)
{
    if (length > 0 && r->first == UINT64_MAX) {
        uint64_t now = clock_monotonic();
        r->first = now > r->started ? now - r->started : 0;
    }
    r->bytes_out += length;
}

void request_answer(struct request *r, unsigned status)
{
    r->status = status;
    r->failed = status >= 400;
    r->state = REQUEST_ANSWERING;
    bytes_clear(&r->answer);
    if (response_error(&r->answer, status, NULL, r->head) < 0)
        connection_lost(r->connection);
}

/* Everything of this request has been queued; `broken`: and must not look complete. */
static void conclude(struct request *r, bool broken)
{
    struct connection *c = r->connection;
    struct output *o = &c->output;
    int e = 0;

    if (!broken) {
        if (r->wrote_stderr)
            e = output_stream_end(o, FCGI_STDERR, r->id);
        if (e == 0)
            e = output_stream_end(o, FCGI_STDOUT, r->id);
        if (e == 0)
            e = output_end_request(o, r->id,
                                   r->program.wait_status == 0 ? 0 : program_code(&r->program),
                                   FCGI_REQUEST_COMPLETE);
    }
    connection_request_ended(c, r, broken);
    r->state = REQUEST_FLUSHING;
    r->end_mark = o->queued;
    if (broken && r->end == REQUEST_END_OK)
        r->end = REQUEST_END_CUT;
    verdict_record(r);
    if (e < 0)
        connection_lost(c);
}

/* Hand on our own answer as far as there is room. */
static void settle_answer(struct request *r)
{
    struct output *o = &r->connection->output;

    while (bytes_held(&r->answer) > 0) {
        size_t length = bytes_held(&r->answer);
        if (output_full(o))
            return;
        if (length > OUTPUT_HIGH / 2)
            length = OUTPUT_HIGH / 2;
        if (r->bytes_out == 0)
            access_answer(r, bytes_front(&r->answer), bytes_held(&r->answer));
        if (output_stream(o, FCGI_STDOUT, r->id, bytes_front(&r->answer), length) < 0) {
            connection_lost(r->connection);
            return;
        }
        request_sends(r, length);
        bytes_consume(&r->answer, length);
    }
    conclude(r, false);
}

/* The program is over: what does the client get? */
static void finish(struct request *r)
{
    streams_finish(r);
    program_collect(&r->program);
    slow_end(r);
    r->worker->programs--;
    strangers_look(r->worker);
    if (r->connection == NULL) { /* one that was too slow stays so, though its client left since */
        verdict_count(r, r->fate == REQUEST_TOO_SLOW ? r->fate : REQUEST_GONE);
        verdict_record(r);
        bury(r);
        return;
    }
    switch (verdict_reach(r)) {
    case VERDICT_GOOD:
        conclude(r, holdback_release(r) < 0);
        break;
    case VERDICT_ERROR: /* nothing was sent yet: an answer of ours */
        holdback_drop(r);
        request_answer(r, r->status);
        if (r->state == REQUEST_ANSWERING)
            settle_answer(r);
        break;
    case VERDICT_BROKEN:
        conclude(r, true);
        break;
    }
}

static void settle_running(struct request *r)
{
    struct program *p = &r->program;
    bool open = p->out >= 0 || p->err >= 0;

    if (holdback_check(r) < 0)
        request_doom(r, REQUEST_NO_MEMORY);
    if (!p->exited && p->out < 0)
        (void)program_ended(p);
    if (p->exited) {
        /* What is in the pipes now was written by the program: take it before judging. */
        if (open && r->fate != REQUEST_HELD && !r->out_paused)
            streams_drain(r);
        open = p->out >= 0 || p->err >= 0;
        if (!open || r->fate != REQUEST_NONE) {
            finish(r);
            return;
        }
    } else if (p->out >= 0) {
        return;
    }
    /* Half of it is over: the rest has a while.  A client that is slow to read is no stranger. */
    if (r->grace_at == CLOCK_NEVER && !r->out_paused) {
        r->grace_at = clock_monotonic() + GRACE;
        worker_alarm(r->worker, r->grace_at);
    }
}

void request_settle(struct request *r)
{
    switch (r->state) {
    case REQUEST_WAITING:
    case REQUEST_FLUSHING:
    case REQUEST_OVER:
        break;
    case REQUEST_RUNNING:
        settle_running(r);
        break;
    case REQUEST_ANSWERING:
        if (r->connection != NULL)
            settle_answer(r);
        break;
    }
}

/* The limits of a program end with it: what it wrote may still be on its way to a slow client. */
static bool timed(const struct request *r)
{
    return r->fate == REQUEST_NONE && !r->program.exited;
}

/* Is the program waiting for body bytes that the client does not send, though we read? */
static bool starving(const struct request *r)
{
    return timed(r) && r->connection != NULL && connection_is_read(r->connection) &&
           !r->body_over && (r->sized || r->unsized_body) && r->program.in >= 0 &&
           bytes_held(&r->body) == 0 && r->worker->options.request_body_timeout != 0;
}

uint64_t request_deadline(const struct request *r)
{
    uint64_t when = CLOCK_NEVER;

    if (r->state != REQUEST_RUNNING)
        return when;
    if (r->kill_at < when)
        when = r->kill_at;
    if (r->grace_at < when)
        when = r->grace_at;
    if (holdback_deadline(r) < when)
        when = holdback_deadline(r);
    if (timed(r) && r->terminate_at < when)
        when = r->terminate_at;
    if (timed(r) && r->slow_at < when)
        when = r->slow_at;
    if (starving(r) && r->body_at + r->worker->options.request_body_timeout < when)
        when = r->body_at + r->worker->options.request_body_timeout;
    return when;
}

static void expire_kill(struct request *r, uint64_t now)
{
    if (program_ended(&r->program)) {
        r->kill_at = CLOCK_NEVER;
        return;
    }
    if (!r->killed) {
        program_signal(&r->program, SIGKILL);
        r->killed = true;
        r->kill_at = now + GIVE_UP;
        return;
    }
    log_write(LOG_LEVEL_ERROR, r->worker->options.pool,
              "%s does not end on SIGKILL (it hangs in the kernel); leaving it behind", r->label);
    r->kill_at = CLOCK_NEVER;
    r->program.wait_status = SIGKILL;
    r->program.exited = true;
    r->worker->strangers = true;
    streams_close(r);
    program_abandon(&r->program);
}

void request_expire(struct request *r, uint64_t now)
{
    struct connection *c = r->connection;

    if (r->state != REQUEST_RUNNING || request_deadline(r) > now)
        return;
    if (r->kill_at <= now)
        expire_kill(r, now);
    if (r->grace_at <= now && r->out_paused) {
        r->grace_at = CLOCK_NEVER; /* settling sets it again when the client has read on */
    } else if (r->grace_at <= now) {
        r->grace_at = CLOCK_NEVER;
        if (r->program.exited)
            strangers_evict(r);
        request_doom(r, r->program.exited ? REQUEST_HELD : REQUEST_LINGERED);
    }
    if (timed(r) && r->slow_at <= now) /* before it is ended: the evidence goes with it */
        slow_note(r, now);
    if (timed(r) && r->terminate_at <= now)
        request_doom(r, REQUEST_TOO_SLOW);
    if (starving(r) && r->body_at + r->worker->options.request_body_timeout <= now)
        request_doom(r, REQUEST_STALLED);
    request_settle(r);
    if (c != NULL)
        connection_settle(c);
}

void request_pause(struct request *r, bool paused)
{
    if (r->state == REQUEST_RUNNING)
        streams_pause(r, paused);
}
