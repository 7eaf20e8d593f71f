/* SPDX-License-Identifier: Apache-2.0 */
#include "master/loop.h"

#include <stdint.h>
#include <string.h>
#include <time.h>
#include "base/log.h"

/* In a row, with a pause after each. */
#define FAILURES_MAX 100u
#define PAUSE_NSEC 100000000L

int loop_run(sd_event *loop, int failed)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NSEC};
    unsigned failures = 0;
    int status = failed;

    while (sd_event_get_state(loop) != SD_EVENT_FINISHED) {
        int r = sd_event_run(loop, UINT64_MAX);

        if (r >= 0) {
            failures = 0;
            continue;
        }
        log_write(LOG_LEVEL_ALERT, NULL, "the event loop failed: %s", strerror(-r));
        if (++failures == FAILURES_MAX)
            return failed;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    return sd_event_get_exit_code(loop, &status) < 0 ? failed : status;
}
