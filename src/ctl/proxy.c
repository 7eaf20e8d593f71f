/* SPDX-License-Identifier: Apache-2.0 */
/* What all snippets have in common: the facts, the spelling of foreign texts, the head. */

#include "ctl/proxy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/text.h"

enum {
    MARGIN = 5,     /* seconds: ganger's own 504 comes before the proxy's */
    UNLIMITED = 60, /* seconds, when ganger sets no limit */
    KEEP_MAX = 64,
    SHOWN = 512
};

const char proxy_names[] = "nginx, apache, caddy, haproxy or lighttpd";

const struct proxy_kind *proxy_find(const char *name)
{
    static const struct proxy_kind *const kinds[] = {&proxy_nginx, &proxy_apache, &proxy_caddy,
                                                     &proxy_haproxy, &proxy_lighttpd};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i]->syntax.name, name) == 0)
            return kinds[i];
    }
    return NULL;
}

/* ---- facts ---- */

/* One of the words of the command is a PHP for the web: "php-cgi", "/usr/bin/php-cgi8.2", behind env and
 * the like, too. */
static bool is_php(const struct conf_list *command)
{
    for (size_t i = 0; i < command->count; i++) {
        const char *slash = strrchr(command->items[i], '/');
        if (text_starts(slash == NULL ? command->items[i] : slash + 1, "php-cgi"))
            return true;
    }
    return false;
}

static int find_mode(struct proxy_plan *p, struct error *err)
{
    const struct conf_pool *pool = p->pool;
    if (pool->kind == CONF_KIND_STATUS)
        p->mode = PROXY_STATUS;
    else if (pool->kind == CONF_KIND_FASTCGI)
        p->mode = is_php(&pool->command) ? PROXY_PHP : PROXY_NATIVE;
    else if (pool->command.count > 0)
        p->mode = PROXY_COMMAND;
    else if (pool->script_root.count > 0)
        p->mode = PROXY_SCRIPTS;
    else
        return error_set(err, EINVAL,
                         "pool %s has neither command nor script_root, and refuses every request",
                         pool->name);
    return 0;
}

/* "127.0.0.1:9000" or "[::1]:9000"; every address is reached at the loopback one. */
static void split_host(struct proxy_plan *p, const char *canonical)
{
    const char *colon = strrchr(canonical, ':');
    int length = colon == NULL ? 0 : (int)(colon - canonical);
    p->v6 = canonical[0] == '[';
    snprintf(p->host, sizeof p->host, "%.*s", p->v6 ? length - 2 : length,
             canonical + (p->v6 ? 1 : 0));
    snprintf(p->port, sizeof p->port, "%s", colon == NULL ? "" : colon + 1);
    p->far =
        strcmp(p->host, "0.0.0.0") == 0 || strcmp(p->host, "::") == 0 || strcmp(p->host, "*") == 0;
    if (p->far)
        snprintf(p->host, sizeof p->host, "%s", p->v6 ? "::1" : "127.0.0.1");
}

/* The first address that the proxy can connect to; *why says what is wrong with the last one that it
 * cannot. */
static int find_address(struct proxy_plan *p, const struct proxy_syntax *syntax, struct error *err)
{
    const struct conf_list *listen = &p->pool->listen;
    error_set(err, EINVAL, "pool %s listens nowhere", p->pool->name);
    for (size_t i = 0; i < listen->count; i++) {
        struct endpoint e;
        char shown[SHOWN];
        text_escape_fixed(shown, sizeof shown, listen->items[i], strlen(listen->items[i]));
        if (endpoint_parse(&e, listen->items[i], err) != 0)
            continue;
        p->family = e.family;
        p->address = listen->items[i];
        if (e.family == ENDPOINT_SYSTEMD) {
            error_set(
                err, EINVAL,
                "pool %s takes its socket from systemd (%s), which alone knows the address: see "
                "ListenStream= of that socket, and give the pool this address to make a snippet",
                p->pool->name, shown);
        } else if (e.family == ENDPOINT_ABSTRACT && syntax->no_abstract != NULL) {
            error_set(err, EINVAL, "pool %s listens on the abstract socket %s: %s", p->pool->name,
                      shown, syntax->no_abstract);
        } else {
            if (e.family == ENDPOINT_TCP)
                split_host(p, e.canonical);
            *err = ERROR_NONE;
            return 0;
        }
    }
    return -EINVAL;
}

