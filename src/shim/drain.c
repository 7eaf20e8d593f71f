/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving between connections, and never in the middle of one.
 *
 * The master sets the slot's drain flag, and as long as the slot says IDLE (or LEAVING) with no
 * active connection it sends the drain signal, again and again.  Its handler does nothing: that
 * accept() or poll() comes back with EINTR is all that is wanted.  A sleep or poll of the program's
 * must never be cut short by it (SA_RESTART restarts neither), so this is what holds:
 *
 *   1. The signal is blocked from our constructor on, and in every thread that is made.  A thread
 *      opens itself to it when it first waits for connections (drain_open), which is also what keeps
 *      start-up and background threads undisturbed.
 *   2. A connection is first entered in `active`, then the thread looks at `drain`; when that is
 *      set it closes itself to the signal (drain_close) before the program gets the connection.
 *   3. The master first sets `drain`, then looks at `active`, then sends.
 *
 *   With sequentially consistent order in 2 and 3 one of the two sees the other: either the master
 *   sees the connection and sends nothing, or the thread sees the drain and is closed.  A signal
 *   that comes in between interrupts no system call but the accept() that has just succeeded,
 *   which is none.  However long the master is held up between looking and sending, no request is
 *   touched.  None of this costs a system call until a drain is on.
 *
 *   4. The process leaves when it holds no connection and no thread is inside accept(): a thread
 *      counts itself in `waiting` before it looks at `drain`, and out of it after its connection is
 *      in `open`, so a connection that the kernel has handed over cannot be overlooked.  Threads
 *      still inside are woken one after the other (drain_kick), and those that have come out wait.
 *
 * When the master dies the kernel sends the signal once, to a busy worker too, and nothing can hold that
 * back without a system call for every request: the one exception to the promise.  Sleeps go on all the
 * same (sleep.c); other calls of the program's may see one EINTR.
 *
 * To leave is to raise the pool's stop signal; the program sees EINTR once, may do what it does at its
 * end, and when it comes to accept again instead it is ended after a while.
 */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "shim/next.h"

/* After the stop signal: how long the program may go on waiting for connections. */
#define LEAVE_PATIENCE 500 /* milliseconds */
/* How long threads that should come out of accept() are waited for.  One that was cancelled inside
 * it (pthread_cancel) never does. */
#define KICK_PATIENCE 2000

/* The kernel sends the signal once when the master dies (PR_SET_PDEATHSIG), whatever we are doing.
 * From then on nobody sends it again and again but a timer of our own; raw system calls, because
 * this is a signal handler. */
static void drain_orphaned(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = shim.drain_signal};
    const struct itimerspec every = {.it_interval.tv_nsec = 100000000,
                                     .it_value.tv_nsec = 100000000};
    int timer = 0;

    if (!atomic_exchange(&shim.orphaned, true) &&
        syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0) {
        (void)syscall(SYS_timer_settime, timer, 0, &every, NULL);
    }
}

void drain_kick(void)
{
    int keep = errno;

    (void)kill(shim.page->pid, shim.drain_signal);
    errno = keep;
}

/* That a system call comes back is all that is wanted.  In a thread that was hit while it may be serving
 * it must not happen twice: the thread goes on with the signal blocked.  So does one that waits for
 * its turn to accept (behind the mutex that many programs have there): the kernel would choose it
 * again and again, and never the one that sits inside.  A thread that waits for connections stays
 * open: the signal may have come a moment before the system call that it is to end. */
static void on_drain(int number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    int keep = errno;

    (void)info;
    if (!shim_alive()) {
        return;
    }
    shim_mine.signals++;
    drain_look();
    if (shim_drain_wanted()) {
        bool waits = shim_mine.inside || shim_mine.waits;
        bool astray = !waits && !shim_mine.polls;

        if (astray || (!waits && atomic_load(&shim.open) != 0)) {
            (void)sigaddset(&interrupted->uc_sigmask, number);
            shim_mine.open = false;
        }
        if (astray && (atomic_load(&shim.waiting) != 0 || atomic_load(&shim.polled))) {
            drain_kick();
        }
    }
    errno = keep;
}

static void drain_mask(int how)
{
    const uint64_t set = UINT64_C(1) << (shim.drain_signal - 1);
    int keep = errno;

    (void)syscall(SYS_rt_sigprocmask, how, &set, NULL, sizeof(set));
    errno = keep;
}

/* Until the program waits for connections it holds none, and may end at once when the master dies (one
 * that lets children serve never does anything else).  Said anew then: the kernel forgets it when the
 * program changes its user. */
static void drain_at_death(int number)
{
    int keep = errno;

    if (shim.master != 0) {
        (void)prctl(PR_SET_PDEATHSIG, number);
    }
    errno = keep;
}

static int drain_hear(void)
{
    struct sigaction action = {.sa_sigaction = on_drain, .sa_flags = SA_ONSTACK | SA_SIGINFO};

    sigfillset(&action.sa_mask);
    return next()->sigaction(shim.drain_signal, &action, NULL);
}

static int drain_stop(void)
{
    return shim.stop_signal != 0 ? shim.stop_signal : SIGTERM;
}

int drain_install(void)
{
    int stop = drain_stop();

    drain_mask(SIG_BLOCK);
    drain_at_death(stop);
    if (shim.master != 0 && getppid() != shim.master) {
        (void)kill(getpid(), stop);
    }
    return drain_hear();
}

