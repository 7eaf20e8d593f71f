/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BOARD_LAYOUT_H
#define GANGER_BOARD_LAYOUT_H

/*
 * The scoreboard's memory: one sealed memfd per pool, a header and one slot for each possible
 * worker.  This header is all the preloaded shim knows of ganger, so it needs nothing but libc.
 *
 * Rules: every field has exactly one writer, named beside it.  There is no lock.  Records of more
 * than one word are guarded by a sequence counter: the writer makes it odd, writes, makes it even;
 * a reader copies and tries again, a bounded number of times.  Every word in
 * between is stored with release and loaded with acquire order, which takes the place of fences.
 * While a slot is empty (generation 0) the master writes the worker's fields of it too.
 *
 * The memory is writable by the pool's user.  Whoever reads it for the master or for status takes
 * every value as gossip: it is clamped and escaped, and never used as pointer, index, size or pid.
 */

#include <stdatomic.h>
#include <stdint.h>

#define BOARD_MAGIC UINT32_C(0x676e6772) /* "gngr" */
#define BOARD_VERSION UINT32_C(4)
#define BOARD_SLOTS_MAX UINT32_C(32768)

enum {
    BOARD_NAME = 64,
    BOARD_REASON = 512,
    BOARD_LISTEN = 256,
    BOARD_METHOD = 16,
    BOARD_URI = 512,
    BOARD_SCRIPT = 256,
    BOARD_USER = 64
};

/* Histograms: upper bounds in microseconds, the last bucket is "more". */
#define BOARD_BUCKETS 16
enum board_time {                         /* what is measured of a request */
                  BOARD_TIME_SERVICE = 0, /* from its acceptance to its end */
                  BOARD_TIME_QUEUE = 1,   /* how long it waited to be accepted */
                  BOARD_TIME_FIRST = 2, /* from its acceptance to the first byte of the response */
};
#define BOARD_TIMES 3

/* Of deaths: by exit status, and by signal. */
#define BOARD_EXIT_CODES 256
#define BOARD_EXIT_SIGNALS 65

enum board_pool_state { /* of the pool, set by the master */
                        BOARD_POOL_STARTING = 0,
                        BOARD_POOL_RUNNING = 1,
                        BOARD_POOL_FAILING =
                            2, /* workers die before their first request: throttled */
                        BOARD_POOL_FAILED = 3, /* cannot run at all (user gone, address taken) */
                        BOARD_POOL_STOPPING = 4,
                        BOARD_POOL_STOPPED = 5, /* by an order, until the next */
};

/* What the configuration says of a pool; 0: does not apply.  Times in microseconds, memory in bytes. */
struct board_limits {
    uint32_t start_servers, min_spare_servers, max_spare_servers, max_spawn_rate;
    uint32_t max_requests, queue_limit, backlog;
    uint32_t processes; /* process.max */
    uint64_t max_memory, process_idle_timeout, queue_timeout, request_terminate_timeout,
        request_slowlog_timeout;
};

