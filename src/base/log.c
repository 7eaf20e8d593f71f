/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forming lines of the log.  Not for threads or signal handlers: each of ganger's programs is one
 * event loop, and the state below is its own.
 *
 * Invariant: whatever the arguments hold, one call hands one line to the sink: no control byte
 * before the newline at its end, at most `limit` bytes, valid UTF-8.
 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sink.h"
#include "base/text.h"

#define LOG_LINE_LEAST 512u
#define SYSLOG_SOCKET "/dev/log"
#define IDENT_MAX 64

static struct {
    struct sink sink;
    enum log_level level;
    size_t limit;
    bool worker;
    int facility;
    char ident[IDENT_MAX];
    uint64_t dropped;
} state = {.sink = {.kind = SINK_DESCRIPTOR, .fd = STDERR_FILENO},
           .level = LOG_LEVEL_NOTICE,
           .limit = LOG_LIMIT_DEFAULT,
           .ident = "ganger"};

struct log_name {
    const char *name; /* in the config */
    const char *word; /* in a line */
    int priority;     /* RFC 5424 section 6.2.1, also sd-daemon's "<N>" */
};

static const struct log_name names[] = {
    [LOG_LEVEL_ALERT] = {"alert", "ALERT", 1},       [LOG_LEVEL_ERROR] = {"error", "ERROR", 3},
    [LOG_LEVEL_WARNING] = {"warning", "WARNING", 4}, [LOG_LEVEL_NOTICE] = {"notice", "NOTICE", 5},
    [LOG_LEVEL_DEBUG] = {"debug", "DEBUG", 7},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static const struct log_name *log_name(enum log_level level)
{
    return &names[(unsigned)level < NAMES ? (unsigned)level : LOG_LEVEL_NOTICE];
}

const char *log_level_name(enum log_level level)
{
    return log_name(level)->name;
}

int log_level_parse(const char *text)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(text, names[i].name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int log_mark_parse(const char *line, size_t length)
{
    if (length < LOG_MARK_LENGTH || line[0] != '<' || line[2] != '>') {
        return -1;
    }
    for (size_t i = 0; i < NAMES; i++) {
        if (line[1] == '0' + names[i].priority) {
            return (int)i;
        }
    }
    return -1;
}

void log_set_level(enum log_level level)
{
    state.level = level;
}

enum log_level log_get_level(void)
{
    return state.level;
}

void log_set_limit(size_t bytes)
{
    if (bytes < LOG_LINE_LEAST) {
        bytes = LOG_LINE_LEAST;
    }
    state.limit = bytes < SINK_LINE_MAX ? bytes : SINK_LINE_MAX - 1;
}

void log_set_worker(void)
{
    state.worker = true;
}

/* The number of a standard stream that a path means: in a container those are the usual logs, and
 * they are links, which a log file may not be. */
static int log_standard_stream(const char *path)
{
    static const char *const paths[2][3] = {
        {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"},
        {"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"},
    };

    for (int fd = 1; fd <= 2; fd++) {
        for (size_t i = 0; i < 3; i++) {
            if (strcmp(path, paths[fd - 1][i]) == 0) {
                return fd;
            }
        }
    }
    return -1;
}

int log_open(enum log_target target, const char *path, int facility, struct error *err)
{
    int fd;
    int r;

    switch (target) {
    case LOG_TARGET_STDERR:
        sink_to_descriptor(&state.sink, STDERR_FILENO);
        return 0;
    case LOG_TARGET_FILE:
        if (path == NULL || path[0] == '\0') {
            return error_set(err, EINVAL, "the log file has no name");
        }
        fd = log_standard_stream(path);
        if (fd >= 0) {
            sink_to_descriptor(&state.sink, fd);
            return 0;
        }
        return sink_to_file(&state.sink, path, err);
    case LOG_TARGET_SYSLOG:
        r = sink_to_syslog(&state.sink, SYSLOG_SOCKET, err);
        if (r < 0) {
            return r;
        }
        state.facility = facility;
        (void)text_escape_fixed(state.ident, sizeof(state.ident), path == NULL ? "ganger" : path,
                                path == NULL ? strlen("ganger") : strlen(path));
        return 0;
    }
    return error_set(err, EINVAL, "unknown log target %d", (int)target);
}

int log_reopen(struct error *err)
{
    return sink_reopen(&state.sink, err);
}

/* systemd tells which stream is the journal's: JOURNAL_STREAM=device:inode. */
static bool log_is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char here[64];
    struct stat st;

    if (stream == NULL || fstat(fd, &st) < 0) {
        return false;
    }
    (void)snprintf(here, sizeof(here), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return strcmp(stream, here) == 0;
}

/* What stands before the pool and the text; its length (below `size`). */
static size_t log_prefix(char *out, size_t size, const struct log_name *name)
{
    char stamp[CLOCK_TEXT_MAX];
    int n;

    if (state.worker) {
        n = snprintf(out, size, "<%d>", name->priority);
    } else if (state.sink.kind == SINK_SYSLOG) {
        time_t now = time(NULL);
        struct tm t = {0};

        (void)localtime_r(&now, &t);
        /* RFC 3164 section 4.1.2, "Nov  1 22:31:40", from "01-Nov-2026 22:31:40" */
        (void)clock_format_log(stamp, clock_wall());
        n = snprintf(out, size, "<%d>%.3s %2d %s %s[%ld]: %s: ", state.facility | name->priority,
                     stamp + 3, t.tm_mday, stamp + strlen(stamp) - 8, state.ident, (long)getpid(),
                     name->word);
    } else if (state.sink.kind == SINK_DESCRIPTOR && log_is_journal(state.sink.fd)) {
        n = snprintf(out, size, "<%d>%s: ", name->priority, name->word);
    } else {
        n = snprintf(out, size, "[%s] %s: ", clock_format_log(stamp, clock_wall()), name->word);
    }
    return n < 0 ? 0 : (size_t)n;
}

/* Make `length` bytes one clean line; `cut` tells that there was more behind them.  The length
 * that is left: less when the cut went through a character. */
static size_t log_clean(char *text, size_t length, bool cut)
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

/* The whole line with its newline in `line`, which has limit + 2 bytes; its length. */
static size_t log_form(char *line, enum log_level level, const char *pool, const char *format,
                       va_list arguments)
{
    size_t size = state.limit + 1; /* with the NUL of vsnprintf */
    size_t used = log_prefix(line, size, log_name(level));
    size_t text = used;
    bool cut = false;
    int n;

    /* The master knows which pool a worker's line belongs to, and says so itself. */
    if (pool != NULL && !state.worker) {
        n = snprintf(line + used, size - used, "[pool %.64s] ", pool);
        used += n < 0 ? 0 : (size_t)n;
    }
    n = vsnprintf(line + used, size - used, format, arguments);
    if (n < 0) {
        n = snprintf(line + used, size - used, "(a message that cannot be formatted)");
    }
    if ((size_t)n >= size - used) {
        cut = true;
        used = state.limit - 3;
    } else {
        used += (size_t)n;
        while (used > text && (line[used - 1] == '\n' || line[used - 1] == '\r')) {
            used--;
        }
    }
    used = text + log_clean(line + text, used - text, cut);
    if (cut) {
        memset(line + used, '.', 3);
        used += 3;
    }
    line[used++] = '\n';
    return used;
}

static int log_line(enum log_level level, const char *pool, const char *format, va_list arguments)
{
    static char line[SINK_LINE_MAX + 1];

    return sink_write(&state.sink, line, log_form(line, level, pool, format, arguments));
}

__attribute__((format(printf, 2, 3))) static int log_own_line(enum log_level level,
                                                              const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = log_line(level, NULL, format, arguments);
    va_end(arguments);
    return r;
}

void log_vwrite(enum log_level level, const char *pool, const char *format, va_list arguments)
{
    int saved = errno;

    if (level > state.level) {
        return;
    }
    if (state.dropped > 0 &&
        log_own_line(LOG_LEVEL_WARNING, "%llu %s dropped", (unsigned long long)state.dropped,
                     state.dropped == 1 ? "line" : "lines") == 0) {
        state.dropped = 0;
    }
    if (state.dropped > 0 || log_line(level, pool, format, arguments) < 0) {
        state.dropped++;
    }
    errno = saved;
}

void log_write(enum log_level level, const char *pool, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vwrite(level, pool, format, arguments);
    va_end(arguments);
}

int log_limit_pass(struct log_limit *limit, uint64_t now_usec, unsigned per_second,
                   unsigned *suppressed)
{
    if (now_usec < limit->window_start || now_usec - limit->window_start >= CLOCK_SEC) {
        limit->window_start = now_usec;
        limit->in_window = 0;
    }
    if (limit->in_window >= per_second) {
        if (limit->suppressed < UINT32_MAX) {
            limit->suppressed++;
        }
        if (suppressed != NULL) {
            *suppressed = 0;
        }
        return 0;
    }
    limit->in_window++;
    if (suppressed != NULL) {
        *suppressed = limit->suppressed;
    }
    limit->suppressed = 0;
    return 1;
}
