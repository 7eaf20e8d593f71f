/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_ACCESS_H
#define GANGER_SERVE_ACCESS_H

/*
 * The access log: one line for each request, when nothing more of it is to come, however it ended.
 *
 * What a line needs of the parameters is copied when the request comes in, because they are given up
 * as soon as its program runs.  A line is one line whatever clients send: their bytes are escaped, and
 * the space, too, where the format has no quotes around them.
 */

#include <stddef.h>
#include "base/access_format.h"
#include "base/settings.h"
#include "serve/request.h"
#include "serve/worker.h"

#define ACCESS_TEXT_MAX 8192u /* of one foreign text in a line, escaped; in long lines less */

struct access_form { /* what the configuration says; shared by the requests that began with it */
    unsigned references;
    struct access_format format;
    const struct access_item *items; /* of the format, or what stands for them in JSON */
    size_t count;
    char **suppressed; /* paths; NULL-terminated */
    bool headers;      /* it holds fields of responses */
};

struct access_record {
    struct access_form *form;
    uint64_t wall; /* when the request was received */
    uint64_t content_length;
    bool query;      /* there is one */
    bool suppressed; /* unless its response says otherwise */
    char *values[];  /* by item; NULL: there is none, or it is no foreign text */
};

/* The format from the settings, at the start and when they change.  0 or negative. */
int access_renew(struct worker *w, const struct settings *settings, struct error *err);
void access_close(struct worker *w);

/* A request has come in; its parameters are there. */
void access_begin(struct request *r);
/* Which program or script it is for. */
void access_script(struct request *r, const char *path);
/* Does its line show fields of the response?  Then each is to be told of. */
bool access_wants_headers(const struct request *r);
void access_header(void *request, const char *name, size_t name_length, const char *value,
                   size_t value_length);
/* A response of our own, whole: tell of its fields. */
void access_answer(struct request *r, const void *data, size_t length);
/* It is over: write the line, once. */
void access_end(struct request *r);
void access_forget(struct request *r);

/* The line of a request, newline included, no longer than `maximum`.  0 or -ENOMEM. */
int access_line(const struct request *r, size_t maximum, struct bytes *out);

#endif
