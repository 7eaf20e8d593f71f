/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_FIELD_H
#define GANGER_REPORT_FIELD_H

/*
 * What there is to be told, as two tables: one of a pool's values and one of a worker's.  A field
 * says where its value lies, how it is called in text, JSON and metrics, and what it means; every
 * format is made from these tables alone, so that none can say what another does not.
 *
 * Values are read from three homes: the copy of the board, the copy of a worker's request, and what
 * field_pool() or field_worker() derived from them.  All of it is gossip, and field_number() and
 * field_text() are the only ways to it: they clamp and escape.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "board/board.h"
#include "report/rows.h"

enum field_home { FIELD_BOARD, FIELD_REQUEST, FIELD_DERIVED };
#define FIELD_HOMES 3

enum field_metric { FIELD_NO_METRIC, FIELD_GAUGE, FIELD_COUNTER };

enum field_shown { /* when there is a row of it */
                   FIELD_ALWAYS,
                   FIELD_IF_SET,   /* not while it is 0 */
                   FIELD_IF_KNOWN, /* not while it is FIELD_UNKNOWN */
};
#define FIELD_UNKNOWN UINT64_MAX

struct field {
    enum row_type type; /* ROW_STAMP: of wall clock microseconds; ROW_DECIMAL: of millionths */
    enum field_home home;
    enum field_shown shown;
    enum field_metric metric;
    uint32_t offset;
    uint32_t size; /* 4 or 8; of a text, its array's */
    uint64_t most; /* 0: ROWS_NUMBER_MAX */
    const char *group, *name;
    const char *label;    /* NULL: the name */
    const char *fallback; /* ROW_TEXT: what stands for nothing */
    /* Fields of one family are neighbours, and the first one explains it. */
    const char *family, *unit, *help;
    const char *key, *value; /* one more label of its sample; NULL: none */
};

extern const struct field field_pools[];
extern const size_t field_pools_count;
extern const struct field field_workers[];
extern const size_t field_workers_count;

/* Histograms of a pool, and of nothing else. */
struct field_histogram {
    enum board_time which;
    const char *group;         /* of its rows */
    const char *took, *longer; /* label of a bucket ("took <= 1 s"), and of the last one */
    const char *family, *help;
};
extern const struct field_histogram field_histograms[BOARD_TIMES];
/* The upper bound of bucket `i` in seconds: "0.0005", "1", "+Inf"; and the label of its row. */
const char *field_bound(unsigned i);
/* The same as OpenMetrics spells numbers: "1.0". */
const char *field_bound_float(unsigned i);
const char *field_bound_label(unsigned histogram, unsigned i);
/* "SIGSEGV", "SIGRTMIN+3", "SIG64". */
void field_signal(char *out, size_t size, unsigned number);
/* The words that "state" can be, NULL behind the last. */
extern const char *const field_pool_states[];
extern const char *const field_worker_states[];

struct field_pool { /* a pool, with what the board does not say as it stands */
    const void *homes[FIELD_HOMES];
    const struct board_snapshot *snapshot;
    char name[BOARD_NAME]; /* not terminated, when it is that long */
    char pm[16], kind[16], state[16];
    uint64_t since, max_active, memory_peak, timed_out, requests_per_second;
};
struct field_worker {
    const void *homes[FIELD_HOMES];
    const struct board_slot_view *view;
    char state[16];
    uint64_t pid, since, duration, last_cpu, last_memory, last_status, last_age, last_in, last_out,
        last_queue, last_first, program;
};

/* `name` and `rate` as in report_add() and report_set_rate(); the snapshot is borrowed. */
void field_pool(struct field_pool *ret, const char *name, const struct board_snapshot *snapshot,
                uint64_t now_wall, uint64_t rate);
void field_worker(struct field_worker *ret, const struct board_slot_view *view,
                  uint64_t now_monotonic, uint64_t now_wall);

/* Is there something to be told, at this moment? */
bool field_is_shown(const struct field *f, const void *const *homes);
/* The value of a field that is no text, as its row has it. */
uint64_t field_number(const struct field *f, const void *const *homes);
/* The escaped value of one that is, terminated, into `out` (4 * f->size + 1 is enough for all); how
 * long it is. */
size_t field_text(const struct field *f, const void *const *homes, char *out, size_t size);

#endif
