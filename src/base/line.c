/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journald.h"
#include "base/sink.h"
#include "base/text.h"

/* Of the name of a pool. */
#define POOL_MOST 64

static const struct line_level levels[] = {
    [LOG_LEVEL_ALERT] = {"alert", "ALERT", 1},       [LOG_LEVEL_ERROR] = {"error", "ERROR", 3},
    [LOG_LEVEL_WARNING] = {"warning", "WARNING", 4}, [LOG_LEVEL_NOTICE] = {"notice", "NOTICE", 5},
    [LOG_LEVEL_DEBUG] = {"debug", "DEBUG", 7},
};

const struct line_level *line_level(enum log_level level)
{
    return &levels[(unsigned)level < sizeof(levels) / sizeof(levels[0]) ? (unsigned)level
                                                                        : LOG_LEVEL_NOTICE];
}

/* ---- what stands before the text; its length (below `size`) ---- */

static int prefix_syslog(char *out, size_t size, const struct line_style *style,
                         const struct line_level *level, bool plain)
{
    char stamp[CLOCK_TEXT_MAX];
    time_t now = time(NULL);
    struct tm t = {0};

    (void)localtime_r(&now, &t);
    /* RFC 3164 section 4.1.2, "Nov  1 22:31:40", from "01-Nov-2026 22:31:40" */
    (void)clock_format_log(stamp, clock_wall());
    return snprintf(out, size, "<%d>%.3s %2d %s %s[%ld]: %s%s", style->facility | level->priority,
                    stamp + 3, t.tm_mday, stamp + strlen(stamp) - 8, style->ident, (long)getpid(),
                    plain ? "" : level->word, plain ? "" : ": ");
}

static size_t prefix_make(char *out, size_t size, const struct line_style *style,
                          const struct line_level *level, const struct log_about *about)
{
    char stamp[CLOCK_TEXT_MAX];
    bool plain = about->plain;
    int n = 0;
    int m;

    switch (style->form) {
    case LINE_MARKED:
        n = snprintf(out, size, plain ? "{%d}" : "<%d>", level->priority);
        break;
    case LINE_SYSLOG:
        n = prefix_syslog(out, size, style, level, plain);
        break;
    case LINE_STREAM:
        n = snprintf(out, size, "<%d>%s%s", level->priority, plain ? "" : level->word,
                     plain ? "" : ": ");
        break;
    case LINE_STAMPED:
        n = plain ? 0
                  : snprintf(out, size, "[%s] %s: ", clock_format_log(stamp, clock_wall()),
                             level->word);
        break;
    case LINE_JOURNAL: /* the fields say it */
        break;
    }
    n = n < 0 ? 0 : n;
    /* The master knows which pool a worker's line belongs to, and says so itself. */
    if (about->pool != NULL && style->form != LINE_MARKED && !plain) {
        m = snprintf(out + n, size - (size_t)n, "[pool %.*s] ", POOL_MOST, about->pool);
        n += m < 0 ? 0 : m;
    }
    return (size_t)n;
}

/* ---- the text ---- */

/* Make `length` bytes one clean line; `cut` tells that there was more behind them.  The length
 * that is left: less when the cut went through a character. */
static size_t text_clean(char *text, size_t length, bool cut)
{
    size_t at = 0;

    while (at < length) {
        size_t n = text_printable(text + at, length - at);

        if (n > 0) {
            at += n;
            continue;
        }
        if (cut && length - at < 4 && (uint8_t)text[at] >= 0xc2) {
            return at;
        }
        text[at++] = '?';
    }
    return at;
}

/* Prefix and text, without the newline; `out` has limit + 1 bytes. */
static size_t text_make(char *out, const struct line_style *style, enum log_level level,
                        const struct log_about *about, const char *format, va_list arguments)
    __attribute__((format(printf, 5, 0)));

static size_t text_make(char *out, const struct line_style *style, enum log_level level,
                        const struct log_about *about, const char *format, va_list arguments)
{
    size_t size = style->limit + 1; /* with the NUL of vsnprintf */
    size_t used = prefix_make(out, size, style, line_level(level), about);
    size_t text = used;
    bool cut = false;
    int n = vsnprintf(out + used, size - used, format, arguments);

    if (n < 0) {
        n = snprintf(out + used, size - used, "(a message that cannot be formatted)");
    }
    if ((size_t)n >= size - used) {
        cut = true;
        used = style->limit - 3;
    } else {
        used += (size_t)n;
        while (used > text && (out[used - 1] == '\n' || out[used - 1] == '\r')) {
            used--;
        }
    }
    /* The pool's name is the config's: clean it, too, but never cut it. */
    (void)text_clean(out, text, false);
    used = text + text_clean(out + text, used - text, cut);
    if (cut) {
        memset(out + used, '.', 3);
        used += 3;
    }
    return used;
}

/* ---- an entry of the journal ---- */

static size_t entry_make(char *out, const struct line_style *style, enum log_level level,
                         const struct log_about *about, const char *text, size_t length)
{
    struct journald_entry e = {.data = out, .size = style->limit + LINE_EXTRA};

    /* What is bounded and needed first; the message fits, for its limit leaves LINE_EXTRA. */
    (void)journald_number(&e, "PRIORITY", line_level(level)->priority);
    (void)journald_text(&e, "SYSLOG_IDENTIFIER", style->ident);
    (void)journald_number(&e, "SYSLOG_FACILITY", style->facility >> 3);
    if (about->pool != NULL) {
        (void)journald_field(&e, "POOL", about->pool, strnlen(about->pool, POOL_MOST));
    }
    if (about->worker > 0) {
        (void)journald_number(&e, "WORKER_PID", about->worker);
    }
    (void)journald_field(&e, "MESSAGE", text, length);
    return e.used;
}

size_t line_make(char *out, const struct line_style *style, enum log_level level,
                 const struct log_about *about, const char *format, va_list arguments)
{
    static char text[SINK_LINE_MAX];
    size_t used;

    if (style->form == LINE_JOURNAL) {
        used = text_make(text, style, level, about, format, arguments);
        return entry_make(out, style, level, about, text, used);
    }
    used = text_make(out, style, level, about, format, arguments);
    out[used++] = '\n';
    return used;
}
