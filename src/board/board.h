/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BOARD_BOARD_H
#define GANGER_BOARD_BOARD_H

/*
 * Making, mapping and reading a scoreboard.  Three kinds of user: the master creates one and keeps
 * the memfd; a worker attaches to one slot of it for writing; the status responder attaches to the
 * whole of it for reading.  See board/layout.h for who writes what.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "board/layout.h"

struct board; /* a mapping */

/* ---- master ---- */
/* A new sealed memfd for `slots` workers (1..BOARD_SLOTS_MAX), mapped read-write. */
int board_create(struct board **ret, const char *pool, uint32_t slots, struct error *err);
/* The same, with room to grow: only the first `used` slots (1 … slots) and the last one are in use,
 * and nobody looks at the others, which have no memory yet. */
int board_create_roomy(struct board **ret, const char *pool, uint32_t used, uint32_t slots,
                       struct error *err);
/* Use more of them; fewer than before is ignored.  0; negative: no memory, and all is as it was. */
int board_set_used(struct board *b, uint32_t used, struct error *err);
/* The memfd, close-on-exec, owned by the board. */
int board_fd(const struct board *b);
/* A new read-only descriptor of the same memory, for the status responder; the caller closes it.
 * Needs /proc.  The memfd's mode is 0600, so its holder cannot open it for writing in turn unless
 * it runs as the master's own user. */
int board_reopen_readonly(const struct board *b, struct error *err);
/* Publish the master's facts (seq is handled here; card->seq is ignored). */
void board_set_card(struct board *b, const struct board_card *card);
void board_set_spare_wanted(struct board *b, uint32_t wanted);
/* Fold the counters of slot `i` (clamped: never backwards, never more than BOARD_COUNT_MAX, or
 * BOARD_AMOUNT_MAX for bytes and microseconds, at a time) into the header, empty the slot, and give
 * it to its next occupant, which is STARTING.  Call before each spawn.  A `generation` of 0 counts
 * as 1.  An `i` that does not exist is ignored by all board_slot_* functions. */
#define BOARD_COUNT_MAX (UINT64_C(1) << 40)
#define BOARD_AMOUNT_MAX (UINT64_C(1) << 47)
void board_slot_assign(struct board *b, uint32_t i, uint32_t generation, int32_t pid);
void board_slot_set_pid(struct board *b, uint32_t i, int32_t pid);
void board_slot_set_drain(struct board *b, uint32_t i);
/* The occupant is to ring the doorbell after every request once it has answered `requests` of them:
 * it is to be replaced.  0: never. */
void board_slot_set_ring_at(struct board *b, uint32_t i, uint64_t requests);
/* The occupant is to accept nothing once it has answered `requests`, but to wait for the word to
 * leave.  0: it accepts. */
void board_slot_set_hold_at(struct board *b, uint32_t i, uint64_t requests);
/* What its processes use, bytes; 0: not known. */
void board_slot_set_memory(struct board *b, uint32_t i, uint64_t resident, uint64_t proportional);
/* The occupant is a native program that nothing is known of from inside. */
void board_slot_set_opaque(struct board *b, uint32_t i);
/* What the occupant says of itself, without a copy of the whole board.  Gossip, clamped as in a
 * snapshot; all zero for a slot that is empty or does not exist. */
struct board_glance {
    enum board_worker_state state;
    enum board_shim shim;
    uint32_t active;
    uint64_t accepted, requests;
};
struct board_glance board_snapshot_slot(const struct board *b, uint32_t i);
/* How many requests its occupant says to have answered (clamped; gossip); 0 for an empty slot. */
uint64_t board_slot_requests(const struct board *b, uint32_t i);
/*
 * What all workers of a board have done, the gone included (clamped; gossip).  A board that takes the
 * place of another one is given what that one counted: all of it at first, then what came since.
 */
struct board_totals {
    uint64_t accepted, requests, failed, timed_out, aborted, slow, bytes_in, bytes_out, cpu;
    uint64_t times[BOARD_TIMES]; /* sums, microseconds */
    uint64_t buckets[BOARD_TIMES][BOARD_BUCKETS];
};
void board_snapshot_totals(const struct board *b, struct board_totals *ret);
/* Add to `b` what `now` has more than `before`. */
void board_slot_add_totals(struct board *b, const struct board_totals *now,
                           const struct board_totals *before);
#define BOARD_GONE (9 + BOARD_TIMES * (1 + BOARD_BUCKETS)) /* numbers in it, all of 64 bits */
_Static_assert(sizeof(struct board_totals) == BOARD_GONE * sizeof(uint64_t), "numbers alone");
/*
 * For an upgrade.  What the board's memory does not say: the totals of workers that are gone.
 * board_inherit() maps a board that an earlier image of this process made, with those totals;
 * nothing is read from its memory, which the pool may have written over.  `fd` is taken over on
 * success.  0, or negative when it is no sealed memfd for so many slots.
 */
