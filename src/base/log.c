/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where lines of the log go, and what becomes of those that nobody takes.  Not for threads or signal
 * handlers: each of ganger's programs is one event loop, and the state below is its own.
 *
 * Invariant: while the spool holds lines or has dropped some, no newer line is written before them.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/journald.h"
#include "base/line.h"
#include "base/sink.h"
#include "base/spool.h"
#include "base/text.h"

#define LOG_LINE_LEAST 512u
#define SYSLOG_SOCKET "/dev/log"
#define IDENT_MAX 64
#define SYSTEM_FACILITY (3 << 3) /* LOG_DAEMON */

static struct {
    struct sink sink;    /* with a journal: what is written to when that is not there */
    struct sink journal; /* connected when the first line goes there */
    bool to_journal;
    enum log_level level;
    size_t limit;
    bool worker;
    int facility;
    char ident[IDENT_MAX];
    struct spool spool;
} state = {.sink = {.kind = SINK_DESCRIPTOR, .fd = STDERR_FILENO},
           .journal = {.kind = SINK_DESCRIPTOR, .fd = -1},
           .level = LOG_LEVEL_NOTICE,
           .limit = LOG_LIMIT_DEFAULT,
           .facility = SYSTEM_FACILITY,
           .ident = "ganger"};

const char *log_level_name(enum log_level level)
{
    return line_level(level)->name;
}

int log_level_parse(const char *text)
{
    for (int i = LOG_LEVEL_ALERT; i <= LOG_LEVEL_DEBUG; i++) {
        if (strcmp(text, line_level((enum log_level)i)->name) == 0) {
            return i;
        }
    }
    return -1;
}

int log_mark_parse(const char *line, size_t length)
{
    if (length < LOG_MARK_LENGTH ||
        !((line[0] == '<' && line[2] == '>') || (line[0] == '{' && line[2] == '}'))) {
        return -1;
    }
    for (int i = LOG_LEVEL_ALERT; i <= LOG_LEVEL_DEBUG; i++) {
        if (line[1] == '0' + line_level((enum log_level)i)->priority) {
            return i;
        }
    }
    return -1;
}

