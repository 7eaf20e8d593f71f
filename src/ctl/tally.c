/* SPDX-License-Identifier: Apache-2.0 */
/* What the figures add up to. */

#include "ctl/tally.h"

uint64_t tally_failed(const struct tally *t)
{
    uint64_t failed = 0;
    for (unsigned i = 0; i < TALLY_FAULTS; i++)
        failed += t->faults[i];
    return failed;
}

uint64_t tally_requests(const struct tally *t)
{
    return t->answered + t->unanswered;
}

double tally_rate(const struct tally *t)
{
    return t->elapsed == 0 ? 0 : (double)t->answered * 1e9 / (double)t->elapsed;
}
