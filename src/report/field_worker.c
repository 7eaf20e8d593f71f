/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a worker's values.  PHP-FPM's come first, in PHP-FPM's order. */

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "report/field.h"

/* PHP-FPM's words where it has one, so that its dashboards tell idle from running. */
const char *const field_worker_states[] = {"Starting", "Idle",   "Running", "Finishing",
                                           "Shedding", "Opaque", "Unknown", NULL};

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define SIZE_OF(type, member) sizeof(((struct type *)0)->member)
#define BOARD(member)                                                                              \
    .home = FIELD_BOARD, .offset = offsetof(struct board_slot_view, member),                       \
    .size = SIZE_OF(board_slot_view, member)
#define REQUEST(member)                                                                            \
    .home = FIELD_REQUEST, .offset = offsetof(struct board_request, member),                       \
    .size = SIZE_OF(board_request, member)
#define DERIVED(member)                                                                            \
    .home = FIELD_DERIVED, .offset = offsetof(struct field_worker, member),                        \
    .size = SIZE_OF(field_worker, member)
#define NUMBER(name_, ...) {.type = ROW_NUMBER, .name = name_, __VA_ARGS__}
#define STAMP(name_, ...) {.type = ROW_STAMP, .name = name_, __VA_ARGS__}
#define DECIMAL(name_, ...) {.type = ROW_DECIMAL, .name = name_, __VA_ARGS__}
#define TEXT(name_, ...) {.type = ROW_TEXT, .name = name_, __VA_ARGS__}
#define GAUGE(family_, help_)                                                                      \
    .metric = FIELD_GAUGE, .family = "ganger_worker_" family_, .help = help_
#define COUNTER(family_, help_)                                                                    \
    .metric = FIELD_COUNTER, .family = "ganger_worker_" family_, .help = help_
#define SECONDS .unit = "seconds"
#define BYTES .unit = "bytes"

const struct field field_workers[] = {
    NUMBER("pid", DERIVED(pid)),
    TEXT("state", DERIVED(state), .fallback = "Unknown"),
    STAMP("start time", BOARD(start_time),
          GAUGE("start_time_seconds", "When the worker started, since the epoch"), SECONDS),
    NUMBER("start since", DERIVED(since)),
    NUMBER("requests", BOARD(requests), COUNTER("requests", "Requests that this worker answered")),
    NUMBER("request duration", DERIVED(duration)),
    TEXT("request method", REQUEST(method), .fallback = "-"),
    TEXT("request uri", REQUEST(uri), .label = "request URI", .fallback = "-"),
    NUMBER("content length", REQUEST(content_length)),
    TEXT("user", REQUEST(user), .fallback = "-"),
    TEXT("script", REQUEST(script), .fallback = "-"),
    DECIMAL("last request cpu", DERIVED(last_cpu)),
    NUMBER("last request memory", DERIVED(last_memory)),

    NUMBER("last request status", DERIVED(last_status), .most = 999),
    NUMBER("last request age", DERIVED(last_age), .shown = FIELD_IF_KNOWN),
    NUMBER("last request bytes in", DERIVED(last_in)),
    NUMBER("last request bytes out", DERIVED(last_out)),
    NUMBER("last request queue time", DERIVED(last_queue), .shown = FIELD_IF_KNOWN),
    NUMBER("last request first byte", DERIVED(last_first), .shown = FIELD_IF_KNOWN),
    NUMBER("program pid", DERIVED(program)),
    NUMBER("slot", BOARD(index)),
    NUMBER("generation", BOARD(generation),
           GAUGE("generation", "Which start of a worker of its pool this one was")),
    NUMBER("active requests", BOARD(active),
           GAUGE("active_requests", "Requests in hand; of a native program, connections")),
    NUMBER("accepted conn", BOARD(accepted),
           COUNTER("accepted_connections", "Connections that this worker accepted")),
    NUMBER("failed requests", BOARD(failed),
           COUNTER("failed_requests", "Requests that ganger itself answered with an error")),
    NUMBER("timed out requests", BOARD(timed_out),
           COUNTER("timed_out_requests", "Requests that request_terminate_timeout ended")),
    NUMBER("aborted requests", BOARD(aborted),
           COUNTER("aborted_requests", "Requests whose client went away")),
    NUMBER("slow requests", BOARD(slow),
           COUNTER("slow_requests", "Requests that took longer than request_slowlog_timeout")),
    NUMBER("bytes in", BOARD(bytes_in), COUNTER("received_bytes", "Bytes that came from web servers: requests, with their parameters"), BYTES),
    NUMBER("bytes out", BOARD(bytes_out), COUNTER("sent_bytes", "Bytes that went to web servers: responses"), BYTES),
    DECIMAL("cpu seconds", BOARD(cpu),
            COUNTER("cpu_seconds", "Processor time of the worker's CGI programs"), SECONDS),
    NUMBER("memory resident", BOARD(resident),
           GAUGE("memory_resident_bytes", "Resident memory of the worker and its programs"), BYTES),
    NUMBER("memory proportional", BOARD(proportional),
           GAUGE("memory_proportional_bytes",
                 "Memory of the worker and its programs, what is shared divided among its sharers"), BYTES),
    NUMBER("memory peak", BOARD(peak_memory),
           GAUGE("memory_peak_bytes", "The largest resident size of a program of the worker"), BYTES),
    NUMBER("protocol errors", BOARD(protocol_errors),
           COUNTER("protocol_errors", "Connections that were closed because they broke the protocol")),
    NUMBER("params dropped", BOARD(params_dropped),
           COUNTER("dropped_params", "Parameters of requests that were not handed on")),
};
const size_t field_workers_count = sizeof field_workers / sizeof field_workers[0];
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

