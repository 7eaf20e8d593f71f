/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pm.max_requests: a program that has had far more connections than it was to have, and whose successor
 * is on the way, is kept from accepting another.  Those that wait stay in the queue of the listening
 * socket, where its siblings find them.
 *
 * What holds it is the master's word alone (`hold_at`), which it takes back when no successor can come.
 * Here the thread waits for the drain signal, as inside accept(); it looks at both words again and
 * again, so that no lost signal matters, and goes on after a while whatever they say.
 *
 * Who has connections open beside which it accepts (an event loop) is not held: they must not wait.  A
 * thread of its own that does nothing but accept is.
 */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool hold_accept(int fd)
{
    const struct timespec pause = {.tv_nsec = BOARD_HOLD_LOOK * 1000000L};
    uint64_t until = shim_now() + BOARD_HOLD_MOST;
    int keep = errno;
    bool heard = false;
    bool outer = shim_mine.waits; /* this may be a handler in the midst of another wait */
    bool alone = __libc_single_threaded || atomic_load(&shim.polled) ||
                 (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;

    shim_mine.waits = true; /* on_drain() need not protect what we do */
    while (!heard && hold_wanted() && !shim_drain_wanted() && shim_now() < until &&
           (!alone || atomic_load(&shim.open) == 0)) {
        uint32_t before = shim_mine.signals;

        count_held();
        heard = syscall(SYS_ppoll, NULL, 0, &pause, NULL, (size_t)0) < 0 && errno == EINTR &&
                shim_mine.signals == before;
    }
    shim_mine.waits = outer;
    errno = keep;
    return heard;
}
