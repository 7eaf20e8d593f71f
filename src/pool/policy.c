/* SPDX-License-Identifier: Apache-2.0 */
/* All sums are made in 64 bits: no input, however wrong, wraps. */
#include "pool/policy.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint32_t policy_surplus(uint32_t max_children)
{
    return max_children < 8 ? 1 : max_children / 4;
}

struct bounds {
    uint64_t low, high;
};

static struct bounds find_bounds(const struct policy_input *in)
{
    uint64_t load = (uint64_t)in->busy + in->waiting;
    struct bounds b = {in->max_children, in->max_children};

    if (in->pm == CONF_PM_DYNAMIC) {
        b.low = load + in->min_spare;
        b.high = most((uint64_t)in->peak + in->min_spare, (uint64_t)in->busy + in->max_spare);
    } else if (in->pm == CONF_PM_ONDEMAND) {
        b.low = load;
        b.high = in->peak;
    }
    b.low = most(b.low, in->floor);
    b.high = most(b.high, b.low);
    return b;
}

static uint32_t wanted_size(const struct policy_input *in, const struct bounds *b)
{
    uint64_t size = in->size;

    /* Nobody starts a worker on demand in the place of one that died: nobody asked for it. */
    if (in->pm == CONF_PM_ONDEMAND)
        size = least(size, (uint64_t)in->pending + in->serving);
    size = least(most(size, b->low), b->high);
    return (uint32_t)least(size, in->max_children);
}

/* How many may be on their way at once. */
static uint32_t start_window(const struct policy_input *in)
{
    if (in->held)
        return 0;
    if (in->failing)
        return 1;
    return in->proven ? in->max_spawn_rate
                      : (uint32_t)least(POLICY_UNPROVEN_STARTS, in->max_spawn_rate);
}

/*
 * The idle below which the next worker that becomes busy rings: as many as min_spare asks for, and,
 * to learn of every new peak, as many as are left over by the largest number seen so far.
 */
static uint32_t spare_wanted(const struct policy_input *in)
{
    uint64_t spare = above(in->serving, in->noted);
    bool full = (uint64_t)in->pending + in->serving >= in->max_children;

    if (in->stopping)
        return 0;
    if (in->pm == CONF_PM_DYNAMIC && !full)
        spare = most(spare, in->min_spare);
    if (in->pm == CONF_PM_ONDEMAND && !full)
        spare = most(spare, 1);
    return (uint32_t)spare;
}

/* How many of the due may be replaced beside those that are leaving already. */
static uint64_t replaceable(const struct policy_input *in, uint32_t wanted)
{
    uint64_t quarter = least(policy_surplus(wanted), in->surplus);

    return least(in->due, above(quarter, in->leaving));
}

static void decide_starts(const struct policy_input *in, struct policy_answer *out, uint64_t goal)
{
    uint64_t have = (uint64_t)in->pending + in->serving;
    uint64_t alive = have + in->leaving;
    uint64_t room = above((uint64_t)in->max_children + in->surplus, alive);

    room = least(room, in->allowed);
    out->start =
        (uint32_t)least(least(above(goal, have), room), above(start_window(in), in->pending));
}

struct policy_answer policy_decide(const struct policy_input *in)
{
    struct policy_answer out = {0};
    struct bounds bounds = find_bounds(in);
    uint64_t have = (uint64_t)in->pending + in->serving;

    if (in->stopping) {
        out.retire = (uint32_t)least(have, UINT32_MAX);
        return out;
    }
    out.wanted = wanted_size(in, &bounds);
    out.spare_wanted = spare_wanted(in);
    out.reached =
        in->pm != CONF_PM_STATIC && bounds.low > in->max_children && have >= in->max_children;
    out.shrinkable =
        in->pm != CONF_PM_STATIC && out.wanted > (in->pm == CONF_PM_DYNAMIC ? in->max_spare : 0);

    uint64_t replace = replaceable(in, out.wanted);
    uint64_t surplus = above(have, out.wanted);
    uint64_t successors = above(in->serving, out.wanted); /* ready ones */

    decide_starts(in, &out, out.wanted + replace);
    out.retire_due = (uint32_t)least(replace, successors);
    /* process.max leaves no room for a successor: make it. */
    if (replace > 0 && in->allowed == 0 && in->pending == 0 && in->leaving == 0 && surplus == 0)
        out.retire_due = 1;
    /* Too many: the due go first, and need no successor.  Nobody goes for one who is on the way. */
    if (surplus > replace && successors > out.retire_due) {
        uint64_t over = least(surplus - replace, successors - out.retire_due);
        uint64_t of_due = least(over, in->due - out.retire_due);

        out.retire_due += (uint32_t)of_due;
        out.retire = (uint32_t)least(over - of_due, UINT32_MAX);
    }
    return out;
}
