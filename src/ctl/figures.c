/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds in the comparisons are where printf's rounding would need one more digit. */

#include "ctl/figures.h"

#include <stdio.h>

enum { DAYS_MAX = 99999 }; /* more is nobody's age */

char *figures_age(char out[FIGURES_MAX], uint64_t seconds)
{
    unsigned long long s = seconds;
    if (s < 60)
        snprintf(out, FIGURES_MAX, "%llus", s);
    else if (s < 3600)
        snprintf(out, FIGURES_MAX, "%llum", s / 60);
    else if (s < 86400)
        snprintf(out, FIGURES_MAX, "%lluh%02llum", s / 3600, s / 60 % 60);
    else if (s < 864000)
        snprintf(out, FIGURES_MAX, "%llud%02lluh", s / 86400, s / 3600 % 24);
    else
        snprintf(out, FIGURES_MAX, "%llud", s / 86400 < DAYS_MAX ? s / 86400 : DAYS_MAX);
    return out;
}

/* Three digits and the unit whose turn it is. */
static char *scaled(char out[FIGURES_MAX], double value, double step, const char *units)
{
    while (value >= (step < 1001 ? 999.5 : 1023.5) && units[1] != '\0') {
        value /= step;
        units++;
    }
    if (*units == ' ')
        snprintf(out, FIGURES_MAX, "%.0f", value);
    else
        snprintf(out, FIGURES_MAX, value < 9.95 ? "%.1f%c" : "%.0f%c", value, *units);
    return out;
}

char *figures_bytes(char out[FIGURES_MAX], uint64_t bytes)
{
    if (bytes == 0)
        snprintf(out, FIGURES_MAX, "0");
    else
        scaled(out, (double)bytes / 1024, 1024, "KMGTPE");
    return out;
}

char *figures_count(char out[FIGURES_MAX], uint64_t count)
{
    if (count < 100000)
        snprintf(out, FIGURES_MAX, "%llu", (unsigned long long)count);
    else
        scaled(out, (double)count, 1000, " kMGTPE");
    return out;
}

char *figures_rate(char out[FIGURES_MAX], double rate)
{
    if (!(rate >= 0.005)) /* also what is no number */
        snprintf(out, FIGURES_MAX, "0");
    else if (rate < 0.095)
        snprintf(out, FIGURES_MAX, "%.2f", rate);
    else if (rate < 99.95)
        snprintf(out, FIGURES_MAX, "%.1f", rate);
    else if (rate < 99999.5)
        snprintf(out, FIGURES_MAX, "%.0f", rate);
    else
        scaled(out, rate < 1e18 ? rate : 1e18, 1000, " kMGTPE");
    return out;
}

char *figures_span(char out[FIGURES_MAX], double seconds)
{
    if (!(seconds >= 0.5e-6))
        snprintf(out, FIGURES_MAX, "0");
    else if (seconds < 0.9995e-3)
        snprintf(out, FIGURES_MAX, "%.0fus", seconds * 1e6);
    else if (seconds < 9.95e-3)
        snprintf(out, FIGURES_MAX, "%.1fms", seconds * 1e3);
    else if (seconds < 0.9995)
        snprintf(out, FIGURES_MAX, "%.0fms", seconds * 1e3);
    else if (seconds < 59.95)
        snprintf(out, FIGURES_MAX, "%.1fs", seconds);
    else if (seconds < 3600)
        snprintf(out, FIGURES_MAX, "%um%02us", (unsigned)seconds / 60, (unsigned)seconds % 60);
    else
        figures_age(out, seconds < 1e15 ? (uint64_t)seconds : UINT64_C(1000000000000000));
    return out;
}
