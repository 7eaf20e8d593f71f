/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the whole board, for whoever shows or judges it.  The board may be rewritten at full
 * speed while we read, by a process that means harm: each word is read once into a local copy, the
 * copy is clamped, indices and sizes are our own, and every repetition is bounded.
 */
#include "board/board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "board/mapping.h"
#include "board/sequence.h"

#define FOLD_TRIES 8
#define CARD_TRIES 8

#define LEAVING_MAX (UINT64_C(64) * BOARD_SLOTS_MAX)
#define ACTIVE_MAX (UINT32_C(1) << 16)
/* Wall clock microseconds up to the year 2255: what every formatter can show. */
#define TIME_MAX ((UINT64_C(1) << 53) - 1)

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* The largest number there is means that there is none. */
static uint64_t at_most_or_none(uint64_t value, uint64_t most)
{
    return value == UINT64_MAX ? value : at_most(value, most);
}

static uint64_t read_counter(const _Atomic uint64_t *from, uint64_t most)
{
    return at_most(atomic_load_explicit(from, memory_order_acquire), most);
}

static enum board_worker_state read_state(const struct board_slot *slot)
{
    switch (atomic_load_explicit(&slot->state, memory_order_acquire)) {
    case BOARD_WORKER_IDLE:
        return BOARD_WORKER_IDLE;
    case BOARD_WORKER_BUSY:
        return BOARD_WORKER_BUSY;
    case BOARD_WORKER_LEAVING:
        return BOARD_WORKER_LEAVING;
    case BOARD_WORKER_SHEDDING:
        return BOARD_WORKER_SHEDDING;
    default: /* an occupied slot whose worker has not spoken, or lies */
        return BOARD_WORKER_STARTING;
    }
}

static enum board_shim read_shim(const struct board_slot *slot)
{
    switch (atomic_load_explicit(&slot->shim, memory_order_seq_cst)) {
    case BOARD_SHIM_ALIVE:
        return BOARD_SHIM_ALIVE;
    case BOARD_SHIM_ACCEPTING:
        return BOARD_SHIM_ACCEPTING;
    case BOARD_SHIM_FORKED:
        return BOARD_SHIM_FORKED;
    default:
        return BOARD_SHIM_NONE;
    }
}

static uint32_t read_active(const struct board_slot *slot)
{
    return (uint32_t)at_most(atomic_load_explicit(&slot->active, memory_order_seq_cst), ACTIVE_MAX);
}

uint64_t board_snapshot_accepted(const struct board *b)
{
    uint64_t sum = read_counter(&mapping_header(b)->drained_accepted, BOARD_TOTAL_MAX);

    for (uint32_t i = 0; i < b->slots; i = mapping_next(b, i)) {
        const struct board_slot *slot = mapping_slot(b, i);

        if (atomic_load_explicit(&slot->generation, memory_order_acquire) != 0)
            sum += read_counter(&slot->accepted, BOARD_COUNT_MAX);
    }
    return sum;
}

struct board_glance board_snapshot_slot(const struct board *b, uint32_t i)
{
    struct board_glance glance = {0};

    if (i < b->slots &&
        atomic_load_explicit(&mapping_slot(b, i)->generation, memory_order_acquire) != 0) {
        const struct board_slot *slot = mapping_slot(b, i);

        glance.state = read_state(slot);
        glance.shim = read_shim(slot);
        glance.active = read_active(slot);
        glance.accepted = read_counter(&slot->accepted, BOARD_COUNT_MAX);
        glance.requests = read_counter(&slot->requests, BOARD_COUNT_MAX);
    }
    return glance;
}

