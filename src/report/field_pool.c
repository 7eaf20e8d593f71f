/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a pool's values.  PHP-FPM's come first, in PHP-FPM's order. */

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "report/field.h"

const char *const field_pool_states[] = {"starting", "running", "failing", "failed",
                                         "stopping", "stopped", "unknown", NULL};

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define SIZE_OF(type, member) sizeof(((struct type *)0)->member)
#define BOARD(member)                                                                              \
    .home = FIELD_BOARD, .offset = offsetof(struct board_snapshot, member),                        \
    .size = SIZE_OF(board_snapshot, member)
#define CARD(member) BOARD(card.member)
#define DERIVED(member)                                                                            \
    .home = FIELD_DERIVED, .offset = offsetof(struct field_pool, member),                          \
    .size = SIZE_OF(field_pool, member)
#define NUMBER(name_, ...) {.type = ROW_NUMBER, .name = name_, __VA_ARGS__}
#define STAMP(name_, ...) {.type = ROW_STAMP, .name = name_, __VA_ARGS__}
#define DECIMAL(name_, ...) {.type = ROW_DECIMAL, .name = name_, __VA_ARGS__}
#define TEXT(name_, ...) {.type = ROW_TEXT, .name = name_, __VA_ARGS__}
#define GAUGE(family_, help_) .metric = FIELD_GAUGE, .family = "ganger_" family_, .help = help_
#define COUNTER(family_, help_) .metric = FIELD_COUNTER, .family = "ganger_" family_, .help = help_
#define SECONDS .unit = "seconds"
#define BYTES .unit = "bytes"
#define PROCESSES .most = BOARD_SLOTS_MAX

#define EXIT(name_, member, help_)                                                                 \
    NUMBER(name_, CARD(member), .group = "exits", .label = "exits " name_,                         \
           COUNTER("exits", help_), .key = "result", .value = name_)
#define RESTART(name_, member, cause, help_)                                                       \
    NUMBER(name_, CARD(member), .group = "restarts", .label = "restarts " name_,                   \
           COUNTER("restarts", help_), .key = "cause", .value = cause)
#define LIMIT(option, member)                                                                      \
    NUMBER(option, CARD(limits.member), .group = "limits", .shown = FIELD_IF_SET,                  \
           .label = "limit " option,                                                               \
           GAUGE("limit", "What the configuration says, in what the option counts"),               \
           .key = "option", .value = option)
#define LIMIT_BYTES(option, member)                                                                \
    NUMBER(option, CARD(limits.member), .group = "limits", .shown = FIELD_IF_SET,                  \
           .label = "limit " option,                                                               \
           GAUGE("limit_bytes", "What the configuration says, in bytes"), BYTES, .key = "option",  \
           .value = option)
#define LIMIT_TIME(option, member)                                                                 \
    DECIMAL(option, CARD(limits.member), .group = "limits", .shown = FIELD_IF_SET,                 \
            .label = "limit " option,                                                              \
            GAUGE("limit_seconds", "What the configuration says, in seconds"), SECONDS,            \
            .key = "option", .value = option)

