/* SPDX-License-Identifier: Apache-2.0 */
/* What a gang has to say: sentences for the log, and why it is failing. */
#include "pool/gang_struct.h"

#include <stdarg.h>
#include <stdio.h>

static void say(struct gang *g, pid_t worker, enum log_level level, const char *format,
                va_list arguments) __attribute__((format(printf, 4, 0)));

static void say(struct gang *g, pid_t worker, enum log_level level, const char *format,
                va_list arguments)
{
    char text[ERROR_TEXT_MAX];

    (void)vsnprintf(text, sizeof(text), format, arguments);
    g->hooks.say(g->hooks.cookie, g, worker, level, text);
}

void gang_say(struct gang *g, enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(g, 0, level, format, arguments);
    va_end(arguments);
}

void gang_say_of(struct gang *g, pid_t worker, enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(g, worker, level, format, arguments);
    va_end(arguments);
}

void gang_say_debug(struct gang *g, const struct worker *w, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    if (log_get_level() < LOG_LEVEL_DEBUG)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    gang_say_of(g, w->pid, LOG_LEVEL_DEBUG, "worker %d %s", (int)w->pid, text);
}

void gang_set_reason(struct gang *g, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(g->reason, sizeof(g->reason), format, arguments);
    va_end(arguments);
}
