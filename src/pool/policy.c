/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/policy.h"

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The size by process manager: one line for each when dynamic and ondemand come. */
static uint32_t wanted_size(const struct policy_input *in)
{
    if (in->stopping)
        return 0;
    switch (in->pm) {
    case CONF_PM_STATIC:
        return in->max_children;
    case CONF_PM_DYNAMIC:
    case CONF_PM_ONDEMAND:
        break; /* conf refuses them; a full gang serves in any case */
    }
    return in->max_children;
}

/* How many may be on their way at once. */
static uint32_t start_window(const struct policy_input *in)
{
    if (in->held)
        return 0;
    if (in->failing)
        return 1;
    return in->proven ? POLICY_PROVEN_STARTS : POLICY_UNPROVEN_STARTS;
}

struct policy_answer policy_decide(const struct policy_input *in)
{
    struct policy_answer out = {0};
    uint64_t have = (uint64_t)in->pending + in->serving;
    uint64_t alive = have + in->leaving;
    uint32_t window = start_window(in);

    out.wanted = wanted_size(in);
    if (have > out.wanted) {
        out.retire = (uint32_t)(have - out.wanted);
        return out;
    }
    /* A worker that is leaving still occupies its slot: max_children bounds processes. */
    uint32_t room = alive < in->max_children ? in->max_children - (uint32_t)alive : 0;
    uint32_t missing = least(out.wanted - (uint32_t)have, room);

    out.start = least(missing, window > in->pending ? window - in->pending : 0);
    return out;
}
