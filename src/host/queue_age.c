/* SPDX-License-Identifier: Apache-2.0 */
#include "host/queue_age.h"

static const struct queue_note *note_at(const struct queue_age *a, size_t i)
{
    return &a->notes[(a->first + i) % QUEUE_AGE_NOTES];
}

void queue_age_note(struct queue_age *a, const struct queue_note *n, uint64_t apart)
{
    if (a->count > 0 && n->when - note_at(a, a->count - 1)->when < apart)
        return;
    if (a->count == QUEUE_AGE_NOTES) {
        a->first = (a->first + 1) % QUEUE_AGE_NOTES;
        a->count--;
    }
    a->notes[(a->first + a->count++) % QUEUE_AGE_NOTES] = *n;
}

uint64_t queue_age_overdue(const struct queue_age *a, const struct queue_note *now, uint64_t age)
{
    /* The youngest note that is old enough knows of the most. */
    for (size_t i = a->count; i > 0; i--) {
        const struct queue_note *then = note_at(a, i - 1);
        if (now->when < then->when || now->when - then->when < age)
            continue;
        if (now->accepted < then->accepted || now->accepted - then->accepted >= then->waiting)
            return 0;
        uint64_t left = then->waiting - (now->accepted - then->accepted);
        return left < now->waiting ? left : now->waiting;
    }
    return 0;
}
