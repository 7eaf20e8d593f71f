/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board as its users know it.  What the master publishes about the pool, and what a worker
 * publishes about itself, goes straight to the memory; the memory itself is board/mapping.c's.
 */
#include "board/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board/mapping.h"
#include "board/sequence.h"

int board_create(struct board **ret, const char *pool, uint32_t slots, struct error *err)
{
    return board_create_roomy(ret, pool, slots, slots, err);
}

int board_set_used(struct board *b, uint32_t used, struct error *err)
{
    if (!b->writable || used > b->slots) {
        return error_set(err, EINVAL, "a scoreboard of %u slots has no %u", b->slots, used);
    }
    return mapping_allocate(b, used, err);
}

int board_create_roomy(struct board **ret, const char *pool, uint32_t used, uint32_t slots,
                       struct error *err)
{
    struct board *b = NULL;
    struct board_card card = {0};
    int r;

    if (slots < 1 || slots > BOARD_SLOTS_MAX || used < 1 || used > slots) {
        return error_set(err, EINVAL, "a scoreboard of %u slots: 1 to %u are allowed", slots,
                         BOARD_SLOTS_MAX);
    }
    r = mapping_make(&b, pool, used, slots, err);
    if (r < 0) {
        return r;
    }
    mapping_brand(b);
    (void)snprintf(card.name, sizeof(card.name), "%s", pool);
    board_set_card(b, &card);
    *ret = b;
    return 0;
}

int board_fd(const struct board *b)
{
    return b->fd;
}

int board_reopen_readonly(const struct board *b, struct error *err)
{
    char path[32];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
    /* O_NONBLOCK: somebody may hold a lease on it, which an open() would wait for. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return error_errno(err, errno,
                           "cannot open the scoreboard read-only through %s (is /proc mounted?)",
                           path);
    }
    return fd;
}

int board_attach(struct board **ret, int fd, uint32_t slot, struct error *err)
{
    struct board *b = NULL;
    int r = mapping_adopt(&b, fd, true, err);

    if (r < 0) {
        return r;
    }
    if (slot >= b->slots) {
        r = error_set(err, EINVAL, "slot %u: the scoreboard has %u", slot, b->slots);
        (void)board_free(b);
        return r;
    }
    b->own = slot;
    *ret = b;
    return 0;
}

int board_attach_readonly(struct board **ret, int fd, struct error *err)
{
    return mapping_adopt(ret, fd, false, err);
}

struct board *board_free(struct board *b)
{
    if (b != NULL) {
        mapping_drop(b);
    }
    return NULL;
}

uint32_t board_slots(const struct board *b)
{
    return b->slots;
}

void board_set_card(struct board *b, const struct board_card *card)
{
    if (b->writable) {
        mapping_brand(b);
        board_sequence_store(&mapping_header(b)->card[0], card, sizeof(*card));
        board_sequence_store(&mapping_header(b)->card[1], card, sizeof(*card));
    }
}

void board_set_spare_wanted(struct board *b, uint32_t wanted)
{
    if (b->writable) {
        atomic_store_explicit(&mapping_header(b)->spare_wanted, wanted, memory_order_release);
    }
}

struct board_slot *board_own_slot(struct board *b)
{
    return mapping_own(b);
}

/* A worker that becomes busy counts who else is.  Of two that become so at once, at least one sees
 * both: each has told its own state before it looks. */
static void note_busy(struct board *b, struct board_slot *own)
{
    uint32_t busy = 0;

    for (uint32_t i = 0; i < b->slots; i = mapping_next(b, i)) {
        const struct board_slot *slot = mapping_slot(b, i);

        busy += atomic_load_explicit(&slot->state, memory_order_seq_cst) == BOARD_WORKER_BUSY;
    }
    if (busy > atomic_load_explicit(&own->max_active, memory_order_relaxed)) {
        atomic_store_explicit(&own->max_active, busy, memory_order_release);
    }
}

void board_worker_state(struct board *b, enum board_worker_state worker_state, uint32_t active)
{
    struct board_slot *slot = mapping_own(b);
    uint32_t before;

    if (slot == NULL) {
        return;
    }
    before = atomic_load_explicit(&slot->state, memory_order_relaxed);
    atomic_store_explicit(&slot->active, active, memory_order_relaxed);
    atomic_store_explicit(&slot->state, (uint32_t)worker_state, memory_order_seq_cst);
    if (worker_state == BOARD_WORKER_BUSY && before != BOARD_WORKER_BUSY) {
        note_busy(b, slot);
    }
}

/* Idle workers, counted no further than `enough`. */
static uint32_t count_idle(const struct board *b, uint32_t enough)
{
    uint32_t idle = 0;

    for (uint32_t i = 0; i < b->slots && idle < enough; i = mapping_next(b, i)) {
        const struct board_slot *slot = mapping_slot(b, i);

        if (atomic_load_explicit(&slot->generation, memory_order_relaxed) != 0 &&
            atomic_load_explicit(&slot->state, memory_order_relaxed) == BOARD_WORKER_IDLE) {
            idle++;
        }
    }
    return idle;
}

uint32_t board_count_idle(const struct board *b)
{
    return count_idle(b, UINT32_MAX);
}

static void ring(int fd)
{
    int saved = errno;

    /* A full pipe has been rung enough; a broken one has nobody behind it. */
    if (write(fd, "!", 1) < 0) {
        errno = saved;
    }
}

void board_ring(struct board *b, int fd)
{
    uint32_t wanted = atomic_load_explicit(&mapping_header(b)->spare_wanted, memory_order_acquire);

    if (wanted > 0 && fd >= 0 && count_idle(b, wanted) < wanted) {
        ring(fd);
    }
}

void board_ring_due(struct board *b, int fd)
{
    const struct board_slot *slot = mapping_own(b);
    uint64_t at = slot == NULL ? 0 : atomic_load_explicit(&slot->ring_at, memory_order_acquire);

    if (at > 0 && fd >= 0 && atomic_load_explicit(&slot->requests, memory_order_relaxed) >= at) {
        ring(fd);
    }
}

bool board_hold_wanted(const struct board *b)
{
    const struct board_slot *slot = mapping_own(b);
    uint64_t at = slot == NULL ? 0 : atomic_load_explicit(&slot->hold_at, memory_order_acquire);

    return at > 0 && atomic_load_explicit(&slot->requests, memory_order_relaxed) >= at;
}

bool board_drain_wanted(const struct board *b)
{
    const struct board_slot *slot = mapping_own(b);

    return slot != NULL && atomic_load_explicit(&slot->drain, memory_order_acquire) != 0;
}

static const uint64_t bucket_bounds[BOARD_BUCKETS] = {
    500,    1000,   2500,    5000,    10000,   25000,    50000,    100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, UINT64_MAX,
};

uint64_t board_bucket_bound(unsigned i)
{
    return bucket_bounds[i < BOARD_BUCKETS ? i : BOARD_BUCKETS - 1];
}

void board_observe(struct board *b, enum board_time which, uint64_t usec)
{
    struct board_slot *slot = mapping_own(b);
    unsigned i = 0;

    if (slot == NULL || (unsigned)which >= BOARD_TIMES) {
        return;
    }
    while (usec > bucket_bounds[i]) { /* the last bound is the largest number there is */
        i++;
    }
    atomic_fetch_add_explicit(&slot->buckets[which][i], 1, memory_order_relaxed);
    if (usec <= BOARD_AMOUNT_MAX) {
        atomic_fetch_add_explicit(&slot->times[which], usec, memory_order_relaxed);
    }
}
