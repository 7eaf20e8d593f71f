/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_FROZEN_H
#define GANGER_POOL_FROZEN_H

/*
 * A gang as the records of a state (base/state.h), which an image of the master leaves to the next
 * one.  Descriptors are numbers here, claimed by whoever thaws the gang (pool/gang_freeze.c).  What is
 * read is hostile until it has passed these functions: every number is within its bounds, and the
 * numbers fit one another.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/state.h"
#include "board/board.h"
#include "host/socket.h"
#include "pool/lifecycle.h"
#include "pool/output.h"
#include "pool/recycle.h"
#include "pool/throttle.h"
#include "pool/window.h"

/* Kinds of records.  1 to 15 are the master's own. */
enum frozen_kind {
    FROZEN_GANG = 16,
    FROZEN_WORKER = 17, /* those of the gang before */
    FROZEN_LEFTOVER = 18,
};

#define FROZEN_PORTS_MAX 256u
#define FROZEN_WORDS 200
#define FROZEN_LEFTOVERS_MAX 64u

/* The beginning of a line, as a worker wrote it: foreign bytes. */
#define FROZEN_LINE_MAX 4096u
struct frozen_line {
    uint8_t *data; /* owned by what was read, borrowed in what is written */
    size_t length;
};

struct frozen_worker {
    uint32_t state; /* enum lifecycle_state, never EMPTY */
    uint32_t slot, serial;
    int pid;
    int pidfd, report, channel, output; /* -1: none (never pidfd) */
    struct frozen_line line;
    bool cutting;
    uint64_t started, deadline;
    bool drain_unsent, refused, settings_unsent;
    int level_unsent; /* enum log_level, -1: none */
    uint32_t due;     /* enum recycle_cause */
    uint32_t recycle_at;
    bool native, opaque, stop_sent;
    int stop;
    uint64_t warm, nudge;
    bool busy;
    uint64_t accepted, since;
    uint64_t cpu, resident, proportional;
    bool slow;
};

struct frozen_leftover {
    int output, pid;
    struct frozen_line line;
    bool cutting;
    uint32_t slot, serial;
    uint64_t expires;
};

struct frozen_port {
    char text[ADDRESS_TEXT_MAX];
    int fd; /* -1: closed before the others */
    bool lent, deaf, foreign;
};

struct frozen_gang {
    char name[BOARD_NAME];
    /* The owner's: which config it is of, and what it is there. */
    uint32_t conf, role;
    bool stopped, hurried;
    uint32_t place_scaled, size;
    uint64_t begun, retry_until;
    char toward[BOARD_NAME]; /* "": nowhere */
    /* The gang's own. */
    uint32_t slots, posts, surplus, max_children, scaled, wanted, last_serial, generation;
    uint32_t floor, cap, room;
    bool opened, failed, stopping, retiring, emptying, ports_closed, proven, settled;
    uint64_t empty_look, stop_by, failed_at, next_look, next_reached;
    int board, bell_read, bell_write; /* bells -1 unless opened */
    struct board_totals gone, inherited;
    struct board_card card, inherited_card; /* their counters alone */
    struct throttle throttle;
    struct window window;
    struct recycle_budget budget;
    uint64_t quiet_full, quiet_shedding, shed_after;
    bool said_shedding;
    char reason[BOARD_REASON];
    char last_words[FROZEN_WORDS];
    int last_speaker;
    uint32_t cause; /* enum gang_cause */
    uint32_t shed_by;
    uint64_t shed_seen;
    struct frozen_port *ports;
    size_t port_count;
    struct frozen_worker *workers;
    size_t worker_count;
    struct frozen_leftover *leftovers;
    size_t leftover_count;
};

/* Add records: the gang (its workers and leftovers not), then each of those.  0 or negative. */
int frozen_put_gang(struct state *to, const struct frozen_gang *g);
int frozen_put_worker(struct state *to, const struct frozen_worker *w);
int frozen_put_leftover(struct state *to, const struct frozen_leftover *l);

/*
 * Read the gang whose record is *first, and from `r` what belongs to it; *first is then the record
 * behind.  0; negative with err and nothing to clear.
 */
int frozen_take(struct frozen_gang *ret, struct state_record *first, struct state_reader *r,
                struct error *err);
void frozen_clear(struct frozen_gang *g);

/* Every descriptor in it.  0 or -ENOMEM. */
struct frozen_fds {
    int *items; /* owned */
    size_t count, room;
};
int frozen_list(const struct frozen_gang *g, struct frozen_fds *to);
int frozen_add_fd(struct frozen_fds *to, int fd); /* one below 0 is left out */
void frozen_fds_clear(struct frozen_fds *f);

#endif
