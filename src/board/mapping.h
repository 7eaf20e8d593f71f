/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BOARD_MAPPING_H
#define GANGER_BOARD_MAPPING_H

/*
 * What a mapping is, for the files of this room alone.
 *
 * Invariant: `size` and `slots` were computed from the size of the sealed memfd when it was mapped
 * and are never read from the memory again; every access goes through mapping_slot() with an index
 * below `slots`.
 */

#include <stdbool.h>
#include <stddef.h>
#include "board/board.h"

/* What the workers that are gone did.  The master keeps its own copy, because the one on the board
 * is writable by the pool.  Each stays at or below BOARD_TOTAL_MAX, so that its sum with all slots'
 * fits a signed 64-bit number. */
#define BOARD_TOTAL_MAX (UINT64_C(1) << 61)

struct board {
    void *memory;
    size_t size;
    uint32_t slots;
    uint32_t used; /* master; the others read it from the header */
    int fd;        /* -1 unless this is the master's */
    bool writable;
    uint32_t own;                 /* the worker's slot; equal to `slots` when there is none */
    struct board_totals gone;     /* master */
    struct board_request request; /* worker: what it published last */
};

static inline struct board_header *mapping_header(const struct board *b)
{
    return b->memory;
}

static inline struct board_slot *mapping_slot(const struct board *b, uint32_t i)
{
    return (struct board_slot *)(void *)((char *)b->memory + BOARD_SLOTS_OFFSET) + i;
}

/* NULL when this mapping owns no slot. */
static inline struct board_slot *mapping_own(const struct board *b)
{
    return b->own < b->slots ? mapping_slot(b, b->own) : NULL;
}

/* The slots in use are those before this one, and the last. */
static inline uint32_t mapping_used(const struct board *b)
{
    uint32_t used =
        b->fd >= 0 ? b->used : atomic_load_explicit(&mapping_header(b)->used, memory_order_acquire);

    return used > 0 && used < b->slots ? used : b->slots;
}

/* The next slot in use after slot `i`, or `slots`. */
static inline uint32_t mapping_next(const struct board *b, uint32_t i)
{
    return i + 1 < mapping_used(b) ? i + 1 : i + 1 < b->slots ? b->slots - 1 : b->slots;
}

/* A new memfd of this many slots (1 … BOARD_SLOTS_MAX), sealed and mapped, all zero, with memory for
 * the first `used` and the last.  0, negative. */
int mapping_make(struct board **ret, const char *pool, uint32_t used, uint32_t slots,
                 struct error *err);
/* Memory for more.  0, negative. */
int mapping_allocate(struct board *b, uint32_t used, struct error *err);
/* Map a descriptor that came from elsewhere (it stays the caller's).  0, or negative when size,
 * seals or header are not a board's. */
int mapping_adopt(struct board **ret, int fd, bool writable, struct error *err);
/* Map for the master a descriptor that it made in an earlier image: seals and size are checked, the
 * header, which the pool can write, is not looked at.  It becomes the board's. */
int mapping_inherit(struct board **ret, int fd, uint32_t slots, struct error *err);
/* Write what says that this is a board, and of which size: at first, and again whenever somebody is
 * to attach, for the pool may have written over it and must not be shut out for ever by that. */
void mapping_brand(struct board *b);
/* Unmap, close, free. */
void mapping_drop(struct board *b);

#endif
