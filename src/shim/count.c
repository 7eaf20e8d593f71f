/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program holds, told to the board; and the doorbell.
 *
 * The order in count_begin() is half of the promise that no request is interrupted (see drain.c):
 * first the connection is in `active`, then the caller looks at `drain`.
 */
#include "shim/shim.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void count_state(enum board_worker_state state)
{
    _Atomic uint32_t *at = &shim.slot->state;

    if (atomic_load_explicit(at, memory_order_relaxed) != state) {
        atomic_store_explicit(at, state, memory_order_seq_cst);
    }
}

void count_idle(void)
{
    if (atomic_load(&shim.open) != 0 || atomic_load(&shim.leaving)) {
        return;
    }
    count_state(BOARD_WORKER_IDLE);
    /* Another thread may have accepted in between; its word counts. */
    if (unlikely(atomic_load(&shim.open) != 0)) {
        count_state(BOARD_WORKER_BUSY);
    }
}

void count_held(void)
{
    if (atomic_load(&shim.open) != 0 || atomic_load(&shim.leaving)) {
        return;
    }
    count_state(BOARD_WORKER_LEAVING);
    if (unlikely(atomic_load(&shim.open) != 0)) {
        count_state(BOARD_WORKER_BUSY);
    }
}

static void count_open(void)
{
    atomic_fetch_add(&shim.open, 1);
    count_state(BOARD_WORKER_BUSY);
    atomic_fetch_add(&shim.slot->active, 1);
}

void count_begin(int fd)
{
    atomic_fetch_add_explicit(&shim.slot->accepted, 1, memory_order_relaxed);
    if (likely(fd < SHIM_DESCRIPTORS) &&
        likely(marks_set(fd, MARK_CONNECTION) != MARK_CONNECTION)) {
        count_open();
    }
}

void count_again(int fd)
{
    if (fd < SHIM_DESCRIPTORS && marks_set(fd, MARK_CONNECTION) != MARK_CONNECTION) {
        count_open();
    }
}

void count_end(void)
{
    atomic_fetch_sub(&shim.slot->active, 1);
    if (atomic_fetch_sub(&shim.open, 1) != 1) {
        return;
    }
    /* A program that serves one connection after the other may have something to finish before it
     * comes back to accept(): until then it is not idle. */
    if (atomic_load(&shim.polled) || atomic_load(&shim.waiting) != 0) {
        count_idle();
    }
    if (shim_drain_wanted() && atomic_load(&shim.waiting) != 0) {
        drain_kick();
    }
}

void count_gone(void)
{
    atomic_fetch_add_explicit(&shim.slot->aborted, 1, memory_order_relaxed);
}

/* ---------------------------------------------------------------- the doorbell */

/* Fewer idle workers than the master wants?  Stops at the first that are enough. */
static bool few_idle(uint32_t wanted)
{
    uint32_t idle = 0;

    for (uint32_t i = 1; i < shim.slots; i++) {
        uint32_t at = shim.own + i < shim.slots ? shim.own + i : shim.own + i - shim.slots;
        const struct board_slot *slot =
            (const void *)(shim.slots_at + (size_t)at * sizeof(struct board_slot));

        if (atomic_load_explicit(&slot->generation, memory_order_relaxed) != 0 &&
            atomic_load_explicit(&slot->state, memory_order_relaxed) == BOARD_WORKER_IDLE &&
            ++idle >= wanted) {
            return false;
        }
    }
    return true;
}

/* One byte.  The program may have closed the pipe, or put something of its own in its place; and
 * the master may be gone, which must not end the program by SIGPIPE. */
void count_ring(void)
{
    const uint64_t pipe_signal = UINT64_C(1) << (SIGPIPE - 1);
    const struct timespec at_once = {0};
    uint64_t before = 0;
    int keep = errno;
    struct stat st;

    if (atomic_load(&shim.bell_dead)) {
        return;
    }
    if (fstat(shim.bell, &st) < 0 || st.st_dev != shim.bell_dev || st.st_ino != shim.bell_ino ||
        syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_signal, &before, sizeof(before)) < 0) {
        atomic_store(&shim.bell_dead, true);
        errno = keep;
        return;
    }
    if (syscall(SYS_write, shim.bell, "", (size_t)1) < 0 && errno == EPIPE) {
        atomic_store(&shim.bell_dead, true);
        /* Ours, unless the program had one pending already, and those two are one. */
        (void)syscall(SYS_rt_sigtimedwait, &pipe_signal, NULL, &at_once, sizeof(pipe_signal));
    }
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    errno = keep;
}

void count_served(void)
{
    uint64_t done = atomic_fetch_add_explicit(&shim.slot->requests, 1, memory_order_relaxed) + 1;
    uint64_t ring_at = atomic_load_explicit(&shim.slot->ring_at, memory_order_relaxed);
    uint32_t wanted = atomic_load_explicit(&shim.header->spare_wanted, memory_order_relaxed);

    if ((unlikely(ring_at != 0) && done >= ring_at) ||
        (unlikely(wanted != 0) && atomic_load_explicit(&shim.open, memory_order_relaxed) == 1 &&
         few_idle(wanted))) {
        count_ring();
    }
}
