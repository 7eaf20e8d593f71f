/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/change.h"

#include <stddef.h>

struct change_answer change_decide(const struct change_input *in)
{
    struct change_answer out = {.action = CHANGE_NOTHING};
    enum conf_change difference;

    if (in->next == NULL) {
        out.action = in->current != NULL || in->coming != NULL ? CHANGE_DROP : CHANGE_NOTHING;
        out.end_coming = in->coming != NULL;
        return out;
    }
    if (in->stopped) {
        out.action = in->current == NULL ? CHANGE_ADD : CHANGE_NOTE;
        out.end_coming = in->coming != NULL;
        return out;
    }
    if (in->coming != NULL) {
        difference = conf_pool_compare(in->coming, in->next);
        if (difference != CONF_REPLACE) {
            out.action = difference == CONF_KEEP ? CHANGE_KEEP : CHANGE_TUNE;
            out.on_coming = true;
            return out;
        }
        out.end_coming = true;
    }
    if (in->current == NULL) {
        out.action = CHANGE_ADD;
        return out;
    }
    difference = in->broken ? CONF_REPLACE : conf_pool_compare(in->current, in->next);
    out.action = difference == CONF_KEEP   ? CHANGE_KEEP
                 : difference == CONF_TUNE ? CHANGE_TUNE
                                           : CHANGE_REPLACE;
    return out;
}
