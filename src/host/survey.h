/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SURVEY_H
#define GANGER_HOST_SURVEY_H

/*
 * What many processes use, measured beside the event loop: by a thread that exists as long as one
 * survey takes and touches nothing but the files of /proc and its own list.  So whoever is measured
 * can make nobody wait (host/meter.h), and a slow survey holds up nothing.
 *
 * It takes no signal, starts no process (a parent-death signal comes when the thread that forked ends)
 * and never holds up an exec or an exit: what it waits for in the kernel ends when it is killed.  Nor
 * may anything call glibc's set*id() beside it, which would wait for it.
 *
 * A thread that does not come back is left where it is (it ends with the process, or at its exec),
 * and until it does the proportional sizes, for which it waits, are asked of nobody; nor are they for
 * a while after that: it may have been at work all the time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "host/meter.h"

struct survey;

/* As meter_family(); for tests another one. */
typedef int survey_meter(pid_t pid, bool rollup, struct meter_family *ret);

/* None under way.  0 or negative. */
int survey_new(struct survey **ret, survey_meter *meter, struct error *err);
/* Becomes readable when a survey is over; borrowed. */
int survey_fd(const struct survey *s);
/* Begin one of these processes (copied); `now` is monotonic.  0; SURVEY_BUSY while the one before is
 * under way and has been for less than SURVEY_PATIENCE; negative: no memory, no thread. */
enum { SURVEY_BUSY = 1 };
#define SURVEY_PATIENCE UINT64_C(10000000) /* microseconds */
/* Begun after one was given up, for so long: a survey without proportional sizes. */
#define SURVEY_REST (20 * SURVEY_PATIENCE)
int survey_start(struct survey *s, const pid_t *pids, size_t count, uint64_t now,
                 struct error *err);
struct survey_result {
    int error; /* 0, or as meter_family() */
    struct meter_family family;
};
/* What came of it, in the order of the processes; NULL when none is over.  The caller frees it. */
struct survey_result *survey_take(struct survey *s, size_t *ret_count, uint64_t *ret_took);
/* NULL is allowed; returns NULL. */
struct survey *survey_free(struct survey *s);

#endif
