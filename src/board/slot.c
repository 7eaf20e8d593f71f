/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's side of a slot: who has it, and what happens to its counters afterwards.
 *
 * What workers that are gone have done is added up in the master's own memory (`gone`), from
 * clamped values, and published from there, so the totals only grow, whatever anybody writes over
 * the board.  While counters move from the slot to the header the fold counter is odd: a reader
 * that hits the middle would see them twice, or not at all.
 */
#include "board/board.h"

#include <string.h>

#include "base/clock.h"
#include "board/mapping.h"
#include "board/sequence.h"

static uint64_t slot_take(_Atomic uint64_t *counter, uint64_t most)
{
    uint64_t value = atomic_exchange_explicit(counter, 0, memory_order_acq_rel);

    return value < most ? value : most;
}

static void slot_add(uint64_t *total, _Atomic uint64_t *shown, uint64_t value)
{
    *total = *total > BOARD_TOTAL_MAX - value ? BOARD_TOTAL_MAX : *total + value;
    atomic_store_explicit(shown, *total, memory_order_release);
}

/* Take the slot from its occupant and its counters with it. */
static void slot_fold(struct board *b, struct board_slot *slot)
{
    struct board_header *header = mapping_header(b);
    struct board_totals *gone = &b->gone;
    uint32_t odd = atomic_load_explicit(&header->fold_seq, memory_order_relaxed) | 1u;

    atomic_store_explicit(&header->fold_seq, odd, memory_order_relaxed);
    atomic_store_explicit(&slot->generation, 0, memory_order_release);
    slot_add(&gone->accepted, &header->drained_accepted,
             slot_take(&slot->accepted, BOARD_COUNT_MAX));
    slot_add(&gone->requests, &header->drained_requests,
             slot_take(&slot->requests, BOARD_COUNT_MAX));
    slot_add(&gone->failed, &header->drained_failed, slot_take(&slot->failed, BOARD_COUNT_MAX));
    slot_add(&gone->timed_out, &header->drained_timed_out,
             slot_take(&slot->timed_out, BOARD_COUNT_MAX));
    slot_add(&gone->aborted, &header->drained_aborted, slot_take(&slot->aborted, BOARD_COUNT_MAX));
    slot_add(&gone->slow, &header->drained_slow, slot_take(&slot->slow, BOARD_COUNT_MAX));
    slot_add(&gone->bytes_in, &header->drained_bytes_in,
             slot_take(&slot->bytes_in, BOARD_AMOUNT_MAX));
    slot_add(&gone->bytes_out, &header->drained_bytes_out,
             slot_take(&slot->bytes_out, BOARD_AMOUNT_MAX));
    slot_add(&gone->cpu, &header->drained_cpu, slot_take(&slot->cpu, BOARD_AMOUNT_MAX));
    for (size_t t = 0; t < BOARD_TIMES; t++) {
        slot_add(&gone->times[t], &header->drained_times[t],
                 slot_take(&slot->times[t], BOARD_AMOUNT_MAX));
        for (size_t i = 0; i < BOARD_BUCKETS; i++) {
            uint32_t value =
                atomic_exchange_explicit(&slot->buckets[t][i], 0, memory_order_acq_rel);

            slot_add(&gone->buckets[t][i], &header->drained_buckets[t][i], value);
        }
    }
    atomic_store_explicit(&header->fold_seq, odd + 1u, memory_order_release);
}

/* Fold, then empty everything that the next occupant must not inherit. */
static void slot_empty(struct board *b, struct board_slot *slot)
{
    static const struct board_request nothing;

    slot_fold(b, slot);
    atomic_store_explicit(&slot->state, BOARD_WORKER_NONE, memory_order_release);
    atomic_store_explicit(&slot->active, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->peak_memory, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->protocol_errors, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->params_dropped, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->shim, BOARD_SHIM_NONE, memory_order_relaxed);
    atomic_store_explicit(&slot->opaque, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->max_active, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->drain, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->start_time, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->ring_at, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->hold_at, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->resident, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->proportional, 0, memory_order_relaxed);
    board_sequence_store(&slot->request, &nothing, sizeof(nothing));
}

void board_slot_assign(struct board *b, uint32_t i, uint32_t generation, int32_t pid)
{
    struct board_slot *slot;

    if (i >= b->slots || !b->writable) {
        return;
    }
    slot = mapping_slot(b, i);
    mapping_brand(b);
    slot_empty(b, slot);
    atomic_store_explicit(&slot->pid, pid, memory_order_relaxed);
    atomic_store_explicit(&slot->start_time, clock_wall(), memory_order_relaxed);
    atomic_store_explicit(&slot->state, BOARD_WORKER_STARTING, memory_order_relaxed);
    atomic_store_explicit(&slot->generation, generation == 0 ? 1 : generation,
                          memory_order_release);
}