static void read_slot(const struct board_slot *slot, struct board_slot_view *view)
{
    int32_t pid = atomic_load_explicit(&slot->pid, memory_order_acquire);

    view->pid = pid > 0 ? pid : 0;
    view->start_time = read_counter(&slot->start_time, TIME_MAX);
    view->state = read_state(slot);
    view->opaque = atomic_load_explicit(&slot->opaque, memory_order_acquire) != 0;
    view->shim = read_shim(slot);
    view->active = read_active(slot);
    view->accepted = read_counter(&slot->accepted, BOARD_COUNT_MAX);
    view->requests = read_counter(&slot->requests, BOARD_COUNT_MAX);
    view->failed = read_counter(&slot->failed, BOARD_COUNT_MAX);
    view->timed_out = read_counter(&slot->timed_out, BOARD_COUNT_MAX);
    view->aborted = read_counter(&slot->aborted, BOARD_COUNT_MAX);
    view->slow = read_counter(&slot->slow, BOARD_COUNT_MAX);
    view->resident = read_counter(&slot->resident, BOARD_AMOUNT_MAX);
    view->proportional = read_counter(&slot->proportional, BOARD_AMOUNT_MAX);
    view->bytes_in = read_counter(&slot->bytes_in, BOARD_AMOUNT_MAX);
    view->bytes_out = read_counter(&slot->bytes_out, BOARD_AMOUNT_MAX);
    view->cpu = read_counter(&slot->cpu, BOARD_AMOUNT_MAX);
    view->peak_memory = read_counter(&slot->peak_memory, BOARD_AMOUNT_MAX);
    view->protocol_errors = read_counter(&slot->protocol_errors, BOARD_COUNT_MAX);
    view->params_dropped = read_counter(&slot->params_dropped, BOARD_COUNT_MAX);
    for (size_t t = 0; t < BOARD_TIMES; t++) {
        view->times[t] = read_counter(&slot->times[t], BOARD_AMOUNT_MAX);
        for (size_t i = 0; i < BOARD_BUCKETS; i++) {
            view->buckets[t][i] = atomic_load_explicit(&slot->buckets[t][i], memory_order_acquire);
        }
    }
}

static void read_request(const struct board_slot *slot, struct board_slot_view *view)
{
    struct board_request *request = &view->request;

    view->request_valid = board_sequence_load(&slot->request, request, sizeof(*request));
    if (view->request_valid &&
        atomic_load_explicit(&slot->generation, memory_order_acquire) != view->generation) {
        /* What we hold may be the next occupant's. */
        memset(request, 0, sizeof(*request));
        view->request_valid = false;
    }
    request->running = request->running != 0;
    request->started = at_most(request->started, BOARD_TOTAL_MAX);
    request->finished = at_most(request->finished, BOARD_TOTAL_MAX);
    request->duration = at_most(request->duration, BOARD_AMOUNT_MAX);
    request->content_length = at_most(request->content_length, BOARD_TOTAL_MAX);
    request->cpu = at_most(request->cpu, BOARD_AMOUNT_MAX);
    request->peak_memory = at_most(request->peak_memory, BOARD_AMOUNT_MAX);
    request->bytes_in = at_most(request->bytes_in, BOARD_AMOUNT_MAX);
    request->bytes_out = at_most(request->bytes_out, BOARD_AMOUNT_MAX);
    request->queue = at_most_or_none(request->queue, BOARD_AMOUNT_MAX);
    request->first = at_most_or_none(request->first, BOARD_AMOUNT_MAX);
    request->status = (uint32_t)at_most(request->status, 999);
    request->program = request->program > 0 ? request->program : 0;
    request->method[sizeof(request->method) - 1] = '\0';
    request->uri[sizeof(request->uri) - 1] = '\0';
    request->script[sizeof(request->script) - 1] = '\0';
    request->user[sizeof(request->user) - 1] = '\0';
}

static uint32_t slot_generation(const struct board *b, uint32_t i)
{
    return atomic_load_explicit(&mapping_slot(b, i)->generation, memory_order_acquire);
}

static void read_limits(struct board_limits *limits)
{
    limits->max_memory = at_most(limits->max_memory, BOARD_TOTAL_MAX);
    limits->process_idle_timeout = at_most(limits->process_idle_timeout, BOARD_TOTAL_MAX);
    limits->queue_timeout = at_most(limits->queue_timeout, BOARD_TOTAL_MAX);
    limits->request_terminate_timeout = at_most(limits->request_terminate_timeout, BOARD_TOTAL_MAX);
    limits->request_slowlog_timeout = at_most(limits->request_slowlog_timeout, BOARD_TOTAL_MAX);
}

