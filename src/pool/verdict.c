/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/verdict.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "pool/throttle.h"

/* Signals that somebody sends, in contrast to those that a program earns. */
static bool from_outside(const struct verdict_facts *f)
{
    static const int sent[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

    if (f->code != CLD_KILLED && f->code != CLD_DUMPED)
        return false;
    for (unsigned i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        if (f->status == sent[i])
            return true;
    }
    return false;
}

static enum verdict_blame blame(const struct verdict_facts *f)
{
    switch (f->burial) {
    case LIFECYCLE_DO_BURY_EARLY:
        return f->proven && !f->failing && from_outside(f) ? VERDICT_DIED : VERDICT_FAILED;
    case LIFECYCLE_DO_BURY_LOST:
        return f->lived < VERDICT_YOUNG && !f->served && !from_outside(f) ? VERDICT_FAILED
                                                                          : VERDICT_DIED;
    default:
        return VERDICT_NONE;
    }
}

static enum verdict_sort sort(const struct verdict_facts *f)
{
    if (f->burial == LIFECYCLE_DO_BURY_ASKED && f->state != LIFECYCLE_KILLED)
        return VERDICT_OK;
    if (f->code != CLD_EXITED)
        return VERDICT_SIGNAL;
    return f->status == 0 ? VERDICT_OK : VERDICT_ERROR;
}

struct verdict verdict_judge(const struct verdict_facts *f)
{
    struct verdict v = {.blame = blame(f), .sort = sort(f)};

    v.proof = f->burial != LIFECYCLE_DO_BURY_EARLY && (f->served || f->lived >= THROTTLE_PROOF);
    if (v.blame == VERDICT_NONE)
        /* Not even leaving went well: killed by us, or its last deeds failed. */
        v.level = f->state == LIFECYCLE_KILLED || f->code == CLD_DUMPED ||
                          (f->code == CLD_EXITED && f->status != 0)
                      ? LOG_LEVEL_WARNING
                      : LOG_LEVEL_DEBUG;
    else if (v.blame == VERDICT_FAILED && f->failing)
        v.level = LOG_LEVEL_DEBUG; /* said once already */
    else if (v.sort == VERDICT_OK)
        v.level = f->native && f->served ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE;
    else
        v.level = LOG_LEVEL_WARNING;
    return v;
}

char *verdict_text(char out[VERDICT_TEXT_MAX], int code, int status)
{
    if (code == CLD_EXITED) {
        (void)snprintf(out, VERDICT_TEXT_MAX, "exited with status %d", status);
        return out;
    }
    const char *name = sigabbrev_np(status);
    (void)snprintf(out, VERDICT_TEXT_MAX, "was killed by signal %d (%s)%s", status,
                   name == NULL ? "?" : name, code == CLD_DUMPED ? ", core dumped" : "");
    return out;
}
