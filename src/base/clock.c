/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and date stamps.  Month names are a table: stamps must not depend on a locale. */
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t clock_read(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now); /* cannot fail for these two clocks on Linux */
    return (uint64_t)now.tv_sec * CLOCK_SEC + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t clock_monotonic(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_wall(void)
{
    return clock_read(CLOCK_REALTIME);
}

static const char *clock_month(int month)
{
    static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    return month >= 0 && month < 12 ? names[month] : "???";
}

/* A time stamp can come from board memory: whatever it is, the result is a date. */
static void clock_break_down(uint64_t wall_usec, struct tm *out)
{
    time_t seconds = (time_t)(wall_usec / CLOCK_SEC);

    memset(out, 0, sizeof(*out));
    if (localtime_r(&seconds, out) == NULL || out->tm_year > 9999 - 1900) {
        memset(out, 0, sizeof(*out));
        out->tm_mday = 1;
        out->tm_year = 70;
    }
}

char *clock_format_log(char out[CLOCK_TEXT_MAX], uint64_t wall_usec)
{
    struct tm t;

    clock_break_down(wall_usec, &t);
    (void)snprintf(out, CLOCK_TEXT_MAX, "%02d-%s-%04lld %02d:%02d:%02d", t.tm_mday,
                   clock_month(t.tm_mon), t.tm_year + 1900LL, t.tm_hour, t.tm_min, t.tm_sec);
    return out;
}

char *clock_format_status(char out[CLOCK_TEXT_MAX], uint64_t wall_usec)
{
    struct tm t;
    unsigned minutes;

    clock_break_down(wall_usec, &t);
    minutes = (unsigned)labs(t.tm_gmtoff) / 60u;
    (void)snprintf(out, CLOCK_TEXT_MAX, "%02d/%s/%04lld:%02d:%02d:%02d %c%02u%02u", t.tm_mday,
                   clock_month(t.tm_mon), t.tm_year + 1900LL, t.tm_hour, t.tm_min, t.tm_sec,
                   t.tm_gmtoff < 0 ? '-' : '+', minutes / 60 % 24, minutes % 60);
    return out;
}