/* Written by the master alone, guarded by `seq`; facts for the status responder. */
struct board_card {
    _Atomic uint32_t seq;
    uint32_t state;            /* enum board_pool_state */
    char name[BOARD_NAME];     /* pool */
    char kind[16];             /* cgi, fastcgi, status */
    char pm[16];               /* static, dynamic, ondemand */
    char listen[BOARD_LISTEN]; /* first address, ", …" for more */
    char reason[BOARD_REASON]; /* why it is failing or failed, "" otherwise */
    uint64_t start_time;       /* wall clock, microseconds */
    uint64_t throttled_until;  /* wall clock, microseconds; 0 when not throttled */
    uint32_t max_children;
    uint32_t total; /* workers alive now, from the master's own table */
    uint32_t generation;
    uint32_t listen_queue; /* connections waiting; issued by the kernel's sock_diag */
    uint32_t max_listen_queue;
    uint32_t listen_queue_len; /* the limit */
    uint32_t max_active;       /* the most that workers who are gone saw busy at once */
    uint32_t max_children_reached;
    uint64_t spawned;      /* workers ever started */
    uint64_t exits_ok;     /* workers that left as asked or with status 0 */
    uint64_t exits_error;  /* with a non-zero status */
    uint64_t exits_signal; /* killed by a signal */
    uint64_t spawn_failures;
    /* Workers that were replaced, by cause; deaths are in exits_* above. */
    uint64_t recycled_requests;  /* pm.max_requests */
    uint64_t recycled_memory;    /* pm.max_memory */
    uint64_t terminated;         /* request_terminate_timeout ended the worker (native programs) */
    uint64_t recycled_emergency; /* emergency_restart_threshold */
    uint64_t recycled_reload;    /* the configuration changed */
    uint64_t recycled_restart;   /* the operator asked for it */
    uint64_t recycled_idle;      /* not replaced: more were idle than are wanted */
    uint64_t shed;               /* requests that shedders answered (clamped gossip) */
    uint32_t shedding;           /* 1: a shedder answers 503 for what the pool cannot take */
    uint32_t leaving;            /* workers of earlier generations that still finish */
    uint32_t start_failures;     /* in a row: see throttled_until */
    uint32_t unasked;            /* 1: whether it serves does not count for readiness */
    /* Deaths by exit status (never 0) and by signal, but not of those who were asked to leave;
     * saturating. */
    uint32_t exit_codes[BOARD_EXIT_CODES], exit_signals[BOARD_EXIT_SIGNALS];
    /* Bytes, of all processes of the pool, as of `measured`; proportional 0: cannot be known. */
    uint64_t memory_resident, memory_proportional;
    /* Microseconds of processor time, user and system, of the pool's workers and of the children
     * that they have waited for; the gone included.  As of `measured`. */
    uint64_t process_cpu;
    uint64_t measured; /* wall clock, microseconds; 0: never yet */
    char user[BOARD_USER];
    struct board_limits limits;
};

enum board_worker_state { /* of a slot, set by its worker; PHP-FPM's words in status */
                          BOARD_WORKER_NONE = 0,
                          BOARD_WORKER_STARTING = 1,
                          BOARD_WORKER_IDLE = 2,
                          BOARD_WORKER_BUSY = 3,     /* at least one request in hand */
                          BOARD_WORKER_LEAVING = 4,  /* drained, finishing */
                          BOARD_WORKER_SHEDDING = 5, /* answers 503 beside a full pool */
};

/* Written by the slot's worker, guarded by `seq`: what it serves, or served last. */
struct board_request {
    _Atomic uint32_t seq;
    uint32_t running;  /* 1 while it is being served */
    uint64_t started;  /* monotonic microseconds */
    uint64_t finished; /* monotonic microseconds, when the last one ended; 0: none yet */
    uint64_t duration; /* microseconds, of the last finished one */
    uint64_t content_length;
    uint64_t cpu;         /* microseconds user+system of the last finished program */
    uint64_t peak_memory; /* bytes, ru_maxrss of the last finished program */
    uint64_t bytes_in;    /* request body of the last finished one */
    uint64_t bytes_out;   /* response of the last finished one */
    uint64_t queue;       /* microseconds it waited to be accepted; UINT64_MAX: not known */
    uint64_t first;       /* microseconds to its first byte; UINT64_MAX: there was none */
    uint32_t status;      /* response status of the last finished one */
    int32_t program;      /* pid of the program, for display only */
    char method[BOARD_METHOD];
    char uri[BOARD_URI]; /* raw bytes, cut; escape before use */
    char script[BOARD_SCRIPT];
    char user[BOARD_USER];
};

enum board_shim { /* how far the preloaded library has come in a native worker */
                  BOARD_SHIM_NONE = 0,
                  BOARD_SHIM_ALIVE = 1,     /* its constructor has run */
                  BOARD_SHIM_ACCEPTING = 2, /* the program waits for connections on descriptor 0 */
                  BOARD_SHIM_FORKED = 3,    /* not it does so, but children that it has forked */
};

/* A worker that is held (`hold_at`) waits for its successor: LEAVING, with nothing in hand.  It looks
 * again and again whether it still is to, and after so long it accepts one connection all the same:
 * whatever becomes of the master, nobody waits for ever.  Milliseconds. */
#define BOARD_HOLD_LOOK 10
#define BOARD_HOLD_MOST 1000

