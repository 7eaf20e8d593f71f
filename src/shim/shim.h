/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SHIM_SHIM_H
#define GANGER_SHIM_SHIM_H

/*
 * What the files of the preloaded library share.  The library lives in a program that knows nothing
 * of it: it allocates nothing after its constructor, writes to no descriptor but the doorbell,
 * leaves errno as the wrapped call left it, and every function here may be called from a signal
 * handler.
 *
 * The program's own numbers (marks, open, waiting) are kept in private memory and copied to the
 * board; the board is never read back but for what the master writes there.
 */

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "board/layout.h"

#pragma GCC visibility push(hidden)

/* As many descriptors as the kernel allows a process by default (fs.nr_open).  The table is zero
 * memory that costs nothing until it is touched.  A connection above it is counted as accepted, but
 * not as open: its end could not be told. */
#define SHIM_DESCRIPTORS (1 << 20)

/* Which descriptor is what. */
enum mark {
    MARK_UNKNOWN = 0,
    MARK_LISTENER,   /* the pool's listening socket */
    MARK_OTHER,      /* looked at, and not the listening socket */
    MARK_CONNECTION, /* accepted from it */
    MARK_LOOP,       /* an epoll descriptor that watches it */
};

struct shim {
    struct shim_page *page; /* NULL: nothing to do here */
    const struct board_header *header;
    const char *slots_at;    /* all slots, for reading */
    struct board_slot *slot; /* the own one, for writing */
    uint32_t slots, own;
    int board, bell; /* descriptors; board is -1 once it was closed */
    dev_t board_dev, bell_dev, listener_dev;
    ino_t board_ino, bell_ino, listener_ino;
    int stop_signal, drain_signal;
    bool hangups;             /* look for clients that have gone */
    bool inherit;             /* children of the program are to find us, too */
    _Atomic uint32_t open;    /* connections the program holds */
    _Atomic uint32_t waiting; /* threads inside accept() */
    _Atomic bool polled;      /* the program waits for connections by poll() or its like */
    _Atomic bool bell_dead;
    _Atomic bool vforked;  /* vfork() was called once */
    pid_t master;          /* 0: not told */
    _Atomic bool orphaned; /* the master is gone */
    _Atomic bool leaving;
    _Atomic uint64_t left_at; /* milliseconds */
};

/* A page that the kernel empties in every child, whichever way it was forked. */
struct shim_page {
    bool alive;
    pid_t pid;
};

extern struct shim shim;
/* The settings as they came, for a program that replaces itself by another (exec.c). */
#define SHIM_TEXT 4096
extern char shim_preload[SHIM_TEXT], shim_settings[SHIM_TEXT];

/* Each thread's own. */
struct shim_mine {
    uint32_t signals;  /* drain signals that came here: what they interrupted goes on */
    bool open;         /* the drain signal may come */
    bool inside;       /* in accept(), or on its way */
    bool waits;        /* in poll() or its like for connections, or on its way */
    bool polls;        /* has waited for connections by poll() or its like */
    bool told;         /* has been sent back from accept() since the stop signal was raised */
    uint64_t accepted; /* kernel ticks when it accepted last, 0: never */
};
extern _Thread_local struct shim_mine shim_mine __attribute__((tls_model("initial-exec")));

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define SHIM_EXPORT __attribute__((visibility("default")))

/* False in every process but the slot's own.  A child of vfork() shares our memory and is not told
 * apart: see shim_self(). */
static inline bool shim_alive(void)
{
    return likely(shim.page != NULL) && likely(shim.page->alive);
}

/* In a child that the slot's process has forked. */
static inline bool shim_forked(void)
{
    return unlikely(shim.page != NULL) && !shim.page->alive;
}

/* As shim_alive(), and no child of vfork(): asks the kernel once vfork() was called. */
bool shim_self(void);

static inline bool shim_drain_wanted(void)
{
    return unlikely(atomic_load_explicit(&shim.slot->drain, memory_order_seq_cst) != 0) ||
           unlikely(atomic_load_explicit(&shim.orphaned, memory_order_relaxed));
}

/* Milliseconds, and a coarse clock that moves with the kernel's tick; neither enters the kernel. */
uint64_t shim_now(void);
uint64_t shim_tick(void);

/* ---- marks.c ---- */
enum mark marks_get(int fd);
/* Returns what it was. */
enum mark marks_set(int fd, enum mark mark);
/* The mark; of an unknown descriptor, whether it is the listening socket (one fstat()). */
enum mark marks_look(int fd);
/* `here`: a child that the program has forked comes to wait for connections.  If the program itself
 * never did, say so: nothing else would. */
void marks_forked(bool here);
/* Forget connections among first … last, which are closed. */
void marks_forget(unsigned first, unsigned last);
/* Forget connections that were closed behind our back. */
void marks_sweep(void);

/* ---- count.c ---- */
/* A connection is the program's from now on; count_served() when it may have it, or count_gone(). */
void count_begin(int fd);
void count_served(void);
void count_gone(void);
/* A second descriptor of a connection. */
void count_again(int fd);
/* One connection less. */
void count_end(void);
/* The program waits for connections: idle, unless it holds one. */
void count_idle(void);
/* The program is kept from waiting for connections: neither, unless it holds one. */
void count_held(void);
/* Ring the doorbell. */
void count_ring(void);

/* ---- drain.c ---- */
enum drain_turn {
    DRAIN_GO = 0,      /* accept, all the same */
    DRAIN_INTERRUPTED, /* the program is to see EINTR */
    DRAIN_AGAIN,       /* the program is to see EAGAIN */
};
int drain_install(void);
/* This thread waits for connections: it may get the drain signal from now on. */
void drain_open(void);
/* The same, whatever we believe about it. */
void drain_open_again(void);
/* Nobody can say that no signal was lost: is the master still there? */
void drain_look(void);
/* This thread serves: no drain signal may reach it. */
void drain_close(void);
/* The drain is on and this thread has come to accept on `fd`. */
enum drain_turn drain_accept(int fd);
/* The same before and after poll() and its like.  True: the program is to see EINTR. */
bool drain_poll(void);
/* The program puts another in its place, which we cannot enter: from now on it is as any that has no
 * library in it.  What the slot said of us, for drain_step_in() when the exec has failed. */
uint32_t drain_step_out(void);
void drain_step_in(uint32_t was);
/* The last connection was closed while others of our threads sit in accept(). */
void drain_kick(void);

/* ---- hold.c ---- */
/* The program has had more connections than it was to have. */
static inline bool hold_wanted(void)
{
    uint64_t at = atomic_load_explicit(&shim.slot->hold_at, memory_order_relaxed);

    return unlikely(at != 0) &&
           unlikely(atomic_load_explicit(&shim.slot->requests, memory_order_relaxed) >= at);
}
/* This thread is about to accept on `fd` all the same: keep it, for a while.  True: a handler of the
 * program's ran, which may have done so to be seen by accept(): the program is to see EINTR. */
bool hold_accept(int fd);

#pragma GCC visibility pop

#endif
