/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_VERDICT_H
#define GANGER_POOL_VERDICT_H

/*
 * What a worker's death says about its pool.  Pure: the facts are the kernel's (how it ended, how
 * long it lived) and our own table's; only `served` is gossip from the board, and a lie there is
 * bounded by the throttle's bucket.
 *
 * A start that failed: it died before it was ready; or it ended by itself (not by a signal that
 * people send) within a second of its start without having served.  Exception: an outsider's kill
 * in the moments before it was ready, in a pool whose workers are known to start, is only a death.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "pool/lifecycle.h"

#define VERDICT_YOUNG UINT64_C(1000000) /* microseconds */

struct verdict_facts {
    enum lifecycle_action burial; /* LIFECYCLE_DO_BURY_* */
    enum lifecycle_state state;   /* the state that it died in */
    int code;                     /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
    int status;                   /* exit status or signal number */
    uint64_t lived;               /* microseconds since the fork */
    bool served;                  /* it answered a request, says the board */
    bool proven;                  /* a worker of this pool has been ready before */
    bool failing;                 /* the pool's starts are failing */
    bool native;                  /* a native program: some leave by themselves after N requests */
};

enum verdict_blame {
    VERDICT_NONE,   /* it left as asked */
    VERDICT_DIED,   /* throttle_died() */
    VERDICT_FAILED, /* throttle_failed() */
};
enum verdict_sort { VERDICT_OK, VERDICT_ERROR, VERDICT_SIGNAL }; /* exits_ok, _error, _signal */

struct verdict {
    enum verdict_blame blame;
    enum verdict_sort sort;
    enum log_level level; /* for the line that reports it */
    bool proof;           /* it served or lived long enough to end a row of failures */
};

struct verdict verdict_judge(const struct verdict_facts *facts);

#define VERDICT_TEXT_MAX 96
/* "exited with status 3", "was killed by signal 11 (SEGV)", ", core dumped" when so. */
char *verdict_text(char out[VERDICT_TEXT_MAX], int code, int status);

#endif