static void read_card(const struct board *b, struct board_snapshot *s)
{
    struct board_card *card = &s->card;

    /* Between two looks at the same one the writer may have come from one to the other. */
    for (unsigned i = 0; i < CARD_TRIES && !s->card_valid; i++) {
        s->card_valid = board_sequence_load(&mapping_header(b)->card[i % 2], card, sizeof(*card));
    }
    if (card->state > BOARD_POOL_STOPPED) {
        card->state = BOARD_POOL_STARTING;
    }
    card->name[sizeof(card->name) - 1] = '\0';
    card->kind[sizeof(card->kind) - 1] = '\0';
    card->pm[sizeof(card->pm) - 1] = '\0';
    card->listen[sizeof(card->listen) - 1] = '\0';
    card->reason[sizeof(card->reason) - 1] = '\0';
    card->user[sizeof(card->user) - 1] = '\0';
    for (uint32_t i = 0; i < b->slots; i = mapping_next(b, i)) {
        uint32_t seen = slot_generation(b, i) == 0 ? 0 : board_slot_max_active(b, i);

        card->max_active = card->max_active > seen ? card->max_active : seen;
    }
    card->start_time = at_most(card->start_time, TIME_MAX);
    card->throttled_until = at_most(card->throttled_until, TIME_MAX);
    card->spawned = at_most(card->spawned, BOARD_TOTAL_MAX);
    card->exits_ok = at_most(card->exits_ok, BOARD_TOTAL_MAX);
    card->exits_error = at_most(card->exits_error, BOARD_TOTAL_MAX);
    card->exits_signal = at_most(card->exits_signal, BOARD_TOTAL_MAX);
    card->spawn_failures = at_most(card->spawn_failures, BOARD_TOTAL_MAX);
    card->recycled_requests = at_most(card->recycled_requests, BOARD_TOTAL_MAX);
    card->recycled_memory = at_most(card->recycled_memory, BOARD_TOTAL_MAX);
    card->terminated = at_most(card->terminated, BOARD_TOTAL_MAX);
    card->recycled_emergency = at_most(card->recycled_emergency, BOARD_TOTAL_MAX);
    card->recycled_reload = at_most(card->recycled_reload, BOARD_TOTAL_MAX);
    card->recycled_restart = at_most(card->recycled_restart, BOARD_TOTAL_MAX);
    card->recycled_idle = at_most(card->recycled_idle, BOARD_TOTAL_MAX);
    card->shed = at_most(card->shed, BOARD_TOTAL_MAX);
    card->shedding = card->shedding != 0;
    card->leaving = (uint32_t)at_most(card->leaving, LEAVING_MAX);
    card->memory_resident = at_most(card->memory_resident, BOARD_TOTAL_MAX);
    card->memory_proportional = at_most(card->memory_proportional, BOARD_TOTAL_MAX);
    card->process_cpu = at_most(card->process_cpu, BOARD_TOTAL_MAX);
    card->measured = at_most(card->measured, TIME_MAX);
    read_limits(&card->limits);
}

/* The sums start with what workers that are gone have done. */
static void sums_start(const struct board_header *header, struct board_snapshot *s)
{
    s->accepted = read_counter(&header->drained_accepted, BOARD_TOTAL_MAX);
    s->requests = read_counter(&header->drained_requests, BOARD_TOTAL_MAX);
    s->failed = read_counter(&header->drained_failed, BOARD_TOTAL_MAX);
    s->timed_out = read_counter(&header->drained_timed_out, BOARD_TOTAL_MAX);
    s->aborted = read_counter(&header->drained_aborted, BOARD_TOTAL_MAX);
    s->slow = read_counter(&header->drained_slow, BOARD_TOTAL_MAX);
    s->bytes_in = read_counter(&header->drained_bytes_in, BOARD_TOTAL_MAX);
    s->bytes_out = read_counter(&header->drained_bytes_out, BOARD_TOTAL_MAX);
    s->cpu = read_counter(&header->drained_cpu, BOARD_TOTAL_MAX);
    for (size_t t = 0; t < BOARD_TIMES; t++) {
        s->times[t] = read_counter(&header->drained_times[t], BOARD_TOTAL_MAX);
        for (size_t i = 0; i < BOARD_BUCKETS; i++) {
            s->buckets[t][i] = read_counter(&header->drained_buckets[t][i], BOARD_TOTAL_MAX);
        }
    }
    s->slots = 0;
    s->idle = 0;
    s->busy = 0;
    s->opaque = 0;
    s->active_requests = 0;
}

