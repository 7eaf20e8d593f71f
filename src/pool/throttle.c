/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: pause == 0 exactly when failures == 0; bucket <= THROTTLE_BURST, in millionths. */
#include "pool/throttle.h"

#define DROP UINT64_C(1000000) /* one death in the bucket */

bool throttle_failed(struct throttle *t, uint64_t now)
{
    if (t->failures > 0 && now < t->until)
        return false;
    t->pause = t->failures == 0 ? THROTTLE_FIRST : t->pause * 2;
    if (t->pause > THROTTLE_LONGEST)
        t->pause = THROTTLE_LONGEST;
    if (t->failures < UINT32_MAX)
        t->failures++;
    t->until = now + t->pause;
    return t->failures == 1;
}

bool throttle_died(struct throttle *t, uint64_t now)
{
    uint64_t passed = now > t->leaked ? now - t->leaked : 0;
    uint64_t leak = passed > UINT64_C(1000000000) ? UINT64_MAX : passed * THROTTLE_RATE;

    t->leaked = now;
    t->bucket = t->bucket > leak ? t->bucket - leak : 0;
    if (t->bucket + DROP <= THROTTLE_BURST * DROP) {
        t->bucket += DROP;
        return false;
    }
    (void)throttle_failed(t, now);
    return true;
}

bool throttle_proved(struct throttle *t)
{
    bool was = t->failures > 0;

    t->failures = 0;
    t->pause = 0;
    t->until = 0;
    return was;
}

bool throttle_allows(const struct throttle *t, uint64_t now)
{
    return now >= t->until;
}

bool throttle_failing(const struct throttle *t)
{
    return t->failures > 0;
}
