/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/overload.h"

#include "base/clock.h"

#define LOOK_MAX (100 * CLOCK_MSEC)
#define LOOK_LIMIT (20 * CLOCK_MSEC) /* while a queue_limit is set */

uint64_t overload_interval(const struct overload_input *in)
{
    uint64_t interval = in->queue_timeout > 0 ? in->queue_timeout / 16 : LOOK_MAX;

    if (in->queue_limit > 0 && interval > LOOK_LIMIT)
        interval = LOOK_LIMIT;
    return interval < OVERLOAD_LOOK_MIN ? OVERLOAD_LOOK_MIN
           : interval > LOOK_MAX        ? LOOK_MAX
                                        : interval;
}

/* Is there reason to start a shedder? */
static bool too_many(const struct overload *o, const struct overload_input *in)
{
    struct queue_note now = {in->now, in->waiting, in->accepted};

    if (!o->full)
        return false;
    if (in->queue_limit > 0 && in->waiting > in->queue_limit)
        return true;
    return in->queue_timeout > 0 && queue_age_overdue(&o->age, &now, in->queue_timeout / 4) > 0;
}

bool overload_decide(struct overload *o, const struct overload_input *in)
{
    struct queue_note note = {in->now, in->waiting, in->accepted};

    o->full = in->known && in->waiting > 0 && !in->idle && in->at_max && !in->stopping;
    if (in->stopping || !in->known || (in->queue_limit == 0 && in->queue_timeout == 0)) {
        o->shedding = false;
        o->calm_since = 0;
        return false;
    }
    if (in->waiting > 0)
        o->calm_since = 0;
    else if (o->calm_since == 0)
        o->calm_since = in->now > 0 ? in->now : 1;
    if (!o->shedding)
        o->shedding = too_many(o, in);
    else if (o->calm_since > 0 && in->now - o->calm_since >= OVERLOAD_CALM)
        o->shedding = false;
    queue_age_note(&o->age, &note, in->queue_timeout / 64);
    return o->shedding;
}
