/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_LOG_H
#define GANGER_BASE_LOG_H

/*
 * The process's log.  Only floor 3 and the mains write to it.  A write never blocks and never
 * fails the caller: what the target cannot take at once is dropped and counted, and the next line
 * that gets through is preceded by "N lines dropped".
 *
 * Line form (PHP-FPM's): "[21-Nov-2026 22:31:40] WARNING: [pool git] text".  On a stderr that is
 * the journal's (JOURNAL_STREAM matches) the stamp is left out and "<4>" stands in front.
 * Arguments that hold foreign bytes must have gone through text_escape(); log_write() itself
 * replaces any control byte that is left with '?', so one call is always one line.
 */

#include <stdarg.h>
#include <stdint.h>
#include "base/error.h"

enum log_level { /* PHP-FPM's names and order */
    LOG_LEVEL_ALERT,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_DEBUG,
};

enum log_target { LOG_TARGET_STDERR, LOG_TARGET_FILE, LOG_TARGET_SYSLOG };

/* stderr, notice: what holds before log_open(). */
/*
 * Direct the log.  For LOG_TARGET_FILE `path` is opened (append, create 0640, no link followed,
 * regular file or character device only); for LOG_TARGET_SYSLOG `path` is the ident and `facility`
 * a LOG_* number of <syslog.h>.  On failure the old target stays.
 */
int log_open(enum log_target target, const char *path, int facility, struct error *err);
/* Reopen a file target (after logrotate).  0 or negative with the old descriptor kept. */
int log_reopen(struct error *err);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Longest line in bytes (PHP-FPM's log_limit, default 1024); longer ones are cut with "...". */
void log_set_limit(size_t bytes);
/* A worker marks its lines "<LEVEL>" for the master to read, and writes no stamp. */
void log_set_worker(void);
/* "alert" …; -1 when it is none. */
int log_level_parse(const char *text);
const char *log_level_name(enum log_level level);

/* `pool` may be NULL (then no "[pool …]"). */
void log_write(enum log_level level, const char *pool, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void log_vwrite(enum log_level level, const char *pool, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/*
 * Rate limit for messages that a peer can cause: true when this occurrence may be logged.
 * *suppressed receives how many were held back since the last one that was allowed.
 */
struct log_limit {
    uint64_t window_start;
    unsigned in_window;
    unsigned suppressed;
};
int log_limit_pass(struct log_limit *limit, uint64_t now_usec, unsigned per_second,
                   unsigned *suppressed);

#endif
