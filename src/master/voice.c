/* SPDX-License-Identifier: Apache-2.0 */
#include "master/voice.h"

#include <inttypes.h>
#include <limits.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "pool/gang.h"

static const struct pace_law of_pool = {.burst = VOICE_POOL_BURST, .per_second = VOICE_POOL_LINES};
static const struct pace_law of_all = {.burst = VOICE_ALL_BURST, .per_second = VOICE_ALL_LINES};

static bool may_pass(struct voice *v, struct pace *all, uint64_t now)
{
    if (!pace_pass(&v->pace, &of_pool, now))
        return false;
    if (pace_pass(all, &of_all, now))
        return true;
    pace_hold(&v->pace, pace_take(all), now); /* said for the pool */
    return false;
}

/* Workers of ours escape what is not theirs; what is left of it is replaced when it is written. */
static void write_line(const char *pool, pid_t pid, int level, const char *line, int length)
{
    const struct log_about about = {.pool = pool, .worker = pid, .plain = level <= GANG_LINE_PLAIN};
    enum log_level as = level < 0 ? LOG_LEVEL_WARNING : (enum log_level)level;

    if (about.plain)
        log_write_about(as, &about, "%.*s", length, line);
    else
        log_write_about(as, &about, level < 0 ? "worker %d wrote: %.*s" : "worker %d: %.*s",
                        (int)pid, length, line);
}

void voice_line(struct voice *v, struct pace *all, const char *pool, pid_t pid, int level,
                const char *line, size_t length, uint64_t now)
{
    bool foreign = level == -1 || level == GANG_LINE_PLAIN;
    struct bytes escaped;

    if ((level < 0 ? LOG_LEVEL_WARNING : (enum log_level)level) > log_get_level())
        return;
    if (pace_due(&v->pace) <= now)
        (void)voice_flush(v, pool, false, now);
    if (!may_pass(v, all, now))
        return;
    if (!foreign) {
        write_line(pool, pid, level, line, length > INT_MAX ? INT_MAX : (int)length);
        return;
    }
    bytes_init(&escaped, log_get_limit() + 16);
    if (text_escape(&escaped, line, length, log_get_limit()) == 0)
        write_line(pool, pid, level, (const char *)bytes_front(&escaped),
                   (int)bytes_held(&escaped));
    bytes_clear(&escaped);
}

uint64_t voice_flush(struct voice *v, const char *pool, bool at_once, uint64_t now)
{
    uint64_t due = pace_due(&v->pace);

    if (due == CLOCK_NEVER || (due > now && !at_once))
        return due;
    log_write(LOG_LEVEL_WARNING, pool,
              "%" PRIu64 " lines of its workers suppressed (more than %u a second of a pool, or %u "
              "of all)",
              pace_take(&v->pace), VOICE_POOL_LINES, VOICE_ALL_LINES);
    return CLOCK_NEVER;
}
