/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HAProxy.  In quotes it knows \", \\ and \$; the value of set-param is a log format, in which % is
 * doubled, and addresses expand $NAME once more.
 */

#include "ctl/proxy.h"

static const char *const refused[] = {"$", NULL};

/* A set-param whose value begins with a foreign text. */
static void put_param(struct proxy_out *o, const char *name, const char *text, const char *behind)
{
    struct bytes doubled;
    bytes_init(&doubled, 65536);
    for (const char *c = text; o->rc == 0 && *c != '\0'; c++)
        o->rc = bytes_printf(&doubled, "%s%c", *c == '%' ? "%" : "", *c);
    const char *whole = o->rc == 0 ? bytes_string(&doubled) : NULL;
    proxy_put(o, "    set-param %s ", name);
    proxy_quote(o, "", "", whole == NULL ? "" : whole, behind, "\n");
    bytes_clear(&doubled);
}

static void put_app(struct proxy_out *o, const struct proxy_plan *p)
{
    const char *root = p->root == NULL ? "/var/www/html" : p->root;
    proxy_put(o, "fcgi-app %s\n", p->label);
    if (p->mode == PROXY_PHP) {
        proxy_put(o, "    # The site's folder; --root names another.\n");
        proxy_quote(o, "    docroot ", "", root, "", "\n");
        proxy_put(o, "    index index.php\n    path-info ^(/.+?\\.php)(/.*)?$\n");
    } else if (p->mode == PROXY_SCRIPTS) {
        proxy_put(o, "    # ganger finds where the script's name ends and PATH_INFO begins.\n");
        proxy_quote(o, "    docroot ", "", p->root, "", "\n");
        put_param(o, "SCRIPT_FILENAME", p->root, "%[var(txn.ganger_rest)]");
    } else {
        proxy_put(o, "    docroot /\n    path-info ^(%s)(/.*)$\n", p->pattern);
        if (*proxy_program(p) != '\0')
            put_param(o, "SCRIPT_FILENAME", proxy_program(p), "");
    }
    proxy_put(o, "    # From here ganger counts the time that a request waits.\n"
                 "    set-param REQUEST_START \"t=%%Ts.%%ms\"\n");
    if (p->keep == 0 && (p->mode == PROXY_NATIVE || p->mode == PROXY_PHP))
        proxy_put(o, "    # A kept connection would occupy a process of the program.\n"
                     "    no option keep-conn\n");
    else
        proxy_put(o, "    option keep-conn\n");
}

static void put_backend(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o,
              "\nbackend %s\n    mode http\n    use-fcgi-app %s\n    timeout connect 10s\n"
              "    timeout server %lus\n",
              p->label, p->label, p->wait);
    /* Not in the set-param itself: HAProxy 2.6 crashes over a regular expression there. */
    if (p->mode == PROXY_SCRIPTS)
        proxy_put(o, "    http-request set-var(txn.ganger_rest) path,url_dec,regsub(^%s,)\n",
                  p->pattern);
    if (p->mode == PROXY_STATUS)
        proxy_put(
            o,
            "    # Who else may see it is for you to say, by address or by password (http_auth).\n"
            "    http-request deny unless { src 127.0.0.0/8 ::1 }\n");
    if (p->keep > 0)
        proxy_put(o, "    # Kept connections keep no worker of ganger's from other work.\n"
                     "    http-reuse always\n");
    if (p->family == ENDPOINT_PATH)
        proxy_quote(o, "    server ganger ", "unix@", p->address, "", " proto fcgi");
    else
        proxy_put(o, "    server ganger %s%s%s:%s proto fcgi", p->v6 ? "[" : "", p->host,
                  p->v6 ? "]" : "", p->port);
    /* At each such delay it closes half of the connections that are idle. */
    if (p->keep > 0)
        proxy_put(o, " pool-max-conn %lu pool-purge-delay %lus", p->keep,
                  p->keep_seconds / 4 > 0 ? p->keep_seconds / 4 : 1);
    proxy_put(o, "\n");
}

static void write_haproxy(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o, "# HAProxy buffers neither uploads nor responses.\n"
                 "\n# ---- beside the other sections\n\n");
    put_app(o, p);
    put_backend(o, p);
    proxy_put(o, "\n# ---- in the frontend\n\n");
    if (p->mode == PROXY_PHP)
        proxy_put(o, "    use_backend %s if { path_reg ^%s/.*[^/]\\.php(/|$) }\n", p->label,
                  p->pattern);
    else
        proxy_put(o, "    use_backend %s if { path_beg %s/ }\n", p->label, p->prefix);
}

const struct proxy_kind proxy_haproxy = {
    .syntax = {.name = "haproxy",
               .quote = '"',
               .escaped = "\"\\",
               .refused = refused,
               .no_abstract = "HAProxy fills abstract names with zeros to 108 bytes, and so means "
                              "another one; give the pool a path or a TCP address as well"},
    .write = write_haproxy,
};
