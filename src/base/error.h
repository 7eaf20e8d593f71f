/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_ERROR_H
#define GANGER_BASE_ERROR_H

/*
 * How ganger reports failure.
 *
 * A function that can fail returns an int:
 *   0         it did what its name says;
 *   negative  it failed.  The number is -errno, or -EINVAL/-EPROTO where no system call was
 *             involved.  Callers never match on it: they undo their own work and pass it up.
 *   positive  a named outcome of that one function, listed in its header, that the caller must
 *             handle (POOL_NOT_YET, READER_MORE …).
 *
 * Rooms below floor 3 never log.  They describe the failure in the `struct error` that the caller
 * handed in, and whoever is at the top prints it once, with the pool's name before it.
 */

#include <stddef.h>

#define ERROR_TEXT_MAX 1024

struct error {
    int number;                /* errno value, positive; 0 when no error is held */
    char text[ERROR_TEXT_MAX]; /* one line, no newline at the end, always terminated */
};

#define ERROR_NONE                                                                                 \
    (struct error)                                                                                 \
    {                                                                                              \
        .number = 0, .text = ""                                                                    \
    }

/*
 * Fill *err (which may be NULL: then only the return value speaks) with a formatted sentence and
 * return -number.  When `number` is an errno value other than 0 the format does NOT get the
 * strerror text appended: use error_errno() for that.
 */
int error_set(struct error *err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set(), with ": " and strerror(number) appended. */
int error_errno(struct error *err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Put a formatted prefix and ": " in front of the sentence that *err holds; returns -err->number.
 * For callers that know more ("pool git: listen: …").  NULL is allowed and returns -EINVAL.
 */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