const struct field field_pools[] = {
    TEXT("pool", DERIVED(name), .fallback = "-"),
    TEXT("process manager", DERIVED(pm), .fallback = "unknown"),
    STAMP("start time", CARD(start_time),
          GAUGE("start_time_seconds", "When the pool started, since the epoch"), SECONDS),
    NUMBER("start since", DERIVED(since)),
    NUMBER("accepted conn", BOARD(accepted),
           COUNTER("accepted_connections", "Connections that workers have accepted")),
    NUMBER("listen queue", CARD(listen_queue),
           GAUGE("listen_queue", "Connections that wait for a worker")),
    NUMBER("max listen queue", CARD(max_listen_queue),
           GAUGE("listen_queue_peak", "The most connections that were seen waiting")),
    NUMBER("listen queue len", CARD(listen_queue_len),
           GAUGE("listen_queue_limit", "Connections that may wait, as the kernel has it")),
    NUMBER("idle processes", BOARD(idle), PROCESSES,
           GAUGE("idle_workers", "Workers with nothing in hand")),
    NUMBER("active processes", BOARD(busy), PROCESSES,
           GAUGE("active_workers", "Workers with a request in hand")),
    NUMBER("total processes", CARD(total), PROCESSES, GAUGE("workers", "Workers that are alive")),
    NUMBER("max active processes", DERIVED(max_active), PROCESSES,
           GAUGE("active_workers_peak", "The most workers that were busy at once")),
    NUMBER("max children reached", CARD(max_children_reached),
           COUNTER("max_children_reached", "How often more workers than pm.max_children were wanted")),
    NUMBER("slow requests", BOARD(slow),
           COUNTER("slow_requests", "Requests that took longer than request_slowlog_timeout")),
    NUMBER("memory peak", DERIVED(memory_peak),
           GAUGE("memory_peak_bytes", "The largest resident size of a program of a live worker"), BYTES),

    TEXT("kind", DERIVED(kind), .fallback = "unknown"),
    TEXT("state", DERIVED(state), .fallback = "unknown"),
    TEXT("reason", CARD(reason), .fallback = ""),
    TEXT("listen", CARD(listen), .fallback = ""),
    TEXT("user", CARD(user), .fallback = ""),
    NUMBER("max children", CARD(max_children), PROCESSES,
           GAUGE("max_children", "The most workers there may be, pm.max_children")),
    NUMBER("leaving processes", CARD(leaving), PROCESSES,
           GAUGE("leaving_workers", "Workers of earlier generations that finish what they have in hand")),
    NUMBER("opaque processes", BOARD(opaque), PROCESSES,
           GAUGE("opaque_workers", "Workers that cannot tell whether they are busy")),
    NUMBER("shedding", CARD(shedding), .most = 1,
           GAUGE("shedding", "1 while what the pool cannot take is answered 503")),
    NUMBER("shed requests", CARD(shed),
           COUNTER("shed_requests", "Requests that were answered 503 because the pool was full")),
    NUMBER("active requests", BOARD(active_requests),
           GAUGE("active_requests", "Requests in hand; of native programs, connections")),
    NUMBER("requests", BOARD(requests), COUNTER("requests", "Requests that were answered")),
    DECIMAL("requests per second", DERIVED(requests_per_second),
            GAUGE("requests_per_second",
                  "Requests answered in a second, in the last 10 or since the last look")),
    NUMBER("failed requests", BOARD(failed),
           COUNTER("failed_requests", "Requests that ganger itself answered with an error")),
    NUMBER("timed out requests", DERIVED(timed_out),
           COUNTER("timed_out_requests", "Requests that request_terminate_timeout ended")),
    NUMBER("aborted requests", BOARD(aborted),
           COUNTER("aborted_requests", "Requests whose client went away")),
    NUMBER("bytes in", BOARD(bytes_in), COUNTER("received_bytes", "Bytes that came from web servers: requests, with their parameters"), BYTES),
    NUMBER("bytes out", BOARD(bytes_out), COUNTER("sent_bytes", "Bytes that went to web servers: responses"), BYTES),
    DECIMAL("cpu seconds", BOARD(cpu),
            COUNTER("cpu_seconds", "Processor time of the CGI programs that have ended"), SECONDS),
    DECIMAL("process cpu seconds", CARD(process_cpu),
            COUNTER("process_cpu_seconds",
                    "Processor time of all processes of the pool, as of the last measurement"), SECONDS),
    NUMBER("memory resident", CARD(memory_resident),
           GAUGE("memory_resident_bytes", "Resident memory of all processes of the pool"), BYTES),
    NUMBER("memory proportional", CARD(memory_proportional),
           GAUGE("memory_proportional_bytes",
                 "Memory of all processes of the pool, what is shared divided among its sharers"), BYTES),
    STAMP("measured", CARD(measured),
          GAUGE("measured_time_seconds", "When memory and processor time were last measured, since the epoch; "
                "0: never"), SECONDS),
    NUMBER("generation", CARD(generation),
           GAUGE("generation", "The number of the configuration that workers are started with")),
    NUMBER("spawned", CARD(spawned), COUNTER("spawned_workers", "Workers that were started")),
    NUMBER("spawn failures", CARD(spawn_failures),
           COUNTER("spawn_failures", "Workers that could not be started")),
    NUMBER("start failures", CARD(start_failures),
           GAUGE("start_failures", "Workers in a row that died before their first request")),
    EXIT("ok", exits_ok, "Workers that ended, by how"),
    EXIT("error", exits_error, NULL),
    EXIT("signal", exits_signal, NULL),
    RESTART("max requests", recycled_requests, "max_requests", "Workers that were replaced, by cause"),
    RESTART("max memory", recycled_memory, "max_memory", NULL),
    RESTART("emergency", recycled_emergency, "emergency", NULL),
    RESTART("time limit", terminated, "time_limit", NULL),
    RESTART("reload", recycled_reload, "reload", NULL),
    RESTART("restart", recycled_restart, "restart", NULL),
    RESTART("scale down", recycled_idle, "scale_down", NULL),
    STAMP("throttled until", CARD(throttled_until),
          GAUGE("throttled_until_time_seconds", "When the next worker may be started, since the epoch; "
                "0: at once"), SECONDS),
    DECIMAL("request seconds", BOARD(times[BOARD_TIME_SERVICE])),
    DECIMAL("queue seconds", BOARD(times[BOARD_TIME_QUEUE])),
    DECIMAL("first byte seconds", BOARD(times[BOARD_TIME_FIRST])),
    LIMIT("pm.start_servers", start_servers),
    LIMIT("pm.min_spare_servers", min_spare_servers),
    LIMIT("pm.max_spare_servers", max_spare_servers),
    LIMIT("pm.max_spawn_rate", max_spawn_rate),
    LIMIT("pm.max_requests", max_requests),
    LIMIT("queue_limit", queue_limit),
    LIMIT("listen.backlog", backlog),
    LIMIT("process.max", processes),
    LIMIT_BYTES("pm.max_memory", max_memory),
    LIMIT_TIME("pm.process_idle_timeout", process_idle_timeout),
    LIMIT_TIME("queue_timeout", queue_timeout),
    LIMIT_TIME("request_terminate_timeout", request_terminate_timeout),
    LIMIT_TIME("request_slowlog_timeout", request_slowlog_timeout),
};
const size_t field_pools_count = sizeof field_pools / sizeof field_pools[0];