void board_slot_set_pid(struct board *b, uint32_t i, int32_t pid)
{
    if (i < b->slots && b->writable) {
        atomic_store_explicit(&mapping_slot(b, i)->pid, pid, memory_order_release);
    }
}

void board_slot_set_drain(struct board *b, uint32_t i)
{
    if (i < b->slots && b->writable) {
        /* In one order with what the worker says (shim/drain.c): who then looks whether it has
         * something in hand, and sees that it has not, knows that it will see this first. */
        atomic_store_explicit(&mapping_slot(b, i)->drain, 1, memory_order_seq_cst);
    }
}

void board_slot_set_ring_at(struct board *b, uint32_t i, uint64_t requests)
{
    if (i < b->slots && b->writable) {
        atomic_store_explicit(&mapping_slot(b, i)->ring_at, requests, memory_order_release);
    }
}

void board_slot_set_hold_at(struct board *b, uint32_t i, uint64_t requests)
{
    if (i < b->slots && b->writable) {
        atomic_store_explicit(&mapping_slot(b, i)->hold_at, requests, memory_order_release);
    }
}

void board_slot_set_opaque(struct board *b, uint32_t i)
{
    if (i < b->slots && b->writable) {
        atomic_store_explicit(&mapping_slot(b, i)->opaque, 1, memory_order_release);
    }
}

void board_slot_set_memory(struct board *b, uint32_t i, uint64_t resident, uint64_t proportional)
{
    if (i < b->slots && b->writable) {
        atomic_store_explicit(&mapping_slot(b, i)->resident, resident, memory_order_relaxed);
        atomic_store_explicit(&mapping_slot(b, i)->proportional, proportional,
                              memory_order_relaxed);
    }
}

uint64_t board_slot_requests(const struct board *b, uint32_t i)
{
    uint64_t value;

    if (i >= b->slots) {
        return 0;
    }
    value = atomic_load_explicit(&mapping_slot(b, i)->requests, memory_order_acquire);
    return value < BOARD_COUNT_MAX ? value : BOARD_COUNT_MAX;
}

uint32_t board_slot_max_active(const struct board *b, uint32_t i)
{
    uint32_t value = 0;

    if (i < b->slots) {
        value = atomic_load_explicit(&mapping_slot(b, i)->max_active, memory_order_acquire);
    }
    return value < b->slots ? value : b->slots;
}

void board_slot_release(struct board *b, uint32_t i)
{
    if (i < b->slots && b->writable) {
        slot_empty(b, mapping_slot(b, i));
    }
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    uint64_t more = now > before ? now - before : 0;

    return more < BOARD_TOTAL_MAX ? more : BOARD_TOTAL_MAX;
}

void board_slot_add_totals(struct board *b, const struct board_totals *now,
                           const struct board_totals *before)
{
    struct board_totals *gone = &b->gone;

    if (!b->writable) {
        return;
    }
    struct board_header *header = mapping_header(b);
    const struct {
        uint64_t *total;
        _Atomic uint64_t *shown;
        uint64_t more;
    } rows[] = {
        {&gone->accepted, &header->drained_accepted, grown(now->accepted, before->accepted)},
        {&gone->requests, &header->drained_requests, grown(now->requests, before->requests)},
        {&gone->failed, &header->drained_failed, grown(now->failed, before->failed)},
        {&gone->timed_out, &header->drained_timed_out, grown(now->timed_out, before->timed_out)},
        {&gone->aborted, &header->drained_aborted, grown(now->aborted, before->aborted)},
        {&gone->slow, &header->drained_slow, grown(now->slow, before->slow)},
        {&gone->bytes_in, &header->drained_bytes_in, grown(now->bytes_in, before->bytes_in)},
        {&gone->bytes_out, &header->drained_bytes_out, grown(now->bytes_out, before->bytes_out)},
        {&gone->cpu, &header->drained_cpu, grown(now->cpu, before->cpu)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        slot_add(rows[i].total, rows[i].shown, rows[i].more);
    }
    for (size_t t = 0; t < BOARD_TIMES; t++) {
        slot_add(&gone->times[t], &header->drained_times[t],
                 grown(now->times[t], before->times[t]));
        for (size_t i = 0; i < BOARD_BUCKETS; i++) {
            slot_add(&gone->buckets[t][i], &header->drained_buckets[t][i],
                     grown(now->buckets[t][i], before->buckets[t][i]));
        }
    }
}
