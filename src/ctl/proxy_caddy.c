/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caddy.  Between backticks every byte stands for itself; braces are placeholders wherever they stand, and
 * cannot be written.
 */

#include "ctl/proxy.h"

static const char *const refused[] = {"`", "{", "}", NULL};

static void put_address(struct proxy_out *o, const struct proxy_plan *p, const char *before)
{
    if (p->family == ENDPOINT_TCP)
        proxy_put(o, "%s%s%s%s:%s {\n", before, p->v6 ? "[" : "", p->host, p->v6 ? "]" : "",
                  p->port);
    else
        proxy_quote(o, before, "unix/", p->address, "", " {\n");
}

static void put_times(struct proxy_out *o, const struct proxy_plan *p, const char *indent)
{
    proxy_put(o, "%sdial_timeout 10s\n%swrite_timeout 60s\n%sread_timeout %lus\n", indent, indent,
              indent, p->wait);
    proxy_put(o,
              "%s# From here ganger counts the time that a request waits.\n"
              "%senv REQUEST_START t={time.now.unix_ms}\n",
              indent, indent);
}

static void put_php(struct proxy_out *o, const struct proxy_plan *p)
{
    const char *prefix = *p->prefix == '\0' ? "" : p->prefix;
    if (p->root != NULL)
        proxy_quote(o, "root * ", "", p->root, "", "\n");
    proxy_put(o, "handle %s/* {\n", prefix);
    put_address(o, p, "\tphp_fastcgi ");
    put_times(o, p, "\t\t");
    proxy_put(o, "\t}\n}\n");
}

static void put_path(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o, "handle_path %s/* {\n", p->prefix);
    if (p->mode == PROXY_STATUS)
        proxy_put(
            o, "\t# Who else may see it is for you to say, by address or by password (basicauth).\n"
               "\t@stranger not remote_ip 127.0.0.0/8 ::1\n"
               "\trespond @stranger 403\n");
    else
        proxy_put(o, "\t# Larger uploads are answered 413.\n"
                     "\trequest_body {\n\t\tmax_size 10MB\n\t}\n");
    put_address(o, p, "\treverse_proxy ");
    proxy_put(o, "\t\ttransport fastcgi {\n");
    if (p->mode == PROXY_SCRIPTS) {
        proxy_put(o, "\t\t\t# ganger finds where the script's name ends and PATH_INFO begins.\n");
        proxy_quote(o, "\t\t\tenv SCRIPT_FILENAME ", "", p->root, "{http.request.uri.path}", "\n");
        proxy_put(o,
                  "\t\t\tenv SCRIPT_NAME %s{http.request.uri.path}\n"
                  "\t\t\tenv PATH_INFO \"\"\n",
                  p->prefix);
    } else {
        proxy_put(o,
                  "\t\t\tenv SCRIPT_NAME \"%s\"\n"
                  "\t\t\tenv PATH_INFO {http.request.uri.path}\n",
                  p->prefix);
        if (*proxy_program(p) != '\0')
            proxy_quote(o, "\t\t\tenv SCRIPT_FILENAME ", "", proxy_program(p), "", "\n");
    }
    put_times(o, p, "\t\t\t");
    proxy_put(o, "\t\t}\n\t}\n}\n");
}

static void write_caddy(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o, "# Caddy makes a connection for each request, and sends pieces of a response as "
                 "they come.\n"
                 "\n# ---- in the site's block\n\n");
    if (p->mode == PROXY_PHP)
        put_php(o, p);
    else
        put_path(o, p);
}

const struct proxy_kind proxy_caddy = {
    .syntax =
        {.name = "caddy", .quote = '`', .escaped = "", .refused = refused, .no_abstract = NULL},
    .write = write_caddy,
};
