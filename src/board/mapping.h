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

struct board_totals {
    uint64_t accepted, requests, failed, timed_out, aborted, slow, bytes_out, cpu;
    uint64_t buckets[BOARD_BUCKETS];
};

struct board {
    void *memory;
    size_t size;
    uint32_t slots;
    int fd; /* -1 unless this is the master's */
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

/* A new memfd of this many slots (1 … BOARD_SLOTS_MAX), sealed and mapped, all zero.  0, negative. */
int mapping_make(struct board **ret, const char *pool, uint32_t slots, struct error *err);
/* Map a descriptor that came from elsewhere (it stays the caller's).  0, or negative when size,
 * seals or header are not a board's. */
int mapping_adopt(struct board **ret, int fd, bool writable, struct error *err);
/* Write what says that this is a board, and of which size: at first, and again whenever somebody is
 * to attach, for the pool may have written over it and must not be shut out for ever by that. */
void mapping_brand(struct board *b);
/* Unmap, close, free. */
void mapping_drop(struct board *b);

#endif