void board_save(const struct board *b, struct board_totals *ret_gone);
int board_inherit(struct board **ret, int fd, uint32_t used, uint32_t slots,
                  const struct board_totals *gone, struct error *err);
/* Connections accepted by all workers, the gone included; for the master, which alone folds. */
uint64_t board_snapshot_accepted(const struct board *b);
/* The most workers that its occupant says to have seen busy at once (clamped; gossip). */
uint32_t board_slot_max_active(const struct board *b, uint32_t i);
/* The occupant is gone: fold, and leave the slot empty. */
void board_slot_release(struct board *b, uint32_t i);

/* ---- everybody ---- */
/* Unmap and close.  Returns NULL; NULL is allowed. */
struct board *board_free(struct board *b);
uint32_t board_slots(const struct board *b);

/* ---- worker ---- */
/* Map a memfd received from the master (descriptor stays the caller's).  Size, seals and magic are
 * checked; `slot` must exist.  The worker may write its slot only. */
int board_attach(struct board **ret, int fd, uint32_t slot, struct error *err);
struct board_slot *board_own_slot(struct board *b);
/* Store with the sequence counter; copies at most the field's size.  A NULL string is "".  Times are
 * monotonic microseconds, cpu is microseconds, peak_memory bytes. */
void board_request_begin(struct board *b, uint64_t now, const char *method, const char *uri,
                         const char *script, const char *user, uint64_t content_length,
                         int32_t program);
struct board_result {
    uint32_t status; /* of the response */
    uint64_t cpu, peak_memory, bytes_in, bytes_out;
    uint64_t queue; /* microseconds it waited to be accepted; UINT64_MAX: not known */
    uint64_t first; /* microseconds to its first byte; UINT64_MAX: there was none */
};
void board_request_end(struct board *b, uint64_t now, const struct board_result *result);
/* idle/busy bookkeeping: sets state and active. */
void board_worker_state(struct board *b, enum board_worker_state state, uint32_t active);
/* Idle workers among all slots, as they say. */
uint32_t board_count_idle(const struct board *b);
/* Ring the doorbell `fd` when fewer workers are idle than the header asks for.  Never blocks as long
 * as `fd` is non-blocking; SIGPIPE must be ignored (the master may be gone). */
void board_ring(struct board *b, int fd);
/* Ring it when this worker has answered as many requests as board_slot_set_ring_at() said. */
void board_ring_due(struct board *b, int fd);
bool board_drain_wanted(const struct board *b);
/* This worker has answered as many requests as board_slot_set_hold_at() said. */
bool board_hold_wanted(const struct board *b);
/* Count one request of `usec` in a histogram, and add it to the sum; bounds in board_bucket_bound().
 * Of a clock that went back (more than BOARD_AMOUNT_MAX) the sum gets nothing. */
void board_observe(struct board *b, enum board_time which, uint64_t usec);
/* Upper bound of bucket i in microseconds; UINT64_MAX for the last. */
uint64_t board_bucket_bound(unsigned i);

/* ---- reader ---- */
/* Map a read-only descriptor (stays the caller's). */
int board_attach_readonly(struct board **ret, int fd, struct error *err);

struct board_slot_view { /* one slot, copied and clamped: all strings terminated */
    uint32_t index;
    uint32_t generation;
    int32_t pid;
    uint64_t start_time;
    enum board_worker_state state;
    bool opaque;
    enum board_shim shim;
    uint32_t active;
    uint64_t resident, proportional; /* bytes; 0: not known */
    uint64_t accepted, requests, failed, timed_out, aborted, slow, bytes_in, bytes_out, cpu,
        peak_memory, protocol_errors, params_dropped;
    uint64_t times[BOARD_TIMES]; /* sums, microseconds */
    uint64_t buckets[BOARD_TIMES][BOARD_BUCKETS];
    bool request_valid; /* false: the writer was in the middle of it, again and again */
    struct board_request request;
};
struct board_snapshot {
    struct board_card
        card; /* strings terminated, state one of the enum, times and counts clamped */
    bool card_valid;
    uint32_t slots;                /* views filled: only slots with an occupant */
    struct board_slot_view *views; /* owned by the snapshot */
    /* sums over the living and the gone */
    uint64_t accepted, requests, failed, timed_out, aborted, slow, bytes_in, bytes_out, cpu;
    uint64_t times[BOARD_TIMES];
    uint64_t buckets[BOARD_TIMES][BOARD_BUCKETS];
    uint32_t idle, busy, opaque, active_requests;
};
/* Copy everything once, bounded retries, never blocks.  0, or -ENOMEM with *ret empty. */
int board_snapshot(const struct board *b, struct board_snapshot *ret);
void board_snapshot_clear(struct board_snapshot *s);

/* The doorbell: a non-blocking pipe.  fds[0] is the master's, fds[1] goes to the workers. */
int board_doorbell(int fds[2], struct error *err);
/* Empty it; returns how many rings there were.  Reads a bounded number of bytes however fast the
 * workers ring: use it level-triggered. */
unsigned board_doorbell_drain(int fd);

#endif
