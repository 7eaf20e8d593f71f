/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doorbell: a pipe that wakes the master when workers run short.  What is in it says nothing
 * but "look"; a full pipe has been rung enough.
 */
#include "board/board.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* At most this much is read at once, so that a worker that rings without end cannot hold the
 * master; it is more than one pipe holds by default. */
#define DRAIN_READS 17
#define DRAIN_PIECE 4096

int board_doorbell(int fds[2], struct error *err)
{
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        fds[0] = -1;
        fds[1] = -1;
        return error_errno(err, errno, "cannot make the doorbell pipe");
    }
    return 0;
}

unsigned board_doorbell_drain(int fd)
{
    char bytes[DRAIN_PIECE];
    unsigned rings = 0;

    for (int i = 0; i < DRAIN_READS; i++) {
        ssize_t n = read(fd, bytes, sizeof(bytes));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        rings += (unsigned)n;
        if ((size_t)n < sizeof(bytes)) {
            break; /* empty, as far as one look can tell */
        }
    }
    return rings;
}
