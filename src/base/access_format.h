/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_ACCESS_FORMAT_H
#define GANGER_BASE_ACCESS_FORMAT_H

/*
 * `access.format` taken apart: literal text and fields, in order.  The letters are PHP-FPM's (as its
 * sample pool file lists them) and ganger's own: %w %F %I %O %k %X.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define ACCESS_FORMAT_DEFAULT "%R - %u %t \"%m %r\" %s"
#define ACCESS_FORMAT_JSON "json" /* instead of a format: one object a line */
#define ACCESS_FORMAT_MAX 1024u   /* bytes */

enum access_field {
    ACCESS_LITERAL = 0,
    /* texts that came from the web server or the program */
    ACCESS_VARIABLE, /* %{NAME}e */
    ACCESS_SCRIPT,   /* %f */
    ACCESS_METHOD,   /* %m */
    ACCESS_QUERY,    /* %q */
    ACCESS_URI,      /* %r */
    ACCESS_REMOTE,   /* %R */
    ACCESS_USER,     /* %u */
    ACCESS_HEADER,   /* %{NAME}o */
    /* the rest is ours */
    ACCESS_CPU,      /* %C */
    ACCESS_DURATION, /* %d */
    ACCESS_LENGTH,   /* %l */
    ACCESS_MEMORY,   /* %M */
    ACCESS_POOL,     /* %n */
    ACCESS_PID,      /* %p */
    ACCESS_PARENT,   /* %P */
    ACCESS_QUESTION, /* %Q */
    ACCESS_STATUS,   /* %s */
    ACCESS_BEGAN,    /* %t */
    ACCESS_ENDED,    /* %T */
    ACCESS_WAITED,   /* %w: before it was accepted */
    ACCESS_FIRST,    /* %F: to the first byte of the response */
    ACCESS_IN,       /* %I: bytes of its body */
    ACCESS_OUT,      /* %O: bytes of the response */
    ACCESS_NUMBER,   /* %k: which request of its connection */
    ACCESS_END,      /* %X: ok, aborted, timeout, cut */
};

enum access_unit {
    ACCESS_PLAIN = 0, /* seconds, bytes, user and system together */
    ACCESS_MILLI,
    ACCESS_MICRO,
    ACCESS_KILO,
    ACCESS_MEGA,
    ACCESS_CPU_USER,
    ACCESS_CPU_SYSTEM,
};

struct access_item {
    enum access_field field;
    enum access_unit unit;
    bool quoted; /* it stands between double quotes of the format */
    char *
        text; /* owned: a literal, the name of a variable or header, a strftime(3) format; or NULL */
    size_t length;
};
struct access_format {
    bool json;                 /* then there are no items */
    struct access_item *items; /* owned */
    size_t count;
};

/* 0; negative with err naming what is wrong, and *ret empty.  -ENOMEM too. */
int access_format_parse(struct access_format *ret, const char *text, struct error *err);
void access_format_clear(struct access_format *f);
/* Is it one of the texts that others have written? */
static inline bool access_format_is_foreign(enum access_field field)
{
    return field >= ACCESS_VARIABLE && field <= ACCESS_HEADER;
}

#endif
