/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_METER_H
#define GANGER_HOST_METER_H

/*
 * How much memory a process uses, from /proc.  `pid` must be a child that has not been reaped:
 * then no other process can have its number.  All numbers are bytes.
 */

#include <stdint.h>
#include <sys/types.h>

struct meter_memory {
    uint64_t resident;     /* all of it that is in memory, whoever else uses the pages too */
    uint64_t proportional; /* each page divided by the number of its users; 0: not told */
    uint64_t private;      /* pages that nobody else uses; 0: not told */
    uint64_t swapped;      /* 0: not told */
};

/*
 * Resident size alone: one small read, cheap enough for every worker once a second.  It counts
 * shared pages in full, so workers that are forks of one template look larger than they cost.
 * 0; -ESRCH: gone, or a zombie (a zombie has no memory); other negative.
 */
int meter_resident(pid_t pid, uint64_t *ret);
/*
 * All of *ret.  The kernel walks the process's whole page table: milliseconds for a large one, so
 * for a page that somebody looks at.  What needs more rights than the caller has (another user's
 * process, without CAP_SYS_PTRACE) stays 0 and is no failure.  0 or negative, as above.
 */
int meter_memory(pid_t pid, struct meter_memory *ret);

#endif
