/* SPDX-License-Identifier: Apache-2.0 */
/*
 * END_REQUEST says "complete", and web servers ignore appStatus; so an answer that was cut after its
 * header was sent is ended by closing the connection and by nothing else.
 */

#include <stdio.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/log.h"
#include "serve/access.h"
#include "serve/verdict.h"
#include "serve/worker.h"

/* By fate: what the client gets while nothing was sent, and what the log says. */
static const struct {
    unsigned status; /* 0: the program's own answer decides */
    const char *text;
} fates[] = {
    [REQUEST_NONE] = {0, NULL},
    [REQUEST_GONE] = {0, NULL},
    [REQUEST_ABORTED] = {0, NULL},
    [REQUEST_TOO_SLOW] = {504, "ran longer than request_terminate_timeout and was ended; raise it, "
                               "or make the program faster"},
    [REQUEST_STALLED] = {408, "waited for a request body that did not come within "
                              "request_body_timeout and was ended (nginx sends no more of a body "
                              "once the response has begun: read first, then write)"},
    [REQUEST_MALFORMED] = {502, NULL}, /* diagnostics_malformed() said it */
    [REQUEST_LINGERED] = {0, "closed its stdout but ran on for 2 s and was ended; a program that "
                             "works on in the background has to leave its session"},
    [REQUEST_HELD] = {0, "ended, but left processes that held its pipes for 2 s; they were ended"},
    [REQUEST_NO_MEMORY] = {503, "was ended: no memory for its request"},
};

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static enum verdict complain(struct request *r, unsigned status, const char *what)
{
    char text[48], outcome[32];
    bool sent = r->response != NULL && response_header_sent(r->response) && !r->holding;

    snprintf(outcome, sizeof outcome, "the client gets %u", status);
    if (what != NULL)
        log_write(LOG_LEVEL_WARNING, r->worker->options.pool, "%s %s (%s); %s", r->label, what,
                  program_status_text(&r->program, text, sizeof text),
                  sent ? "the response is cut off" : outcome);
    r->status = sent ? response_status(r->response) : status;
    return sent ? VERDICT_BROKEN : VERDICT_ERROR;
}

/* The program went its own way: its output and its end decide. */
static enum verdict judge_output(struct request *r)
{
    bool signalled = WIFSIGNALED(r->program.wait_status) && !r->killed;
    char text[48];

    switch ((enum response_end)response_finish(r->response)) {
    case RESPONSE_EMPTY:
        return complain(r, 502,
                        signalled ? "was killed before it wrote anything"
                                  : "ended with no output; a CGI program must at least "
                                    "write a header");
    case RESPONSE_NO_HEADER:
        return complain(r, 502, "ended inside its header; an empty line must follow it");
    case RESPONSE_TRUNCATED:
        return complain(r, 502, "wrote less than its Content-Length");
    case RESPONSE_COMPLETE:
        break;
    }
    if (signalled && !response_body_full(r->response))
        return complain(r, 502, "was killed in the middle of its response");
    r->status = response_status(r->response);
    if (r->program.wait_status != 0 && !r->killed)
        log_write(LOG_LEVEL_NOTICE, r->worker->options.pool, "%s answered, then ended with %s",
                  r->label, program_status_text(&r->program, text, sizeof text));
    return VERDICT_GOOD;
}

enum verdict verdict_reach(struct request *r)
{
    verdict_count(r, r->fate);
    if (r->fate == REQUEST_ABORTED)
        return VERDICT_GOOD;
    if (fates[r->fate].status != 0)
        return complain(r, fates[r->fate].status, fates[r->fate].text);
    if (fates[r->fate].text != NULL)
        log_write(LOG_LEVEL_WARNING, r->worker->options.pool, "%s %s", r->label,
                  fates[r->fate].text);
    return judge_output(r);
}

void verdict_count(struct request *r, enum request_fate fate)
{
    struct board_slot *slot = board_own_slot(r->worker->board);

    if (fate == REQUEST_GONE || fate == REQUEST_ABORTED)
        add(&slot->aborted, 1);
    else if (fate == REQUEST_TOO_SLOW)
        add(&slot->timed_out, 1);
    if (fate == REQUEST_GONE || fate == REQUEST_ABORTED)
        r->end = REQUEST_END_ABORTED;
    else if (fate == REQUEST_TOO_SLOW || fate == REQUEST_STALLED)
        r->end = REQUEST_END_TIMEOUT;
}

void verdict_record(struct request *r)
{
    struct board *b = r->worker->board;
    struct board_slot *slot = board_own_slot(b);
    uint64_t now = clock_monotonic();

    board_request_end(b, now,
                      &(struct board_result){.status = r->status,
                                             .cpu = r->program.cpu,
                                             .peak_memory = r->program.peak_memory,
                                             .bytes_in = r->bytes_in,
                                             .bytes_out = r->bytes_out,
                                             .queue = r->queue,
                                             .first = r->first});
    board_observe(b, BOARD_TIME_SERVICE, now - r->started);
    if (r->queue != UINT64_MAX)
        board_observe(b, BOARD_TIME_QUEUE, r->queue);
    if (r->first != UINT64_MAX)
        board_observe(b, BOARD_TIME_FIRST, r->first);
    access_end(r);
    add(&slot->requests, 1);
    if (r->failed)
        add(&slot->failed, 1);
    add(&slot->cpu, r->program.cpu);
    if (r->program.peak_memory > atomic_load_explicit(&slot->peak_memory, memory_order_relaxed))
        atomic_store_explicit(&slot->peak_memory, r->program.peak_memory, memory_order_relaxed);
}
