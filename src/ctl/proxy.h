/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_PROXY_H
#define GANGER_CTL_PROXY_H

/*
 * `gangerctl proxy-config`: a pool's configuration → what a web server needs in its own to reach it.  Pure:
 * values in, text out.  Sections of the text begin with a line "# ---- in …" that says where they belong.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/bytes.h"
#include "base/error.h"
#include "conf/conf.h"
#include "conf/endpoint.h"

/* What the request's parameters must say. */
enum proxy_mode {
    PROXY_COMMAND, /* a CGI pool with one program: PATH_INFO is what follows the prefix */
    PROXY_SCRIPTS, /* a CGI pool with script_root: SCRIPT_FILENAME lies beneath it */
    PROXY_NATIVE,  /* a FastCGI program: as COMMAND */
    PROXY_PHP,     /* php-cgi: SCRIPT_FILENAME lies beneath the site's own folder */
    PROXY_STATUS,
};

struct proxy_plan {
    const struct conf_pool *pool;
    enum proxy_mode mode;
    enum endpoint_family family; /* PATH, ABSTRACT or TCP */
    const char *address;         /* of a path or abstract name ("@…"); into the pool */
    char host[64];               /* of TCP: to connect to, IPv6 without brackets */
    char port[8];
    bool v6;
    bool far;      /* it listens on every address: from elsewhere the host is another */
    char *prefix;  /* in the site, without the slash at its end: "/git", "" for all of it; owned */
    char *pattern; /* the same as a regular expression; owned */
    char *label;   /* "ganger-NAME", of a-z A-Z 0-9 - alone; owned */
    const char *root;   /* SCRIPTS: the first script_root; PHP: the site's folder, or NULL */
    unsigned long wait; /* seconds for which the proxy waits for ganger */
    bool limited;       /* `wait` comes from request_terminate_timeout */
    unsigned long keep; /* connections to keep towards ganger; 0: none */
    unsigned long keep_seconds; /* for so long, which is less than ganger does */
};

/* How a configuration file spells a text. */
struct proxy_syntax {
    const char *name;
    char quote;                 /* around it */
    const char *escaped;        /* these have a backslash before them */
    const char *const *refused; /* texts for which there is no spelling; NULL at the end */
    const char *no_abstract;    /* why it cannot connect to an abstract socket; NULL: it can */
};

struct proxy_out {
    struct bytes *bytes;
    const struct proxy_syntax *syntax;
    struct error *err;
    int rc; /* of the first failure; nothing is written after it */
};

/* `path` is where the pool appears in the site, NULL for the default; `root` the site's folder or NULL.  What the
 * plan points to must outlive it.  0; negative with err: there is no such configuration.  The plan is to be cleared
 * in either case. */
int proxy_plan(struct proxy_plan *ret, const struct conf_pool *pool,
               const struct proxy_syntax *syntax, const char *path, const char *root,
               struct error *err);
void proxy_plan_clear(struct proxy_plan *p);

/* Append; a failure is kept in o->rc. */
void proxy_put(struct proxy_out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append `before`, then in quotes the three texts, of which the middle one is foreign and escaped, then
 * `after`. */
void proxy_quote(struct proxy_out *o, const char *before, const char *open, const char *text,
                 const char *close, const char *after);
/* Comment lines that begin every snippet. */
void proxy_head(struct proxy_out *o, const struct proxy_plan *p);
/* The program that a pool runs, for SCRIPT_FILENAME; "" when there is none. */
const char *proxy_program(const struct proxy_plan *p);

/* One of each proxy; they write the whole text. */
struct proxy_kind {
    struct proxy_syntax syntax;
    void (*write)(struct proxy_out *o, const struct proxy_plan *p);
};
extern const struct proxy_kind proxy_nginx, proxy_apache, proxy_caddy, proxy_haproxy,
    proxy_lighttpd;

/* NULL: no such proxy. */
const struct proxy_kind *proxy_find(const char *name);
extern const char proxy_names[]; /* "nginx, apache, …" */

/* All of it: append the snippet for `pool` to `out`.  0; negative with err. */
int proxy_write(const struct proxy_kind *kind, const struct conf_pool *pool, const char *path,
                const char *root, struct bytes *out, struct error *err);

#endif
