/* SPDX-License-Identifier: Apache-2.0 */
/* What of a gang, a worker and an output is written down, and within which bounds it is believed. */
#include "pool/frozen_fields.h"

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include "base/log.h"
#include "pool/gang.h"

#define ROW(struct_, type_, member_, most_)                                                        \
    {                                                                                              \
        .name = #member_, .type = STATE_##type_, .offset = offsetof(struct struct_, member_),      \
        .most = (most_)                                                                            \
    }
#define NUMBER(struct_, member_, least_, most_)                                                    \
    {                                                                                              \
        .name = #member_, .type = STATE_I32, .offset = offsetof(struct struct_, member_),          \
        .least = (least_), .most = (most_)                                                         \
    }
#define TABLE(rows)                                                                                \
    {                                                                                              \
        rows, sizeof(rows) / sizeof((rows)[0])                                                     \
    }

#define G(type, member, most) ROW(frozen_gang, type, member, most)
#define W(type, member, most) ROW(frozen_worker, type, member, most)
#define L(type, member, most) ROW(frozen_leftover, type, member, most)

static const struct state_field gang_fields[] = {
    G(TEXT, name, BOARD_NAME),
    G(U32, conf, UINT16_MAX),
    G(U32, role, 15),
    G(FLAG, stopped, 1),
    G(FLAG, hurried, 1),
    G(U32, place_scaled, BOARD_SLOTS_MAX),
    G(U32, size, BOARD_SLOTS_MAX),
    G(U64, begun, UINT64_MAX),
    G(U64, retry_until, UINT64_MAX),
    G(TEXT, toward, BOARD_NAME),
    G(U32, slots, BOARD_SLOTS_MAX),
    G(U32, posts, BOARD_SLOTS_MAX),
    G(U32, surplus, BOARD_SLOTS_MAX),
    G(U32, max_children, BOARD_SLOTS_MAX),
    G(U32, scaled, BOARD_SLOTS_MAX),
    G(U32, wanted, BOARD_SLOTS_MAX),
    G(U32, last_serial, UINT32_MAX),
    G(U32, generation, UINT32_MAX),
    G(U32, floor, UINT32_MAX),
    G(U32, cap, UINT32_MAX),
    G(U32, room, UINT32_MAX),
    G(FLAG, opened, 1),
    G(FLAG, failed, 1),
    G(FLAG, stopping, 1),
    G(FLAG, retiring, 1),
    G(FLAG, emptying, 1),
    G(FLAG, ports_closed, 1),
    G(FLAG, proven, 1),
    G(FLAG, settled, 1),
    G(U64, empty_look, UINT64_MAX),
    G(U64, stop_by, UINT64_MAX),
    G(U64, failed_at, UINT64_MAX),
    G(U64, next_look, UINT64_MAX),
    G(U64, next_reached, UINT64_MAX),
    NUMBER(frozen_gang, board, 3, INT_MAX),
    NUMBER(frozen_gang, bell_read, -1, INT_MAX),
    NUMBER(frozen_gang, bell_write, -1, INT_MAX),
    G(U64, card.start_time, INT64_MAX),
    G(U32, card.max_listen_queue, UINT32_MAX),
    G(U32, card.max_active, UINT32_MAX),
    G(U32, card.max_children_reached, UINT32_MAX),
    G(U64, card.spawned, INT64_MAX),
    G(U64, card.exits_ok, INT64_MAX),
    G(U64, card.exits_error, INT64_MAX),
    G(U64, card.exits_signal, INT64_MAX),
    G(U64, card.spawn_failures, INT64_MAX),
    G(U64, card.recycled_requests, INT64_MAX),
    G(U64, card.recycled_memory, INT64_MAX),
    G(U64, card.terminated, INT64_MAX),
    G(U64, card.recycled_emergency, INT64_MAX),
    G(U64, card.recycled_reload, INT64_MAX),
    G(U64, card.recycled_restart, INT64_MAX),
    G(U64, card.recycled_idle, INT64_MAX),
    G(U64, card.shed, INT64_MAX),
    G(U64, card.process_cpu, INT64_MAX),
    G(U64, card.measured, INT64_MAX),
    G(U32, inherited_card.max_children_reached, UINT32_MAX),
    G(U64, inherited_card.spawned, INT64_MAX),
    G(U64, inherited_card.exits_ok, INT64_MAX),
    G(U64, inherited_card.exits_error, INT64_MAX),
    G(U64, inherited_card.exits_signal, INT64_MAX),
    G(U64, inherited_card.spawn_failures, INT64_MAX),
    G(U64, inherited_card.recycled_requests, INT64_MAX),
    G(U64, inherited_card.recycled_memory, INT64_MAX),
    G(U64, inherited_card.terminated, INT64_MAX),
    G(U64, inherited_card.recycled_emergency, INT64_MAX),
    G(U64, inherited_card.recycled_reload, INT64_MAX),
    G(U64, inherited_card.recycled_restart, INT64_MAX),
    G(U64, inherited_card.recycled_idle, INT64_MAX),
    G(U64, inherited_card.shed, INT64_MAX),
    G(U64, inherited_card.process_cpu, INT64_MAX),
    G(U64, throttle.until, UINT64_MAX),
    G(U64, throttle.pause, THROTTLE_LONGEST),
    G(U32, throttle.failures, UINT32_MAX),
    G(U64, throttle.leaked, UINT64_MAX),
    G(U64, throttle.bucket, THROTTLE_BURST *UINT64_C(1000000)),
    G(U64, window.width, UINT64_MAX),
    G(U64, window.current, UINT64_MAX),
    G(U64, budget.filled, UINT64_MAX),
    G(U64, budget.left, RECYCLE_BURST *UINT64_C(1000000)),
    G(U64, quiet_full, UINT64_MAX),
    G(U64, quiet_shedding, UINT64_MAX),
    G(U64, shed_after, UINT64_MAX),
    G(FLAG, said_shedding, 1),
    G(TEXT, reason, BOARD_REASON),
    G(TEXT, last_words, FROZEN_WORDS),
    NUMBER(frozen_gang, last_speaker, 0, INT_MAX),
    G(U32, cause, GANG_CAUSE_RESTART),
    G(U32, shed_by, UINT32_MAX),
    G(U64, shed_seen, BOARD_COUNT_MAX),
};

