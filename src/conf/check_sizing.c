/* SPDX-License-Identifier: Apache-2.0 */

/* PHP-FPM's rules for pm and its numbers, and a word about numbers that another pm would need. */

#include <inttypes.h>
#include <string.h>
#include "conf/draft.h"

static const char *const managers[] = {"static", "dynamic", "ondemand"};

static void check_idle_timeout(struct draft *d, const struct draft_pool *p)
{
    struct place where = draft_place(d, p, "pm.process_idle_timeout", 0);
    if (p->pool.pm_process_idle_timeout == 0)
        complaint_error(d->box, &where,
                        "pm.process_idle_timeout: 0 is not allowed; it must be greater than 0s");
}

/* What has no effect: PHP-FPM says nothing, and people wonder. */
static void check_effect(struct draft *d, const struct draft_pool *p)
{
    static const char *const names[] = {"pm.start_servers", "pm.min_spare_servers",
                                        "pm.max_spare_servers"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct place where = draft_place(d, p, names[i], 0);
        if (draft_is_written(p, names[i]))
            complaint_warning(d->box, &where, "%s has no effect with pm = %s; it is for dynamic",
                              names[i], managers[p->pool.pm]);
    }
}

static void check_dynamic(struct draft *d, const struct draft_pool *p)
{
    const struct conf_pool *c = &p->pool;
    const int64_t children = c->pm_max_children;
    if (c->pm_min_spare_servers <= 0 || c->pm_max_spare_servers <= 0)
        return; /* that has a complaint of its own */
    struct place where = draft_place(d, p, "pm.min_spare_servers", 0);
    if (children > 0 && c->pm_min_spare_servers > children)
        complaint_error(d->box, &where,
                        "pm.min_spare_servers (%" PRId64 ") cannot be greater than pm.max_children "
                        "(%" PRId64 ")",
                        c->pm_min_spare_servers, children);
    where = draft_place(d, p, "pm.max_spare_servers", 0);
    if (children > 0 && c->pm_max_spare_servers > children)
        complaint_error(d->box, &where,
                        "pm.max_spare_servers (%" PRId64 ") cannot be greater than pm.max_children "
                        "(%" PRId64 ")",
                        c->pm_max_spare_servers, children);
    if (c->pm_max_spare_servers < c->pm_min_spare_servers) {
        complaint_error(d->box, &where,
                        "pm.max_spare_servers (%" PRId64 ") must not be less than "
                        "pm.min_spare_servers (%" PRId64 ")",
                        c->pm_max_spare_servers, c->pm_min_spare_servers);
        return;
    }
    where = draft_place(d, p, "pm.start_servers", 0);
    if (c->pm_start_servers != CONF_UNSET && (c->pm_start_servers < c->pm_min_spare_servers ||
                                              c->pm_start_servers > c->pm_max_spare_servers))
        complaint_error(d->box, &where,
                        "pm.start_servers (%" PRId64 ") must not be less than "
                        "pm.min_spare_servers (%" PRId64 ") and not greater than "
                        "pm.max_spare_servers (%" PRId64 ")",
                        c->pm_start_servers, c->pm_min_spare_servers, c->pm_max_spare_servers);
}

void conf_check_sizing(struct draft *d, const struct draft_pool *p)
{
    check_idle_timeout(d, p);
    if (p->pool.pm == CONF_PM_DYNAMIC)
        check_dynamic(d, p);
    else
        check_effect(d, p);
}

void conf_check_sizing_global(struct draft *d)
{
    const struct conf_global *g = &d->global;
    const bool threshold = g->emergency_restart_threshold > 0;
    if (threshold == (g->emergency_restart_interval > 0))
        return;
    const char *one = threshold ? "emergency_restart_threshold" : "emergency_restart_interval";
    const char *other = threshold ? "emergency_restart_interval" : "emergency_restart_threshold";
    struct place where = draft_place(d, NULL, one, 0);
    complaint_warning(d->box, &where, "%s has no effect without %s", one, other);
}
