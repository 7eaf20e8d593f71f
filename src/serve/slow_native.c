/* SPDX-License-Identifier: Apache-2.0 */
/* `ganger-worker POOL slow`: the master has found a native program slow, and wants it examined. */
#include "serve/slow_native.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/sanitized.h"
#include "base/settings.h"
#include "host/errand.h"
#include "host/handover.h"
#include "host/process.h"
#include "serve/slow_case.h"

/* The words of slowlog.command, NULL-terminated, borrowed; NULL when there is none, or no memory. */
static char **list_hook(const struct settings *s)
{
    size_t count = 0;

    while (settings_get_nth(s, "slowlog.command", count) != NULL)
        count++;
    char **list = count == 0 ? NULL : calloc(count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) /* nobody writes to them */
        list[i] = (char *)(uintptr_t)settings_get_nth(s, "slowlog.command", i);
    return list;
}

static int examine(const struct settings *s)
{
    uint64_t pid = settings_get_number(s, "program", 0);
    uint64_t depth = settings_get_number(s, "request_slowlog_trace_depth", 20);
    char **hook = list_hook(s);
    const struct slow_case c = {
        .pool = settings_get(s, "pool", "?"),
        .worker = (pid_t)pid,
        .program = (pid_t)pid,
        .pidfd = HANDOVER_SLOW_PROGRAM,
        .log = HANDOVER_SLOW_LOG,
        .age = settings_get_number(s, "age", 0),
        .timeout = settings_get_number(s, "timeout", 0),
        .omitted = (unsigned)settings_get_number(s, "omitted", 0),
        .depth = depth > 1000 ? 1000 : (unsigned)depth,
        .hook = hook,
        .hook_timeout = settings_get_number(s, "slowlog.timeout", 5 * CLOCK_SEC),
    };
    int status = pid > 1 && pid <= INT_MAX ? slow_examine(&c) : EINVAL;

    free(hook);
    return status;
}

int slow_native_run(void)
{
    struct settings settings;
    struct error err = ERROR_NONE;
    void *data = NULL;
    size_t length = 0;
    int status = EINVAL;

    if (descriptor_open_standard() < 0)
        return EMFILE;
    /* What it could be made to write by its pool's other processes would stand in the slow log. */
    settings_init(&settings);
    int r = handover_read(HANDOVER_SETTINGS, SETTINGS_MAX, &data, &length, &err);
    if (r >= 0)
        r = settings_load(&settings, data, length, &err);
    free(data);
    if (r >= 0 && !SANITIZED && settings_get_number(&settings, "process_dumpable", 0) == 0)
        process_undumpable();
    process_set_name("ganger-slow");
    if (r < 0)
        status = -r;
    else if (errand_settle_in(getppid()) == 0 && descriptor_cloexec(HANDOVER_SLOW_LOG, true) == 0 &&
             descriptor_cloexec(HANDOVER_SLOW_PROGRAM, true) == 0)
        status = examine(&settings);
    settings_clear(&settings);
    return status;
}