static const char *state_word(const struct board_slot_view *view)
{
    switch (view->state) {
    case BOARD_WORKER_STARTING:
        /* An opaque one lives, and nobody can see what it does. */
        return view->opaque ? "Opaque" : "Starting";
    case BOARD_WORKER_IDLE:
        return "Idle";
    case BOARD_WORKER_BUSY:
        return "Running";
    case BOARD_WORKER_LEAVING:
        return "Finishing";
    case BOARD_WORKER_SHEDDING:
        return "Shedding";
    case BOARD_WORKER_NONE:
    default:
        return "Unknown";
    }
}

/* Share of one processor that the last program used, in percent with two digits, as millionths. */
static uint64_t processor_share(const struct board_request *r)
{
    if (r->duration == 0)
        return 0;
    double share = (double)r->cpu * 10000 / (double)r->duration;
    double most = 10000.0 * BOARD_SLOTS_MAX;
    return (uint64_t)((share < most ? share : most) + 0.5) * 10000;
}

/* What of the last request is not known while the next one runs is 0, as PHP-FPM has it. */
static void derive_last(struct field_worker *ret, const struct board_request *r, uint64_t now)
{
    ret->last_queue = ret->last_first = ret->last_age = FIELD_UNKNOWN;
    if (r->finished != 0)
        ret->last_age = r->finished > now ? 0 : (now - r->finished) / CLOCK_SEC;
    if (r->running != 0)
        return;
    ret->last_cpu = processor_share(r);
    ret->last_memory = r->peak_memory;
    ret->last_status = r->status;
    ret->last_in = r->bytes_in;
    ret->last_out = r->bytes_out;
    if (r->finished != 0) {
        ret->last_queue = r->queue;
        ret->last_first = r->first;
    }
}

void field_worker(struct field_worker *ret, const struct board_slot_view *view,
                  uint64_t now_monotonic, uint64_t now_wall)
{
    static const struct board_request nothing;
    const struct board_request *r = view->request_valid ? &view->request : &nothing;

    memset(ret, 0, sizeof *ret);
    ret->homes[FIELD_BOARD] = view;
    ret->homes[FIELD_REQUEST] = r;
    ret->homes[FIELD_DERIVED] = ret;
    ret->view = view;
    (void)snprintf(ret->state, sizeof ret->state, "%s", state_word(view));
    ret->pid = view->pid < 0 ? 0 : (uint64_t)view->pid;
    if (view->start_time != 0 && view->start_time < now_wall)
        ret->since = (now_wall - view->start_time) / CLOCK_SEC;
    ret->duration = r->duration;
    if (r->running != 0)
        ret->duration = r->started > now_monotonic ? 0 : now_monotonic - r->started;
    if (r->running != 0 && r->program > 0)
        ret->program = (uint64_t)r->program;
    derive_last(ret, r, now_monotonic);
}
