/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_CLOCK_H
#define GANGER_BASE_CLOCK_H

/* Time in microseconds.  Every deadline uses the monotonic clock; the wall clock only dates logs. */

#include <stdint.h>

#define CLOCK_MSEC UINT64_C(1000)
#define CLOCK_SEC UINT64_C(1000000)
#define CLOCK_NEVER UINT64_MAX

uint64_t clock_monotonic(void);
uint64_t clock_wall(void); /* since 1970-01-01 UTC */

#define CLOCK_TEXT_MAX 40
/* "21-Nov-2026 22:31:40" in local time, PHP-FPM's log stamp; returns `out`. */
char *clock_format_log(char out[CLOCK_TEXT_MAX], uint64_t wall_usec);
/* "21/Nov/2026:22:31:40 +0000", PHP-FPM's status stamp; returns `out`. */
char *clock_format_status(char out[CLOCK_TEXT_MAX], uint64_t wall_usec);

#endif
