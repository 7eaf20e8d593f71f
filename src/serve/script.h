/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_SCRIPT_H
#define GANGER_SERVE_SCRIPT_H

/*
 * Which file a request runs (pools without `command`).  The rule: the longest prefix of the
 * request's path that exists, cut only before a '/', must be a regular executable file whose real path lies
 * beneath the real path of one of the roots; the rest is PATH_INFO.  The file is never opened for
 * reading.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum script_outcome {
    SCRIPT_FOUND = 0,
    SCRIPT_ABSENT = 1,         /* 404: no such file, or no usable path in the request */
    SCRIPT_NO_ROOT = 2,        /* 403: script_root is empty */
    SCRIPT_DOTS = 3,           /* 403: a ".." in the path */
    SCRIPT_OUTSIDE = 4,        /* 403: beyond every root */
    SCRIPT_FOLDER = 5,         /* 403: a folder */
    SCRIPT_SPECIAL = 6,        /* 403: FIFO, device, socket */
    SCRIPT_NOT_EXECUTABLE = 7, /* 403 */
    SCRIPT_EXTENSION = 8,      /* 403: not in limit_extensions */
    SCRIPT_UNREADABLE = 9,     /* 403: the pool's user may not walk there, or links in a circle */
    SCRIPT_TROUBLE = 10,       /* 503: no descriptor, no memory, I/O error */
};

struct script {
    char path[PATH_MAX];   /* what the request called it: script + path_info == original */
    char real[PATH_MAX];   /* without links: what is run */
    char folder[PATH_MAX]; /* of `path`: the working directory */
    const char *path_info; /* into `original`; "" when nothing is left */
};

/*
 * Resolve `original` (the caller's; it must outlive *ret) against the NULL-terminated lists
 * `roots` (absolute paths; NULL or empty refuses everything) and `extensions` (".cgi" …; NULL or
 * empty: any).  *ret is valid with SCRIPT_FOUND only.
 */
enum script_outcome script_resolve(struct script *ret, const char *original, char *const *roots,
                                   char *const *extensions);
/* The response status and, for the log, what is wrong and what to do about it. */
unsigned script_outcome_status(enum script_outcome outcome);
const char *script_outcome_text(enum script_outcome outcome);

/* What remains of `name` when `path_info` at its end is taken away (SCRIPT_NAME without PATH_INFO); its length. */
size_t script_name_length(const char *name, const char *path_info);

#endif
