/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_LOG_H
#define GANGER_BASE_LOG_H

/*
 * The process's log.  Only floor 3 and the mains write to it.  A write never blocks and never
 * fails the caller: what the target cannot take at once is kept for later as far as log_set_spool()
 * allows, then the oldest is dropped and counted, and what gets through next is preceded by
 * "N lines dropped".
 *
 * Line form (PHP-FPM's): "[21-Nov-2026 22:31:40] WARNING: [pool git] text".  In systemd's journal
 * (also when that is what stderr is: JOURNAL_STREAM) a line is an entry with the fields PRIORITY, POOL
 * and WORKER_PID; where its socket is not there, stderr gets the text with "<4>" in front.
 * Arguments that hold foreign bytes must have gone through text_escape(); log_write() itself
 * replaces any control byte and any invalid UTF-8 that is left with '?', so one call is always one
 * line.  errno is kept.  Every main ignores SIGPIPE before it logs.  One thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum log_level { /* PHP-FPM's names and order */
                 LOG_LEVEL_ALERT,
                 LOG_LEVEL_ERROR,
                 LOG_LEVEL_WARNING,
                 LOG_LEVEL_NOTICE,
                 LOG_LEVEL_DEBUG,
};

enum log_target { LOG_TARGET_STDERR, LOG_TARGET_FILE, LOG_TARGET_SYSLOG, LOG_TARGET_JOURNAL };

/*
 * Direct the log; before the first call it goes to stderr.  For LOG_TARGET_FILE `path` is opened
 * (append, create 0640, no link followed; a regular file, a character device or a FIFO;
 * "/dev/stderr" and "/dev/stdout" and their other names mean the descriptors 2 and 1 themselves);
 * for LOG_TARGET_SYSLOG it is the system log's socket, for LOG_TARGET_JOURNAL the journal's, NULL: the
 * usual one; a journal that is not there is no failure.  On failure the old target stays.
 */
int log_open(enum log_target target, const char *path, struct error *err);
/* Who speaks in syslog and the journal: cleaned and copied.  `facility`: a LOG_* number of
 * <syslog.h>. */
void log_set_ident(const char *ident, int facility);
/* Reopen a file target (after logrotate).  0 or negative with the old descriptor kept. */
int log_reopen(struct error *err);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Longest line in bytes without its newline (PHP-FPM's log_limit); longer ones are cut with "...".
 * Held between 512 and 65535.  Up to 4095, lines of several writers to one pipe never mix. */
#define LOG_LIMIT_DEFAULT 1024
void log_set_limit(size_t bytes);
size_t log_get_limit(void);
/* Keep so many bytes of lines while the target takes none; at first 0. */
#define LOG_SPOOL_DEFAULT 262144u
void log_set_spool(size_t bytes);
/* Write what was kept, as far as that goes; false: there is more, call again in some tenths of a
 * second (any line that is written tries, too). */
bool log_flush(void);
/* Whether there is something to flush. */
bool log_waits(void);
/* What is left unwritten by a process that another one goes on for. */
struct log_rest {
    uint64_t lines; /* are lost with it, and to be told of */
    bool torn;      /* the target has the beginning of the first of them */
};
struct log_rest log_rest(void);
/* Go on for it, in the target that it had. */
void log_go_on(const struct log_rest *before);
/* Of the file, borrowed, or -1.  A FIFO forgets what nobody has read when nobody has it open any more:
 * this one is to be, until the next process has it. */
int log_descriptor(void);
/*
 * From now on this process is a worker, whose stderr the master reads: a line is "<N>text" (N: the
 * syslog priority of its level), without stamp, level and pool, which the master adds when it
 * writes the text again; "{N}text" when it is plain: the master may write that without adding.
 */
void log_set_worker(void);
/* The level of a worker's line, whose text begins LOG_MARK_LENGTH bytes further on, or -1 when it
 * carries no mark (a program or a library wrote it): foreign bytes, to be escaped. */
#define LOG_MARK_LENGTH 3
int log_mark_parse(const char *line, size_t length);
/* Whether a mark that was parsed is that of a plain line. */
bool log_mark_plain(const char *line);
/* "alert" …; -1 when it is none. */
int log_level_parse(const char *text);
const char *log_level_name(enum log_level level);

/* What a line is about. */
struct log_about {
    const char *pool; /* NULL: none (then no "[pool …]") */
    long worker; /* pid of the worker that it is about; 0: none.  For the journal's field alone */
    bool plain;  /* nothing is put before the text, but what the target needs */
};
void log_write_about(enum log_level level, const struct log_about *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* `pool` may be NULL. */
void log_write(enum log_level level, const char *pool, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Rate limit for messages that a peer can cause: true (1) when this occurrence may be logged.
 * *suppressed (may be NULL) receives how many were held back since the last one that was allowed.
 * A zeroed struct is ready for use.
 */
struct log_limit {
    uint64_t window_start;
    unsigned in_window;
    unsigned suppressed;
};
int log_limit_pass(struct log_limit *limit, uint64_t now_usec, unsigned per_second,
                   unsigned *suppressed);

#endif