static unsigned long seconds_of(uint64_t usec)
{
    return (unsigned long)((usec + CLOCK_SEC - 1) / CLOCK_SEC);
}

static void find_times(struct proxy_plan *p)
{
    const struct conf_pool *pool = p->pool;
    unsigned long kept = (unsigned long)(pool->keepalive_timeout / CLOCK_SEC);
    p->limited = pool->kind != CONF_KIND_STATUS && pool->request_terminate_timeout > 0;
    p->wait = p->limited ? seconds_of(pool->request_terminate_timeout) +
                               seconds_of(pool->queue_timeout) + MARGIN
                         : UNLIMITED;
    /* A kept connection costs a native program a process, and a worker of ganger's nothing. */
    if (pool->kind != CONF_KIND_CGI || kept < 2 || pool->keepalive_connections == 0)
        return;
    p->keep = pool->pm_max_children < KEEP_MAX ? pool->pm_max_children : KEEP_MAX;
    p->keep_seconds = kept >= 2UL * MARGIN ? kept - MARGIN : kept / 2;
}

/* Letters, digits and - _ . ~ / say the same in a URL and, with the dot escaped, in every syntax. */
static int find_prefix(struct proxy_plan *p, const char *path, struct error *err)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/";
    char shown[SHOWN];
    char *made = path != NULL           ? strdup(path)
                 : p->mode == PROXY_PHP ? strdup("/")
                                        : text_format("/%s", p->pool->name);
    p->prefix = made;
    p->pattern = made == NULL ? NULL : calloc(2, strlen(made) + 1);
    p->label = text_format("ganger-%s", p->pool->name);
    if (made == NULL || p->pattern == NULL || p->label == NULL)
        return error_set(err, ENOMEM, "no memory");
    size_t length = strlen(made);
    if (made[0] != '/' || made[strspn(made, good)] != '\0' || strstr(made, "//") != NULL ||
        strstr(made, "/.") != NULL)
        return error_set(
            err, EINVAL,
            "--path \"%s\": a path in the site is of letters, digits and - _ . ~ between "
            "slashes, as /git/",
            text_escape_fixed(shown, sizeof shown, made, length));
    if (made[length - 1] == '/')
        made[length - 1] = '\0';
    char *out = p->pattern;
    for (const char *in = made; *in != '\0'; in++) {
        if (*in == '.')
            *out++ = '\\';
        *out++ = *in;
    }
    for (char *c = p->label; *c != '\0'; c++)
        *c = (char)(isalnum((unsigned char)*c) ? *c : '-');
    return 0;
}

int proxy_plan(struct proxy_plan *ret, const struct conf_pool *pool,
               const struct proxy_syntax *syntax, const char *path, const char *root,
               struct error *err)
{
    memset(ret, 0, sizeof *ret);
    ret->pool = pool;
    int rc = find_mode(ret, err);
    if (rc == 0)
        rc = find_address(ret, syntax, err);
    if (rc == 0)
        rc = find_prefix(ret, path, err);
    if (rc == 0 && root != NULL && root[0] != '/')
        rc = error_set(err, EINVAL, "--root takes a folder's whole path");
    if (rc < 0)
        return rc;
    ret->root = ret->mode == PROXY_SCRIPTS ? pool->script_root.items[0] : root;
    find_times(ret);
    return 0;
}

void proxy_plan_clear(struct proxy_plan *p)
{
    free(p->prefix);
    free(p->pattern);
    free(p->label);
    p->prefix = p->pattern = p->label = NULL;
}

const char *proxy_program(const struct proxy_plan *p)
{
    return p->pool->command.count == 0 ? "" : p->pool->command.items[0];
}

/* ---- text ---- */

void proxy_put(struct proxy_out *o, const char *format, ...)
{
    va_list arguments;
    if (o->rc < 0)
        return;
    va_start(arguments, format);
    o->rc = bytes_vprintf(o->bytes, format, arguments);
    va_end(arguments);
    if (o->rc < 0)
        error_errno(o->err, -o->rc, "the configuration cannot be put together");
}

