/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the last `threshold` faults. */
#include "pool/emergency.h"

#include <signal.h>

void emergency_init(struct emergency *e, uint32_t threshold, uint64_t interval)
{
    e->threshold = threshold > EMERGENCY_MAX ? EMERGENCY_MAX : threshold;
    e->interval = interval;
    e->count = 0;
    e->next = 0;
}

bool emergency_fault(struct emergency *e, int signal, uint64_t now)
{
    if ((signal != SIGSEGV && signal != SIGBUS) || e->threshold == 0 || e->interval == 0)
        return false;
    e->times[e->next] = now;
    e->next = (e->next + 1) % e->threshold;
    if (e->count < e->threshold)
        e->count++;
    /* The entry to be overwritten next is the oldest. */
    if (e->count < e->threshold || now - e->times[e->next] > e->interval)
        return false;
    e->count = 0;
    e->next = 0;
    return true;
}
