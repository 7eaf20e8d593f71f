/* SPDX-License-Identifier: Apache-2.0 */
#include "master/voice.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "pool/gang.h"

#define ESCAPED_MAX 16384u

static void say_suppressed(const char *pool, unsigned suppressed)
{
    log_write(LOG_LEVEL_WARNING, pool, "suppressed %u lines of its workers (more than %u a second)",
              suppressed, VOICE_LINES_PER_SECOND);
}

void voice_line(struct voice *v, const char *pool, pid_t pid, int level, const char *line,
                size_t length, uint64_t now)
{
    enum log_level as = level < 0 ? LOG_LEVEL_WARNING : (enum log_level)level;
    unsigned suppressed = 0;
    struct bytes escaped;

    if (as > log_get_level())
        return;
    if (!log_limit_pass(&v->limit, now, VOICE_LINES_PER_SECOND, &suppressed))
        return;
    if (suppressed > 0)
        say_suppressed(pool, suppressed);
    bytes_init(&escaped, ESCAPED_MAX + 16);
    if (text_escape(&escaped, line, length, ESCAPED_MAX) == 0) {
        const char *text = bytes_string(&escaped);
        if (level == GANG_LINE_PLAIN)
            log_write(as, pool, "%s", text == NULL ? "" : text);
        else
            log_write(as, pool, level < 0 ? "worker %d wrote: %s" : "worker %d: %s", (int)pid,
                      text == NULL ? "" : text);
    }
    bytes_clear(&escaped);
}

uint64_t voice_flush(struct voice *v, const char *pool, uint64_t now)
{
    uint64_t end = v->limit.window_start + CLOCK_SEC;

    if (v->limit.suppressed == 0)
        return CLOCK_NEVER;
    if (now < end)
        return end;
    say_suppressed(pool, v->limit.suppressed);
    v->limit.suppressed = 0;
    return CLOCK_NEVER;
}
