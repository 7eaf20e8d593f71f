/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Apache httpd with mod_proxy_fcgi.  A pool with one program is reached by ProxyPass, and PATH_INFO made from
 * the URL; scripts and PHP by SetHandler, since ProxyPass would encode a blank in a file's name.  In quotes
 * Apache knows \" and \\, and expands ${NAME}, and in what ProxyFCGISetEnvIf sets $1 and %{NAME}, too; an
 * address with ? or # would be cut, a folder with * ? [ is a pattern.
 */

#include "ctl/proxy.h"

static const char *const refused[] = {"$", "|", "*", "?", "[", "#", "%", NULL};

/* The address as mod_proxy wants it, in quotes: `open` unix:/path|fcgi://label `behind`. */
static void put_target(struct proxy_out *o, const struct proxy_plan *p, const char *before,
                       const char *open, const char *behind, const char *after)
{
    struct bytes head, tail;
    if (p->family != ENDPOINT_PATH) {
        proxy_put(o, "%s\"%sfcgi://%s%s%s:%s%s\"%s", before, open, p->v6 ? "[" : "", p->host,
                  p->v6 ? "]" : "", p->port, behind, after);
        return;
    }
    bytes_init(&head, 64);
    bytes_init(&tail, 4096);
    if (o->rc == 0)
        o->rc = bytes_printf(&head, "%sunix:", open);
    if (o->rc == 0)
        o->rc = bytes_printf(&tail, "|fcgi://%s%s", p->label, behind);
    const char *front = o->rc == 0 ? bytes_string(&head) : NULL;
    const char *back = o->rc == 0 ? bytes_string(&tail) : NULL;
    proxy_quote(o, before, front == NULL ? "" : front, p->address, back == NULL ? "" : back, after);
    bytes_clear(&head);
    bytes_clear(&tail);
}

static void put_worker(struct proxy_out *o, const struct proxy_plan *p)
{
    if (p->keep > 0)
        proxy_put(o, " enablereuse=on ttl=%lu", p->keep_seconds);
    proxy_put(o, " connectiontimeout=10 timeout=%lu", p->wait);
}

static void put_start(struct proxy_out *o)
{
    proxy_put(o, "    # SCRIPT_FILENAME is a file's name, without \"proxy:fcgi:\".\n"
                 "    ProxyFCGIBackendType GENERIC\n"
                 "    # From here ganger counts the time that a request waits.\n"
                 "    <IfModule headers_module>\n"
                 "        RequestHeader set X-Request-Start \"%%t\"\n"
                 "        ProxyFCGISetEnvIf \"true\" REQUEST_START \"%%{req:X-Request-Start}\"\n"
                 "    </IfModule>\n");
}

static void put_one_program(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o, "ProxyPass \"%s/\" ", p->prefix);
    put_target(o, p, "", "", "/", "");
    put_worker(o, p);
    proxy_put(o, "\n<Location \"%s/\">\n", p->prefix);
    if (p->mode == PROXY_STATUS)
        proxy_put(o, "    # Who else may see it is for you to say, by address or by password.\n"
                     "    Require local\n"
                     "    # AuthType Basic\n"
                     "    # AuthName ganger\n"
                     "    # AuthUserFile /etc/apache2/ganger.htpasswd\n"
                     "    # Require valid-user\n");
    else
        proxy_put(o, "    # On: the program sees passwords (HTTP_AUTHORIZATION).\n"
                     "    CGIPassAuth Off\n");
    proxy_put(o, "    ProxyFCGISetEnvIf \"%%{REQUEST_URI} =~ m#^%s(/.*)$#\" PATH_INFO \"$1\"\n",
              p->pattern);
    proxy_put(o, "    ProxyFCGISetEnvIf \"true\" SCRIPT_NAME \"%s\"\n", p->prefix);
    if (*proxy_program(p) != '\0')
        proxy_quote(o, "    ProxyFCGISetEnvIf \"true\" SCRIPT_FILENAME ", "", proxy_program(p), "",
                    "\n");
    put_start(o);
    proxy_put(o, "</Location>\n");
}

static void put_files(struct proxy_out *o, const struct proxy_plan *p)
{
    put_target(o, p, "<Proxy ", "", "/", ">\n    ProxySet");
    put_worker(o, p);
    proxy_put(o, "\n</Proxy>\n");
    if (p->mode == PROXY_SCRIPTS) {
        proxy_put(o, "# Apache's user must be able to see the scripts.\n");
        proxy_put(o, "Alias \"%s/\" ", p->prefix);
        proxy_quote(o, "", "", p->root, "/", "\n");
        proxy_quote(o, "<Directory ", "", p->root, "/",
                    ">\n    AllowOverride None\n"
                    "    Require all granted\n</Directory>\n");
        proxy_put(o, "<Location \"%s/\">\n", p->prefix);
    } else if (*p->prefix == '\0') {
        if (p->root != NULL)
            proxy_quote(o, "DocumentRoot ", "", p->root, "", "\n");
        proxy_put(o, "<FilesMatch \"[^/]\\.php$\">\n");
    } else {
        if (p->root != NULL)
            proxy_quote(o, "DocumentRoot ", "", p->root, "", "\n");
        proxy_put(o, "<LocationMatch \"^%s/.*[^/]\\.php(/|$)\">\n", p->pattern);
    }
    put_target(o, p, "    SetHandler ", "proxy:", "", "\n");
    put_start(o);
    proxy_put(o, p->mode == PROXY_SCRIPTS ? "</Location>\n"
                 : *p->prefix == '\0'     ? "</FilesMatch>\n"
                                          : "</LocationMatch>\n");
}

static void write_apache(struct proxy_out *o, const struct proxy_plan *p)
{
    if (p->keep == 0 && (p->mode == PROXY_NATIVE || p->mode == PROXY_PHP))
        proxy_put(o,
                  "# No enablereuse: a kept connection would occupy a process of the program.\n");
    proxy_put(o, "\n# ---- in the <VirtualHost>, with the module proxy_fcgi (a2enmod proxy_fcgi "
                 "headers)\n\n");
    if (p->mode == PROXY_SCRIPTS || p->mode == PROXY_PHP)
        put_files(o, p);
    else
        put_one_program(o, p);
    if (p->mode != PROXY_STATUS)
        proxy_put(o, "# Uploads go straight through; LimitRequestBody bounds them.\n");
}

const struct proxy_kind proxy_apache = {
    .syntax = {.name = "apache",
               .quote = '"',
               .escaped = "\"\\",
               .refused = refused,
               .no_abstract = "Apache knows none; give the pool a path or a TCP address as well"},
    .write = write_apache,
};
