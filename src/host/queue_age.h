/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_QUEUE_AGE_H
#define GANGER_HOST_QUEUE_AGE_H

/*
 * How long have the connections in a queue waited?  The kernel does not say, but a queue is first
 * in, first out: of those that waited at one moment, those wait still that have not been accepted
 * since.  So from notes of (time, waiting, accepted by anybody since the beginning) follows how
 * many have waited longer than some time.  Numbers in, numbers out.
 */

#include <stddef.h>
#include <stdint.h>

#define QUEUE_AGE_NOTES 20 /* kept; the newest */

struct queue_note {
    uint64_t when; /* monotonic microseconds; never goes back */
    uint64_t waiting;
    uint64_t accepted;
};

struct queue_age { /* zeroed: nothing noted */
    struct queue_note notes[QUEUE_AGE_NOTES];
    size_t first, count; /* a ring, oldest first */
};

/* Remember *n, unless the newest note is younger than `apart` microseconds. */
void queue_age_note(struct queue_age *a, const struct queue_note *n, uint64_t apart);
/* How many of those that wait at *now have done so for `age` microseconds or longer: a number that
 * is never too high as long as `accepted` is not too low.  0 when no note is that old. */
uint64_t queue_age_overdue(const struct queue_age *a, const struct queue_note *now, uint64_t age);

#endif
