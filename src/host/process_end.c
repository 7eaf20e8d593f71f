/* SPDX-License-Identifier: Apache-2.0 */
/* Ending whoever is our child, known to us or not. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/process.h"

#define PAUSE_MSEC 10
#define KILLED_PATIENCE CLOCK_SEC /* at least: they go one generation after the other */

static void collect(void)
{
    siginfo_t info = {0};

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
        info.si_pid = 0;
}

/* To all of them; how many there are.  Unreaped children keep their pids, so these are theirs. */
static size_t signal_all(int number)
{
    pid_t *pids = NULL;
    size_t count = 0;

    if (process_children(&pids, &count, NULL) < 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        int fd = pidfd_open(pids[i], 0);

        if (fd >= 0 && number != 0)
            (void)pidfd_send_signal(fd, number, NULL, 0);
        descriptor_close(&fd);
    }
    free(pids);
    return count;
}

size_t process_end_children(uint64_t patience)
{
    static const int ladder[] = {SIGTERM, SIGKILL};
    size_t left = 0;

    for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
        uint64_t end;

        if (ladder[i] == SIGKILL && patience < KILLED_PATIENCE)
            patience = KILLED_PATIENCE;
        end = clock_monotonic() + patience;

        (void)signal_all(ladder[i]);
        do {
            collect();
            /* Whom we kill may leave children, which come to us. */
            left = signal_all(ladder[i] == SIGKILL ? SIGKILL : 0);
            if (left == 0)
                return 0;
            (void)poll(NULL, 0, PAUSE_MSEC);
        } while (clock_monotonic() < end);
    }
    return left;
}
