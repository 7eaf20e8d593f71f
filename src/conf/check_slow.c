/* SPDX-License-Identifier: Apache-2.0 */

/* What the options of the slow log must satisfy together. */

#include <string.h>
#include "conf/draft.h"

static void check_word(struct draft *d, const struct draft_pool *p, size_t item)
{
    const char *word = p->pool.slowlog_command.items[item];
    struct place where = draft_place(d, p, "slowlog.command", item);

    for (const char *at = strchr(word, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == 'p' || at[1] == '%')
            continue;
        complaint_error(d->box, &where,
                        "slowlog.command: \"%s\": %%%.1s is not known; %%p is the pid of the slow "
                        "program, %%%% a percent sign",
                        word, at + 1);
        return;
    }
}

void conf_check_slow(struct draft *d, const struct draft_pool *p)
{
    const struct conf_pool *c = &p->pool;
    struct place where;

    for (size_t i = 0; i < c->slowlog_command.count; i++)
        check_word(d, p, i);
    if (c->slowlog_timeout == 0) {
        where = draft_place(d, p, "slowlog.timeout", 0);
        complaint_error(d->box, &where,
                        "slowlog.timeout: 0 is not allowed; slowlog.command has to end some time");
    }
    if (c->slowlog != NULL)
        return;
    if (c->request_slowlog_timeout > 0) {
        where = draft_place(d, p, "request_slowlog_timeout", 0);
        complaint_error(d->box, &where,
                        "request_slowlog_timeout needs slowlog; set it to the file that says which "
                        "requests were slow");
    } else if (c->slowlog_command.count > 0) {
        where = draft_place(d, p, "slowlog.command", 0);
        complaint_warning(d->box, &where,
                          "slowlog.command has no effect without slowlog and "
                          "request_slowlog_timeout");
    }
}