bool log_mark_plain(const char *line)
{
    return line[0] == '{';
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

size_t log_get_limit(void)
{
    return state.limit;
}

void log_set_worker(void)
{
    state.worker = true;
}

void log_set_ident(const char *ident, int facility)
{
    state.facility = facility;
    (void)text_escape_fixed(state.ident, sizeof(state.ident), ident, strlen(ident));
}

static int log_open_file(const char *path, struct error *err)
{
    int fd;

    if (path == NULL || path[0] == '\0') {
        return error_set(err, EINVAL, "the log file has no name");
    }
    fd = descriptor_standard(path);
    if (fd < 0) {
        return sink_to_file(&state.sink, path, err);
    }
    sink_to_descriptor(&state.sink, fd);
    return 0;
}

int log_open(enum log_target target, const char *path, struct error *err)
{
    bool left = !log_flush(); /* to whom they were meant for */
    int r = 0;

    switch (target) {
    case LOG_TARGET_STDERR:
        sink_to_descriptor(&state.sink, STDERR_FILENO);
        break;
    case LOG_TARGET_FILE:
        r = log_open_file(path, err);
        break;
    case LOG_TARGET_SYSLOG:
        r = sink_to_syslog(&state.sink, path == NULL ? SYSLOG_SOCKET : path, err);
        break;
    case LOG_TARGET_JOURNAL:
        r = sink_to_journal(&state.journal, path == NULL ? JOURNALD_SOCKET : path, err);
        if (r == 0) {
            sink_to_descriptor(&state.sink, STDERR_FILENO);
        }
        break;
    default:
        return error_set(err, EINVAL, "unknown log target %d", (int)target);
    }
    if (r < 0) {
        return r;
    }
    state.to_journal = target == LOG_TARGET_JOURNAL;
    if (!state.to_journal) {
        sink_to_descriptor(&state.journal, -1);
    }
    if (left) {
        spool_drop(&state.spool); /* they have the form of the old target */
    }
    return 0;
}

int log_reopen(struct error *err)
{
    return sink_reopen(&state.sink, err);
}

/* ---- lines ---- */

/* systemd tells which stream is the journal's: JOURNAL_STREAM=device:inode. */
static bool log_is_journal(int fd, mode_t *ret_mode)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char here[64];
    struct stat st;

    if (stream == NULL || fstat(fd, &st) < 0) {
        return false;
    }
    *ret_mode = st.st_mode;
    (void)snprintf(here, sizeof(here), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return strcmp(stream, here) == 0;
}

/* How a line looks that goes to `sink`; with a journal, when that is not there. */
static enum line_form log_form(void)
{
    mode_t mode;

    if (state.worker) {
        return LINE_MARKED;
    }
    if (state.sink.kind == SINK_SYSLOG) {
        return LINE_SYSLOG;
    }
    return state.sink.kind == SINK_DESCRIPTOR && log_is_journal(state.sink.fd, &mode)
               ? LINE_STREAM
               : LINE_STAMPED;
}

/* Whether lines are to go to the journal: by the configuration, or since stderr is its stream. */
static bool log_wants_journal(void)
{
    mode_t mode = 0;

    if (state.worker || state.to_journal) {
        return !state.worker;
    }
    if (state.sink.kind != SINK_DESCRIPTOR || !log_is_journal(state.sink.fd, &mode) ||
        !S_ISSOCK(mode)) {
        return false;
    }
    return state.journal.kind == SINK_JOURNAL ||
           sink_to_journal(&state.journal, JOURNALD_SOCKET, NULL) == 0;
}

/* A line on its way: 'J' and an entry for the journal, or 'T' and text for the sink. */
struct log_made {
    char data[1 + SINK_LINE_MAX + LINE_EXTRA];
};

static size_t log_make(struct log_made *made, char entry, enum log_level level,
                       const struct log_about *about, const char *format, va_list arguments)
    __attribute__((format(printf, 5, 0)));

static size_t log_make(struct log_made *made, char entry, enum log_level level,
                       const struct log_about *about, const char *format, va_list arguments)
{
    const struct line_style style = {.form = entry == 'J' ? LINE_JOURNAL : log_form(),
                                     .limit = state.limit,
                                     .facility = state.facility,
                                     .ident = state.ident};
    va_list again;
    size_t length;

    made->data[0] = entry;
    va_copy(again, arguments);
    length = line_make(made->data + 1, &style, level, about, format, again);
    va_end(again);
    return length;
}

static int log_send(char entry, const char *line, size_t length)
{
    return sink_write(entry == 'J' ? &state.journal : &state.sink, line, length);
}

/* One line to its target, or, when that does not take it or older ones wait, into the spool. */
static int log_line(bool keep, enum log_level level, const struct log_about *about,
                    const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

static int log_line(bool keep, enum log_level level, const struct log_about *about,
                    const char *format, va_list arguments)
{
    static struct log_made made;
    bool waits = keep && !log_flush();
    char entry = log_wants_journal() ? 'J' : 'T';
    size_t length = log_make(&made, entry, level, about, format, arguments);
    int r = waits ? -EAGAIN : log_send(entry, made.data + 1, length);

    if (entry == 'J' && r < 0 && r != -EAGAIN) { /* there is no journal: stderr must do */
        length = log_make(&made, 'T', level, about, format, arguments);
        r = log_send('T', made.data + 1, length);
    }
    if (r < 0 && keep) {
        spool_push(&state.spool, made.data, length + 1);
    }
    return r;
}

__attribute__((format(printf, 1, 2))) static int log_own_line(const char *format, ...)
{
    static const struct log_about nobody = {.pool = NULL};
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = log_line(false, LOG_LEVEL_WARNING, &nobody, format, arguments);
    va_end(arguments);
    return r;
}

bool log_flush(void)
{
    unsigned long long dropped = state.spool.dropped;
    const char *made;
    size_t length = 0;
    int r;

    if (state.sink.owed_length > 0 && sink_write(&state.sink, "", 0) < 0) {
        return false; /* the end of a line that was begun */
    }
    if (dropped > 0) {
        if (log_own_line("%llu %s dropped", dropped, dropped == 1 ? "line" : "lines") < 0) {
            return false;
        }
        state.spool.dropped = 0;
    }
    while ((made = spool_first(&state.spool, &length)) != NULL) {
        r = log_send(made[0], made + 1, length - 1);
        if (r < 0 && (made[0] == 'T' || r == -EAGAIN)) {
            return false;
        }
        state.spool.dropped += r < 0; /* an entry for a journal that is gone */
        spool_pop(&state.spool);
    }
    return state.spool.dropped == 0;
}

bool log_waits(void)
{
    return state.spool.dropped > 0 || bytes_held(&state.spool.lines) > 0 ||
           state.sink.owed_length > 0;
}

struct log_rest log_rest(void)
{
    bool torn = state.sink.owed_length > 0;

    return (struct log_rest){.lines = state.spool.dropped + spool_count(&state.spool) + torn,
                             .torn = torn};
}

void log_go_on(const struct log_rest *before)
{
    state.spool.dropped += before->lines;
    if (before->torn) {
        sink_owe_end(&state.sink);
    }
}

int log_descriptor(void)
{
    return state.sink.kind == SINK_FILE ? state.sink.fd : -1;
}

void log_set_spool(size_t bytes)
{
    spool_limit(&state.spool, bytes);
}

void log_write_about(enum log_level level, const struct log_about *about, const char *format, ...)
{
    int saved = errno;
    va_list arguments;

    if (level > state.level) {
        return;
    }
    va_start(arguments, format);
    (void)log_line(true, level, about, format, arguments);
    va_end(arguments);
    errno = saved;
}

void log_write(enum log_level level, const char *pool, const char *format, ...)
{
    const struct log_about about = {.pool = pool};
    int saved = errno;
    va_list arguments;

    if (level > state.level) {
        return;
    }
    va_start(arguments, format);
    (void)log_line(true, level, &about, format, arguments);
    va_end(arguments);
    errno = saved;
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