/* BOARD_SLOTS_MAX slots of BOARD_AMOUNT_MAX each fit beside BOARD_TOTAL_MAX: nothing wraps. */
_Static_assert(BOARD_SLOTS_MAX <= (UINT64_C(1) << 62) / BOARD_AMOUNT_MAX, "sums fit");

static void sums_add(struct board_snapshot *s, const struct board_slot_view *view)
{
    s->accepted += view->accepted;
    s->requests += view->requests;
    s->failed += view->failed;
    s->timed_out += view->timed_out;
    s->aborted += view->aborted;
    s->slow += view->slow;
    s->bytes_in += view->bytes_in;
    s->bytes_out += view->bytes_out;
    s->cpu += view->cpu;
    for (size_t t = 0; t < BOARD_TIMES; t++) {
        s->times[t] += view->times[t];
        for (size_t i = 0; i < BOARD_BUCKETS; i++) {
            s->buckets[t][i] += view->buckets[t][i];
        }
    }
    s->idle += !view->opaque && view->state == BOARD_WORKER_IDLE;
    s->busy += !view->opaque && view->state == BOARD_WORKER_BUSY;
    s->opaque += view->opaque;
    s->active_requests += view->active;
}

/* One pass over all slots; fills at most `capacity` views. */
static void read_slots(const struct board *b, struct board_snapshot *s, uint32_t capacity)
{
    sums_start(mapping_header(b), s);
    for (uint32_t i = 0; i < b->slots; i = mapping_next(b, i)) {
        struct board_slot_view view = {.index = i, .generation = slot_generation(b, i)};

        if (view.generation == 0) {
            continue;
        }
        read_slot(mapping_slot(b, i), &view);
        sums_add(s, &view);
        if (s->slots < capacity) {
            s->views[s->slots++] = view;
        }
    }
}

int board_snapshot(const struct board *b, struct board_snapshot *ret)
{
    const struct board_header *header = mapping_header(b);
    uint32_t occupied = 0;

    memset(ret, 0, sizeof(*ret));
    for (uint32_t i = 0; i < b->slots; i = mapping_next(b, i)) {
        occupied += slot_generation(b, i) != 0;
    }
    if (occupied > 0) {
        ret->views = calloc(occupied, sizeof(*ret->views));
        if (ret->views == NULL) {
            return -ENOMEM;
        }
    }
    for (int attempt = 0; attempt < FOLD_TRIES; attempt++) {
        uint32_t before = atomic_load_explicit(&header->fold_seq, memory_order_acquire);

        read_slots(b, ret, occupied);
        if ((before & 1u) == 0 &&
            atomic_load_explicit(&header->fold_seq, memory_order_acquire) == before) {
            break;
        }
    }
    for (uint32_t i = 0; i < ret->slots; i++) {
        read_request(mapping_slot(b, ret->views[i].index), &ret->views[i]);
    }
    read_card(b, ret);
    return 0;
}

void board_snapshot_totals(const struct board *b, struct board_totals *ret)
{
    struct board_snapshot s = {0};

    read_slots(b, &s, 0);
    *ret = (struct board_totals){.accepted = s.accepted,
                                 .requests = s.requests,
                                 .failed = s.failed,
                                 .timed_out = s.timed_out,
                                 .aborted = s.aborted,
                                 .slow = s.slow,
                                 .bytes_in = s.bytes_in,
                                 .bytes_out = s.bytes_out,
                                 .cpu = s.cpu};
    memcpy(ret->times, s.times, sizeof(ret->times));
    memcpy(ret->buckets, s.buckets, sizeof(ret->buckets));
}

void board_snapshot_clear(struct board_snapshot *s)
{
    if (s != NULL) {
        free(s->views);
        memset(s, 0, sizeof(*s));
    }
}
