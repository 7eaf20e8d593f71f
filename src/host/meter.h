/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_METER_H
#define GANGER_HOST_METER_H

/*
 * How much memory a process uses, from /proc.  `pid` must be a child that has not been reaped:
 * then no other process can have its number.  All numbers are bytes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Resident size alone: one small read, cheap enough for every worker once a second.  It counts
 * shared pages in full, so workers that are forks of one template look larger than they cost.
 * 0; -ESRCH: gone, or a zombie (a zombie has no memory); other negative.
 */
int meter_resident(pid_t pid, uint64_t *ret);
/*
 * A process together with its descendants, METER_FAMILY_MAX of them at most (where the kernel shows
 * /proc/PID/task/TID/children; else it alone).
 *
 * With `rollup` the proportional size, too.  For that the kernel walks the process's whole page table,
 * milliseconds for a large one, and takes the lock of its memory, and waits for it: as long as that
 * process likes (one that maps files of a file system of its own can hold it for ever).  Without
 * `rollup` nothing here waits for anybody.  What needs more rights than the caller has (another user's
 * process, without CAP_SYS_PTRACE) stays 0 and is no failure.
 * 0 or negative, as above.
 */
#define METER_FAMILY_MAX 64
struct meter_family {
    uint64_t resident, proportional; /* bytes, sums; proportional 0: not told */
    uint64_t cpu; /* microseconds, of `pid` and of the children that it has waited for */
    uint32_t processes;
};
int meter_family(pid_t pid, bool rollup, struct meter_family *ret);

#endif
