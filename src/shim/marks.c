/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which descriptor of the program is what.  One byte for each, changed by atomic exchange, so that a
 * connection is counted out once, whoever closes it.
 *
 * A mark can be stale: the program may close by a way that we do not see.  It heals when the number
 * is accepted again (it is not counted twice), and marks_sweep() looks before a drain waits for it.
 */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic uint8_t marks[SHIM_DESCRIPTORS];
/* No connection has ever had a higher number. */
static _Atomic unsigned highest;

enum mark marks_get(int fd)
{
    return fd >= 0 && fd < SHIM_DESCRIPTORS
               ? (enum mark)atomic_load_explicit(&marks[fd], memory_order_relaxed)
               : MARK_OTHER;
}

enum mark marks_set(int fd, enum mark mark)
{
    if (fd < 0 || fd >= SHIM_DESCRIPTORS) {
        return MARK_OTHER;
    }
    if (mark == MARK_CONNECTION) {
        unsigned seen = atomic_load_explicit(&highest, memory_order_relaxed);

        while (unlikely(seen < (unsigned)fd) &&
               !atomic_compare_exchange_weak(&highest, &seen, (unsigned)fd)) {
        }
    }
    return (enum mark)atomic_exchange_explicit(&marks[fd], (uint8_t)mark, memory_order_acq_rel);
}

enum mark marks_look(int fd)
{
    enum mark mark = marks_get(fd);
    int keep = errno;
    struct stat st;

    if (likely(mark != MARK_UNKNOWN)) {
        return mark;
    }
    if (fstat(fd, &st) == 0) {
        mark =
            S_ISSOCK(st.st_mode) && st.st_dev == shim.listener_dev && st.st_ino == shim.listener_ino
                ? MARK_LISTENER
                : MARK_OTHER;
        (void)marks_set(fd, mark);
    }
    errno = keep;
    return mark;
}

void marks_forked(bool here)
{
    uint32_t alive = BOARD_SHIM_ALIVE;

    if (here && atomic_load_explicit(&shim.slot->shim, memory_order_relaxed) == alive) {
        (void)atomic_compare_exchange_strong(&shim.slot->shim, &alive, BOARD_SHIM_FORKED);
    }
}

void marks_forget(unsigned first, unsigned last)
{
    unsigned most = atomic_load_explicit(&highest, memory_order_relaxed);

    /* Marks above the highest connection belong to what was looked at: few, and looked at anew. */
    if (most < 1023) {
        most = 1023;
    }
    for (unsigned fd = first; fd <= last && fd <= most; fd++) {
        if (marks_get((int)fd) != MARK_UNKNOWN &&
            marks_set((int)fd, MARK_UNKNOWN) == MARK_CONNECTION) {
            count_end();
        }
    }
}

void marks_sweep(void)
{
    unsigned most = atomic_load_explicit(&highest, memory_order_relaxed);
    int keep = errno;

    for (unsigned fd = 0; fd <= most; fd++) {
        if (marks_get((int)fd) == MARK_CONNECTION && fcntl((int)fd, F_GETFD) < 0 &&
            errno == EBADF && marks_set((int)fd, MARK_UNKNOWN) == MARK_CONNECTION) {
            count_end();
        }
    }
    errno = keep;
}
