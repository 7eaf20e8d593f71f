/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the examination of a slow native program. */
#include "pool/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include "base/descriptor.h"
#include "host/handover.h"

static int fill_settings(struct settings *s, const struct conf_pool *p, const struct plan_case *c)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"request_slowlog_trace_depth", p->request_slowlog_trace_depth},
        {"slowlog.timeout", p->slowlog_timeout},
        {"process_dumpable", p->process_dumpable},
        {"program", (uint64_t)c->pid},
        {"age", c->age},
        {"timeout", c->timeout},
        {"omitted", c->omitted},
    };
    int r = settings_add(s, "pool", p->name);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && r == 0; i++)
        r = settings_add_number(s, rows[i].name, rows[i].value);
    for (size_t i = 0; i < p->slowlog_command.count && r == 0; i++)
        r = settings_add(s, "slowlog.command", p->slowlog_command.items[i]);
    return r;
}

static int seal(const struct conf_pool *p, const struct plan_case *c, struct error *err)
{
    struct settings settings;

    settings_init(&settings);
    int r = fill_settings(&settings, p, c);
    if (r == 0)
        r = handover_seal(bytes_front(&settings.block), bytes_held(&settings.block),
                          "ganger-settings", err);
    else
        (void)error_errno(err, -r, "settings");
    settings_clear(&settings);
    return r;
}

int plan_examine(const struct plan *p, const struct plan_case *c, struct spawned *ret,
                 struct error *err)
{
    struct spawn_plan spawn = SPAWN_PLAN_INIT;
    char program[] = "ganger-slow", word[] = HANDOVER_SLOW_WORD, enter[] = "chroot";
    char *argv[] = {program, p->pool->name, word, p->pool->chroot == NULL ? NULL : enter, NULL};
    int r = plan_usable(p, err);

    if (r < 0)
        return r;
    __attribute__((cleanup(descriptor_cleanup))) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return error_errno(err, errno, "/dev/null");
    __attribute__((cleanup(descriptor_cleanup))) int settings = seal(p->pool, c, err);
    if (settings < 0)
        return settings;
    const struct spawn_fd fds[] = {
        {.from = null, .to = 0},
        {.from = null, .to = 1},
        {.from = null, .to = 2},
        {.from = settings, .to = HANDOVER_SETTINGS},
        {.from = c->log, .to = HANDOVER_SLOW_LOG},
        {.from = c->pidfd, .to = HANDOVER_SLOW_PROGRAM},
    };
    plan_fill(p, &spawn);
    spawn.argv = argv;
    spawn.fds = fds;
    spawn.fd_count = sizeof(fds) / sizeof(fds[0]);
    spawn.death_signal = SIGTERM;
    return spawn_fork(&spawn, ret, err);
}
