/* SPDX-License-Identifier: Apache-2.0 */
/* A handler notes the number and writes a byte into a pipe, so that no signal is missed between a look
 * and a poll().  State is the process's: there is one set of signals, too. */

#include "ctl/interrupts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "base/clock.h"

/* Ctrl-C twice in a row is once; who asks again after this is held up. */
#define PATIENCE (3 * CLOCK_SEC)

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int others[] = {SIGWINCH, SIGTSTP, SIGCONT};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static volatile sig_atomic_t noted[NSIG];
static volatile sig_atomic_t asked_to_end;
static uint64_t asked_at; /* the handler's alone, which no other signal interrupts */
static int pipe_ends[2] = {-1, -1};

static void on_signal(int number)
{
    int saved = errno;
    if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) {
        uint64_t now = clock_monotonic();
        if (asked_to_end == 0) {
            asked_to_end = number;
            asked_at = now;
        } else if (now - asked_at >= PATIENCE) {
            _exit(128 + number);
        }
    } else {
        noted[number] = 1;
    }
    (void)!write(pipe_ends[1], "", 1); /* full: somebody will look anyway */
    errno = saved;
}

static void install(int number, void (*handler)(int))
{
    struct sigaction old;
    struct sigaction new = {.sa_handler = handler};
    sigfillset(&new.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN && handler == on_signal)
        return; /* nohup, or a shell without job control */
    (void)sigaction(number, &new, NULL);
}

int interrupts_open(struct error *err)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(err, errno, "pipe");
    for (size_t i = 0; i < COUNT(ends); i++)
        install(ends[i], on_signal);
    for (size_t i = 0; i < COUNT(others); i++)
        install(others[i], on_signal);
    return 0;
}

int interrupts_fd(void)
{
    return pipe_ends[0];
}

static bool taken(int number)
{
    bool was = noted[number] != 0;
    noted[number] = 0;
    return was;
}

struct interrupts interrupts_take(void)
{
    char bytes[64];
    while (read(pipe_ends[0], bytes, sizeof bytes) > 0) {
    }
    /* Whoever comes now has written a byte again. */
    struct interrupts seen = {.resize = taken(SIGWINCH), .stop = taken(SIGTSTP)};
    seen.resume = taken(SIGCONT);
    seen.end = (int)asked_to_end;
    return seen;
}

void interrupts_stop(void)
{
    sigset_t only, before;
    sigemptyset(&only);
    sigaddset(&only, SIGTSTP);
    install(SIGTSTP, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &only, &before);
    (void)raise(SIGTSTP);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    install(SIGTSTP, on_signal);
}

void interrupts_close(int number)
{
    for (size_t i = 0; i < COUNT(ends); i++) {
        if (ends[i] == number)
            install(number, SIG_DFL);
    }
    for (size_t i = 0; i < COUNT(others); i++)
        install(others[i], SIG_DFL);
    if (number != 0 && number != SIGINT)
        (void)raise(number);
    /* The handlers of the others stay until the process ends: they write to a pipe that is there. */
}
