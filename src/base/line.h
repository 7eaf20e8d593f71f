/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_LINE_H
#define GANGER_BASE_LINE_H

/*
 * What a line of the log looks like, for base/log.c alone.  Whatever the arguments hold, one call
 * makes one line: no control byte before the newline at its end, valid UTF-8, no longer than it may
 * be.
 */

#include <stdarg.h>
#include <stddef.h>
#include "base/log.h"

struct line_level {
    const char *name; /* in the config */
    const char *word; /* in a line */
    int priority;     /* RFC 5424 section 6.2.1, also sd-daemon's "<N>" */
};

/* All of them, in the order of enum log_level. */
const struct line_level *line_level(enum log_level level);

enum line_form {
    LINE_STAMPED, /* "[time] WARNING: …" */
    LINE_MARKED,  /* a worker's, to the master: "<4>…", or "{4}…" when it is a plain one */
    LINE_STREAM,  /* to the journal's stream: "<4>WARNING: …" */
    LINE_SYSLOG,  /* RFC 3164 */
    LINE_JOURNAL, /* an entry of the journal with its fields */
};

struct line_style {
    enum line_form form;
    size_t limit; /* bytes without the newline; of the message alone in a journal's entry */
    int facility; /* a LOG_* number of <syslog.h> */
    const char *ident;
};

/* Room that a line may take beyond its limit. */
#define LINE_EXTRA 512u
/* Into `out`, limit + LINE_EXTRA bytes; its length. */
size_t line_make(char *out, const struct line_style *style, enum log_level level,
                 const struct log_about *about, const char *format, va_list arguments)
    __attribute__((format(printf, 5, 0)));

#endif