const struct field_histogram field_histograms[BOARD_TIMES] = {
    {BOARD_TIME_SERVICE, "request duration histogram", "took", "took longer",
     "ganger_request_duration_seconds", "How long requests were in a worker's hand"},
    {BOARD_TIME_QUEUE, "queue time histogram", "waited", "waited longer",
     "ganger_queue_time_seconds", "How long connections waited for a worker"},
    {BOARD_TIME_FIRST, "first byte histogram", "first byte", "first byte later",
     "ganger_first_byte_seconds", "How long it took until the first byte of the response"},
};
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

/* A word the card may hold, or "unknown": never the card's own bytes. */
static const char *known_word(const char *value, size_t size, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t length = strlen(*words);
        if (length < size && memcmp(value, *words, length + 1) == 0)
            return *words;
    }
    return "unknown";
}

static const char *state_word(const struct board_snapshot *s)
{
    uint32_t unknown = BOARD_POOL_STOPPED + 1;
    return field_pool_states[s->card_valid && s->card.state < unknown ? s->card.state : unknown];
}

static uint64_t largest_memory(const struct board_snapshot *s)
{
    uint64_t peak = 0;
    for (uint32_t i = 0; i < s->slots; i++) {
        if (s->views[i].peak_memory > peak)
            peak = s->views[i].peak_memory;
    }
    return peak;
}

void field_pool(struct field_pool *ret, const char *name, const struct board_snapshot *snapshot,
                uint64_t now_wall, uint64_t rate)
{
    static const char *const pms[] = {"static", "dynamic", "ondemand", NULL};
    static const char *const kinds[] = {"cgi", "fastcgi", "status", NULL};
    const struct board_card *card = &snapshot->card;

    memset(ret, 0, sizeof *ret);
    ret->homes[FIELD_BOARD] = snapshot;
    ret->homes[FIELD_REQUEST] = NULL;
    ret->homes[FIELD_DERIVED] = ret;
    ret->snapshot = snapshot;
    if (name == NULL)
        name = card->name;
    memcpy(ret->name, name, strnlen(name, sizeof ret->name));
    (void)snprintf(ret->pm, sizeof ret->pm, "%s", known_word(card->pm, sizeof card->pm, pms));
    (void)snprintf(ret->kind, sizeof ret->kind, "%s",
                   known_word(card->kind, sizeof card->kind, kinds));
    (void)snprintf(ret->state, sizeof ret->state, "%s", state_word(snapshot));
    if (card->start_time != 0 && card->start_time < now_wall)
        ret->since = (now_wall - card->start_time) / CLOCK_SEC;
    ret->max_active = card->max_active < snapshot->busy ? snapshot->busy : card->max_active;
    ret->memory_peak = largest_memory(snapshot);
    /* Those of native programs end with their worker, and only the master has seen it. */
    ret->timed_out = snapshot->timed_out + card->terminated;
    ret->requests_per_second = rate;
}
