/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of `gangerctl request`.  Times are kept in microseconds and shown in milliseconds. */

#include "ctl/timing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int timing_init(struct timing *t, size_t count)
{
    memset(t, 0, sizeof *t);
    t->totals = calloc(count, sizeof *t->totals);
    if (t->totals == NULL)
        return -ENOMEM;
    t->capacity = count;
    return 0;
}

void timing_clear(struct timing *t)
{
    free(t->totals);
    memset(t, 0, sizeof *t);
}

void timing_connected(struct timing *t, uint64_t usec)
{
    t->connect = usec;
}

void timing_request(struct timing *t, const struct exchange *x, uint64_t begun, uint64_t ended,
                    unsigned status, bool bad)
{
    t->first = x->first_byte > begun ? x->first_byte - begun : 0;
    t->total = ended - begun;
    t->sent = x->sent;
    t->received = x->received;
    t->app_status = x->app_status;
    t->status = status;
    if (bad)
        t->bad++;
    if (t->count < t->capacity)
        t->totals[t->count++] = t->total;
}

static double msec(uint64_t usec)
{
    return (double)usec / 1000;
}

void timing_print_request(struct timing *t, FILE *to)
{
    fprintf(to,
            "connect %.3f ms, first byte %.3f ms, total %.3f ms, sent %llu bytes, received %llu "
            "bytes, status %u, app status %u\n",
            msec(t->connect), msec(t->first), msec(t->total), (unsigned long long)t->sent,
            (unsigned long long)t->received, t->status, t->app_status);
    t->connect = 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void timing_print_all(struct timing *t, FILE *to)
{
    if (t->count == 0)
        return;
    qsort(t->totals, t->count, sizeof *t->totals, compare);
    fprintf(to,
            "%zu requests, %u bad, %u reconnects; total: shortest %.3f ms, median %.3f ms, "
            "longest %.3f ms\n",
            t->count, t->bad, t->reconnects, msec(t->totals[0]), msec(t->totals[t->count / 2]),
            msec(t->totals[t->count - 1]));
}
