/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pace.h"

#include "base/clock.h"

/* Bring `second` to the one that `now` lies in. */
static void pace_renew(struct pace *p, const struct pace_law *law, uint64_t now)
{
    uint64_t passed;

    if (!p->begun || now < p->second) {
        p->credit = p->begun ? p->credit : law->burst;
        p->begun = true;
        p->second = now;
    }
    passed = (now - p->second) / CLOCK_SEC;
    if (passed == 0) {
        return;
    }
    p->second += passed * CLOCK_SEC;
    if (passed >= law->burst || p->credit + passed * law->per_second >= law->burst) {
        p->credit = law->burst;
    } else {
        p->credit += (unsigned)passed * law->per_second;
    }
}

bool pace_pass(struct pace *p, const struct pace_law *law, uint64_t now)
{
    pace_renew(p, law, now);
    if (p->credit > 0) {
        p->credit--;
        return true;
    }
    pace_hold(p, 1, now);
    return false;
}

void pace_hold(struct pace *p, uint64_t lines, uint64_t now)
{
    if (lines == 0) {
        return;
    }
    if (p->held == 0) {
        p->due = (p->begun && now >= p->second ? p->second : now) + CLOCK_SEC;
    }
    p->held += lines;
}

uint64_t pace_due(const struct pace *p)
{
    return p->held > 0 ? p->due : CLOCK_NEVER;
}

uint64_t pace_take(struct pace *p)
{
    uint64_t held = p->held;

    p->held = 0;
    return held;
}
