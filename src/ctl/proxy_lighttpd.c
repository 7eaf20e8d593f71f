/* SPDX-License-Identifier: Apache-2.0 */
/* lighttpd.  In quotes it knows \" alone: a backslash may stand before anything but a quote or the
 * end, and is not written at all. */

#include "ctl/proxy.h"

static const char *const refused[] = {"\\", NULL};

static void put_server(struct proxy_out *o, const struct proxy_plan *p, const char *key)
{
    proxy_put(o, "    fastcgi.server = ( \"%s\" => ((\n", key);
    if (p->family == ENDPOINT_PATH)
        proxy_quote(o, "        \"socket\" => ", "", p->address, "", ",\n");
    else
        proxy_put(o, "        \"host\" => \"%s\",\n        \"port\" => %s,\n", p->host, p->port);
    if (p->mode == PROXY_COMMAND || p->mode == PROXY_NATIVE || p->mode == PROXY_STATUS)
        proxy_put(
            o, "        # There is no such file here.\n        \"check-local\" => \"disable\",\n");
    if (*p->prefix == '\0' && p->mode != PROXY_PHP)
        proxy_put(o, "        \"fix-root-scriptname\" => \"enable\",\n");
    proxy_put(o,
              "        \"connect-timeout\" => 10,\n        \"write-timeout\" => 60,\n"
              "        \"read-timeout\" => %lu\n    )))\n",
              p->wait);
}

static void write_lighttpd(struct proxy_out *o, const struct proxy_plan *p)
{
    bool scripts = p->mode == PROXY_SCRIPTS;
    proxy_put(
        o,
        "# lighttpd makes a connection for each request, and takes uploads whole before it asks;\n"
        "# server.stream-request-body and server.stream-response-body change that, and\n"
        "# server.max-request-size bounds them.\n"
        "\n# ---- in lighttpd.conf\n\n");
    proxy_put(o, "server.modules += ( \"mod_fastcgi\"%s%s )\n", scripts ? ", \"mod_alias\"" : "",
              p->mode == PROXY_STATUS ? ", \"mod_access\"" : "");
    /* Of the conditions that hold the last one's fastcgi.server counts. */
    proxy_put(o, "$HTTP[\"url\"] =~ \"^%s/%s\" {\n", p->pattern,
              p->mode == PROXY_PHP ? ".*\\.php(/|$)" : "");
    /* Only in here: lighttpd takes no second one beside the site's. */
    if (p->mode == PROXY_PHP && p->root != NULL)
        proxy_quote(o, "    server.document-root = ", "", p->root, "", "\n");
    if (p->mode == PROXY_STATUS)
        proxy_put(
            o,
            "    # Who else may see it is for you to say, by address or by password (mod_auth).\n"
            "    $HTTP[\"remoteip\"] != \"127.0.0.1\" {\n"
            "        url.access-deny = ( \"\" )\n"
            "    }\n");
    if (scripts) {
        proxy_put(o, "    # lighttpd's user must be able to see the scripts.\n");
        proxy_put(o, "    alias.url = ( \"%s/\" => ", p->prefix);
        proxy_quote(o, "", "", p->root, "/", " )\n");
    }
    if (p->mode == PROXY_PHP)
        put_server(o, p, ".php");
    else if (scripts || *p->prefix == '\0')
        put_server(o, p, scripts && *p->prefix != '\0' ? p->prefix : "/");
    else
        put_server(o, p, p->prefix);
    proxy_put(o, "}\n");
}

const struct proxy_kind proxy_lighttpd = {
    .syntax = {.name = "lighttpd",
               .quote = '"',
               .escaped = "\"",
               .refused = refused,
               .no_abstract = "lighttpd knows none; give the pool a path or a TCP address as well"},
    .write = write_lighttpd,
};