static void refuse(struct proxy_out *o, const char *text, const char *what)
{
    char shown[SHOWN];
    o->rc = error_set(o->err, EINVAL, "\"%s\" holds %s, and %s cannot be told such a text",
                      text_escape_fixed(shown, sizeof shown, text, strlen(text)), what,
                      o->syntax->name);
}

void proxy_quote(struct proxy_out *o, const char *before, const char *open, const char *text,
                 const char *close, const char *after)
{
    for (const char *c = text; o->rc == 0 && *c != '\0'; c++) {
        if ((unsigned char)*c < 32 || *c == 127)
            refuse(o, text, "a control character");
    }
    for (const char *const *bad = o->syntax->refused; o->rc == 0 && *bad != NULL; bad++) {
        char what[32];
        snprintf(what, sizeof what, "'%s'", *bad);
        if (strstr(text, *bad) != NULL)
            refuse(o, text, what);
    }
    proxy_put(o, "%s%c%s", before, o->syntax->quote, open);
    for (const char *c = text; o->rc == 0 && *c != '\0'; c++)
        proxy_put(o, "%s%c", strchr(o->syntax->escaped, *c) != NULL ? "\\" : "", *c);
    proxy_put(o, "%s%c%s", close, o->syntax->quote, after);
}

static const char *what_it_runs(const struct proxy_plan *p)
{
    switch (p->mode) {
    case PROXY_COMMAND:
        return "a CGI program";
    case PROXY_SCRIPTS:
        return "CGI scripts";
    case PROXY_NATIVE:
        return "a FastCGI program";
    case PROXY_PHP:
        return "PHP";
    case PROXY_STATUS:
    default:
        return "what ganger has to say about its pools";
    }
}

void proxy_head(struct proxy_out *o, const struct proxy_plan *p)
{
    char shown[SHOWN];
    proxy_put(o, "# %s, before the pool %s of ganger: %s.\n", o->syntax->name, p->pool->name,
              what_it_runs(p));
    proxy_put(o,
              "# Made by \"gangerctl proxy-config %s %s\"; to be made anew when the pool's\n"
              "# address or time limits change.\n",
              o->syntax->name, p->pool->name);
    if (p->family == ENDPOINT_PATH)
        proxy_put(o,
                  "# The user of %s must be able to connect to %s:\n"
                  "# the pool's listen.mode is %04o; listen.owner or listen.group lets him in.\n",
                  o->syntax->name,
                  text_escape_fixed(shown, sizeof shown, p->address, strlen(p->address)),
                  p->pool->listen_mode);
    if (p->far)
        proxy_put(o,
                  "# The pool listens on every address; from another machine put its own there.\n");
    if (p->limited)
        proxy_put(
            o,
            "# ganger ends a request after request_terminate_timeout and answers 504 itself;\n"
            "# the %lu s below are a little more than that.\n",
            p->wait);
    else if (p->mode != PROXY_STATUS)
        proxy_put(
            o,
            "# The pool has no request_terminate_timeout: after %lu s of silence the proxy gives\n"
            "# up, and ganger ends the program, if it is its own.\n",
            p->wait);
    if (p->mode == PROXY_SCRIPTS && p->pool->script_root.count > 1)
        proxy_put(o, "# Of the pool's %zu folders of script_root this serves the first.\n",
                  p->pool->script_root.count);
}

int proxy_write(const struct proxy_kind *kind, const struct conf_pool *pool, const char *path,
                const char *root, struct bytes *out, struct error *err)
{
    struct proxy_plan plan;
    struct proxy_out o = {.bytes = out, .syntax = &kind->syntax, .err = err};
    o.rc = proxy_plan(&plan, pool, &kind->syntax, path, root, err);
    if (o.rc == 0) {
        proxy_head(&o, &plan);
        kind->write(&o, &plan);
    }
    if (o.rc < 0 && err->text[0] == '\0')
        error_errno(err, -o.rc, "the snippet cannot be put together");
    proxy_plan_clear(&plan);
    return o.rc;
}