static const struct state_field worker_fields[] = {
    W(U32, state, LIFECYCLE_STATES - 1),
    W(U32, slot, BOARD_SLOTS_MAX),
    W(U32, serial, UINT32_MAX),
    NUMBER(frozen_worker, pid, 2, INT_MAX),
    NUMBER(frozen_worker, pidfd, 3, INT_MAX),
    NUMBER(frozen_worker, report, -1, INT_MAX),
    NUMBER(frozen_worker, channel, -1, INT_MAX),
    NUMBER(frozen_worker, output, -1, INT_MAX),
    W(FLAG, cutting, 1),
    W(U64, started, UINT64_MAX),
    W(U64, deadline, UINT64_MAX),
    W(FLAG, drain_unsent, 1),
    W(FLAG, refused, 1),
    W(FLAG, settings_unsent, 1),
    NUMBER(frozen_worker, level_unsent, -1, LOG_LEVEL_DEBUG),
    W(U32, due, RECYCLE_EMERGENCY),
    W(U32, recycle_at, UINT32_MAX),
    W(FLAG, native, 1),
    W(FLAG, opaque, 1),
    W(FLAG, stop_sent, 1),
    NUMBER(frozen_worker, stop, 0, NSIG - 1),
    W(U64, warm, UINT64_MAX),
    W(U64, nudge, UINT64_MAX),
    W(FLAG, busy, 1),
    W(U64, accepted, UINT64_MAX),
    W(U64, since, UINT64_MAX),
    W(U64, cpu, INT64_MAX),
    W(U64, resident, BOARD_AMOUNT_MAX),
    W(U64, proportional, BOARD_AMOUNT_MAX),
    W(FLAG, slow, 1),
};

static const struct state_field leftover_fields[] = {
    NUMBER(frozen_leftover, output, 3, INT_MAX),
    NUMBER(frozen_leftover, pid, 2, INT_MAX),
    L(FLAG, cutting, 1),
    L(U32, slot, BOARD_SLOTS_MAX),
    L(U32, serial, UINT32_MAX),
    L(U64, expires, UINT64_MAX),
};

const struct frozen_fields frozen_fields_gang = TABLE(gang_fields);
const struct frozen_fields frozen_fields_worker = TABLE(worker_fields);
const struct frozen_fields frozen_fields_leftover = TABLE(leftover_fields);