/* Without a handler the signal would kill, and the one of the master's death, too.  The master sends
 * the stop signal to whom no library answers for. */
uint32_t drain_step_out(void)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    uint32_t was = atomic_exchange(&shim.slot->shim, (uint32_t)BOARD_SHIM_NONE);

    (void)next()->sigaction(shim.drain_signal, &ignored, NULL);
    drain_at_death(drain_stop());
    atomic_store(&shim.slot->active, 0);
    atomic_store(&shim.slot->state, BOARD_WORKER_STARTING);
    return was;
}

void drain_step_in(uint32_t was)
{
    int keep = errno;

    (void)drain_hear();
    drain_at_death(was == BOARD_SHIM_ACCEPTING ? shim.drain_signal : drain_stop());
    atomic_store(&shim.slot->active, atomic_load(&shim.open));
    if (atomic_load(&shim.open) != 0) {
        atomic_store(&shim.slot->state, BOARD_WORKER_BUSY);
    }
    atomic_store(&shim.slot->shim, was);
    errno = keep;
}

/* The program has come as far as waiting for connections: nothing is needed of the board's
 * descriptor any more. */
static void drain_ready(void)
{
    int board = shim.board, keep = errno;
    struct stat st;

    if (board >= 0 && !shim.inherit) {
        shim.board = -1;
        if (fstat(board, &st) == 0 && st.st_dev == shim.board_dev && st.st_ino == shim.board_ino) {
            (void)syscall(SYS_close, board);
        }
    }
    atomic_store_explicit(&shim.slot->shim, BOARD_SHIM_ACCEPTING, memory_order_release);
    count_ring();
    drain_at_death(shim.drain_signal);
    errno = keep;
    drain_look(); /* it may have died while nobody here could hear of it */
}

void drain_look(void)
{
    int keep = errno;

    if (shim.master != 0 && getppid() != shim.master) {
        drain_orphaned();
    }
    errno = keep;
}

void drain_open(void)
{
    if (likely(shim_mine.open)) {
        return;
    }
    if (atomic_load_explicit(&shim.slot->shim, memory_order_relaxed) != BOARD_SHIM_ACCEPTING) {
        drain_ready();
    }
    shim_mine.open = true;
    drain_mask(SIG_UNBLOCK);
}

/* What `open` says is not to be trusted here: a handler of the program's that waited for connections
 * while we were closed has opened us, and its return has closed us again. */
void drain_open_again(void)
{
    drain_mask(SIG_UNBLOCK);
    shim_mine.open = true;
}

void drain_close(void)
{
    if (shim_mine.open) {
        drain_mask(SIG_BLOCK);
        shim_mine.open = false;
    }
}

static void drain_leave(void)
{
    int keep = errno;

    if (atomic_exchange(&shim.leaving, true)) {
        return;
    }
    atomic_store(&shim.left_at, shim_now());
    atomic_store(&shim.slot->state, BOARD_WORKER_LEAVING);
    if (shim.stop_signal == 0) {
        _exit(0);
    }
    (void)kill(shim.page->pid, shim.stop_signal);
    errno = keep;
}

static bool drain_patience_over(void)
{
    return shim_now() - atomic_load(&shim.left_at) > LEAVE_PATIENCE;
}

/* A millisecond.  False: a handler of the program's ran. */
static bool drain_pause(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    return syscall(SYS_ppoll, NULL, 0, &pause, NULL, (size_t)0) == 0;
}

enum drain_turn drain_accept(int fd)
{
    bool polls = atomic_load(&shim.polled) || (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
    uint64_t since = shim_now();

    drain_close(); /* whoever is kicked, it shall be a thread inside accept() */
    if (atomic_load(&shim.open) != 0) {
        marks_sweep();
    }
    for (;;) {
        if (atomic_load(&shim.leaving)) {
            if (!shim_mine.told) {
                shim_mine.told = true;
                return DRAIN_INTERRUPTED;
            }
            if (drain_patience_over()) {
                _exit(0);
            }
        } else if (atomic_load(&shim.waiting) != 0 && atomic_load(&shim.open) == 0 &&
                   shim_now() - since < KICK_PATIENCE) {
            drain_kick();
        } else if (atomic_load(&shim.open) == 0) {
            drain_leave();
            continue;
        } else if (!polls && __libc_single_threaded) {
            return DRAIN_GO; /* nobody else can close what it holds */
        }
        if (!drain_pause() && !polls) {
            return DRAIN_INTERRUPTED;
        }
        if (polls) {
            return DRAIN_AGAIN; /* its other connections want it; the pause keeps it from spinning */
        }
    }
}

bool drain_poll(void)
{
    if (atomic_load(&shim.leaving)) {
        if (atomic_load(&shim.open) == 0 && drain_patience_over()) {
            _exit(0);
        }
        return false; /* what its handler of the stop signal set going may need the loop */
    }
    if (atomic_load(&shim.open) != 0) {
        marks_sweep();
        if (atomic_load(&shim.open) != 0) {
            return false;
        }
    }
    if (atomic_load(&shim.waiting) != 0) {
        drain_close(); /* or the kernel may choose this thread again, and never the one inside */
        drain_kick();
        return false;
    }
    drain_leave();
    shim_mine.told = true;
    return true;
}
