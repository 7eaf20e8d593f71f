/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_SLOW_NATIVE_H
#define GANGER_SERVE_SLOW_NATIVE_H

/* The whole life of a process that was started as `ganger-worker POOL slow` (host/handover.h).  Its exit
 * status: 0, or an errno value that says why there is no entry in the slow log. */
int slow_native_run(void);

#endif