struct board_slot {
    /* ---- master's line ---- */
    _Alignas(64) _Atomic uint32_t generation; /* which occupant; 0: empty */
    _Atomic uint32_t drain;                   /* 1: finish and leave */
    _Atomic int32_t pid;                      /* for display; the master keeps its own */
    _Atomic uint32_t opaque; /* 1: a native program that no shim can enter; its lines stay empty */
    _Atomic uint64_t start_time; /* wall clock microseconds */
    _Atomic uint64_t ring_at;    /* ring, whatever else, once `requests` is as many; 0: never */
    _Atomic uint64_t hold_at;    /* accept no more, for now, once it is as many; 0: never */
    _Atomic uint64_t resident;   /* bytes, of it and its descendants; 0: not measured */
    _Atomic uint64_t proportional;
    /* ---- worker's lines ---- */
    _Alignas(64) _Atomic uint32_t state; /* enum board_worker_state */
    _Atomic uint32_t active;             /* requests (own worker) or connections (shim) in hand */
    _Atomic uint64_t accepted;           /* connections accepted */
    _Atomic uint64_t requests;           /* requests answered */
    _Atomic uint64_t failed;             /* of them, answered by ganger itself with an error */
    _Atomic uint64_t timed_out;          /* request_terminate_timeout hits */
    _Atomic uint64_t aborted;            /* client gone or FCGI_ABORT_REQUEST */
    _Atomic uint64_t slow;               /* request_slowlog_timeout hits */
    _Atomic uint64_t bytes_in;           /* bytes received */
    _Atomic uint64_t bytes_out;          /* bytes sent */
    _Atomic uint64_t cpu;                /* microseconds of all programs */
    _Atomic uint64_t peak_memory;        /* largest ru_maxrss seen, bytes */
    _Atomic uint64_t protocol_errors;    /* connections closed for illegal streams */
    _Atomic uint64_t params_dropped;     /* refused parameters */
    _Atomic uint32_t shim;               /* enum board_shim; the preloaded library alone */
    _Atomic uint32_t max_active; /* busy workers of the pool, the most it saw on becoming busy */
    _Atomic uint64_t times[BOARD_TIMES]; /* sums, microseconds */
    _Atomic uint32_t buckets[BOARD_TIMES][BOARD_BUCKETS];
    _Alignas(64) struct board_request request;
};

struct board_header {
    _Atomic uint32_t magic;
    _Atomic uint32_t version;
    _Atomic uint32_t slots;
    _Atomic uint32_t slot_size;
    _Atomic uint32_t used; /* slots that were ever in use: these first, and the last; 0: all */
    _Alignas(64) _Atomic uint32_t spare_wanted; /* master: ring when fewer idle than this */
    _Atomic uint32_t fold_seq; /* master: odd while counters move from a slot to drained_* */
    _Atomic uint64_t drained_accepted; /* master: `accepted` etc. of workers that are gone, */
    _Atomic uint64_t drained_requests; /* folded in (clamped) when a slot is reused         */
    _Atomic uint64_t drained_failed;
    _Atomic uint64_t drained_timed_out;
    _Atomic uint64_t drained_aborted;
    _Atomic uint64_t drained_slow;
    _Atomic uint64_t drained_bytes_in;
    _Atomic uint64_t drained_bytes_out;
    _Atomic uint64_t drained_cpu;
    _Atomic uint64_t drained_times[BOARD_TIMES];
    _Atomic uint64_t drained_buckets[BOARD_TIMES][BOARD_BUCKETS];
    /* Twice, and written one after the other: while the master is stopped in the middle of one, for
     * as long as it likes, the other is whole. */
    _Alignas(64) struct board_card card[2];
};

_Static_assert(sizeof(_Atomic uint64_t) == 8, "lock-free 64-bit atomics are part of the layout");

_Static_assert(sizeof(struct board_card) % 8 == 0 && sizeof(struct board_request) % 8 == 0,
               "guarded records are copied in whole words");

/* Slots begin at this offset, each sizeof(struct board_slot) long. */
#define BOARD_SLOTS_OFFSET ((sizeof(struct board_header) + 4095u) & ~(size_t)4095u)

#endif
