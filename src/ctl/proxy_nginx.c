/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx.  All parameters are written out: with "include fastcgi_params" some would be sent twice, and a
 * program sees the first or the last of them as its library likes.  In quotes nginx knows \" and \\, and
 * expands $name everywhere, with no way to write a dollar.
 */

#include "ctl/proxy.h"

static const char *const refused[] = {"$", NULL};

static void put_upstream(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o,
              "\n# ---- in the http block (a file in /etc/nginx/conf.d is there)\n\n"
              "upstream %s {\n",
              p->label);
    if (p->family == ENDPOINT_PATH)
        proxy_quote(o, "    server ", "unix:", p->address, "", ";\n");
    else
        proxy_put(o, "    server %s%s%s:%s;\n", p->v6 ? "[" : "", p->host, p->v6 ? "]" : "",
                  p->port);
    if (p->keep > 0)
        proxy_put(
            o,
            "    # Kept connections keep no worker of ganger's from other work; nginx drops them\n"
            "    # before ganger does (keepalive_timeout).\n"
            "    keepalive %lu;\n"
            "    keepalive_timeout %lus;\n",
            p->keep, p->keep_seconds);
    else if (p->mode == PROXY_NATIVE || p->mode == PROXY_PHP)
        proxy_put(o,
                  "    # No keepalive: a kept connection would occupy a process of the program.\n");
    proxy_put(o, "}\n");
}

static void put_params(struct proxy_out *o)
{
    proxy_put(o, "    fastcgi_param QUERY_STRING $query_string;\n"
                 "    fastcgi_param REQUEST_METHOD $request_method;\n"
                 "    fastcgi_param CONTENT_TYPE $content_type;\n"
                 "    fastcgi_param CONTENT_LENGTH $content_length;\n"
                 "    fastcgi_param REQUEST_URI $request_uri;\n"
                 "    fastcgi_param DOCUMENT_URI $document_uri;\n"
                 "    fastcgi_param DOCUMENT_ROOT $document_root;\n"
                 "    fastcgi_param SERVER_PROTOCOL $server_protocol;\n"
                 "    fastcgi_param REQUEST_SCHEME $scheme;\n"
                 "    fastcgi_param HTTPS $https if_not_empty;\n"
                 "    fastcgi_param GATEWAY_INTERFACE CGI/1.1;\n"
                 "    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;\n"
                 "    fastcgi_param REMOTE_ADDR $remote_addr;\n"
                 "    fastcgi_param REMOTE_PORT $remote_port;\n"
                 "    fastcgi_param REMOTE_USER $remote_user if_not_empty;\n"
                 "    fastcgi_param SERVER_ADDR $server_addr;\n"
                 "    fastcgi_param SERVER_PORT $server_port;\n"
                 "    fastcgi_param SERVER_NAME $server_name;\n"
                 "    fastcgi_param REDIRECT_STATUS 200;\n"
                 "    # A client's \"Proxy:\" header is no proxy.\n"
                 "    fastcgi_param HTTP_PROXY \"\";\n"
                 "    # From here ganger counts the time that a request waits.\n"
                 "    fastcgi_param REQUEST_START t=$msec;\n");
}

static void put_script(struct proxy_out *o, const struct proxy_plan *p)
{
    switch (p->mode) {
    case PROXY_PHP:
        proxy_put(o, "    fastcgi_split_path_info ^(.+?\\.php)(/.*)$;\n"
                     "    # try_files empties $fastcgi_path_info.\n"
                     "    set $ganger_path_info $fastcgi_path_info;\n"
                     "    try_files $fastcgi_script_name =404;\n"
                     "    fastcgi_param SCRIPT_NAME $fastcgi_script_name;\n"
                     "    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n"
                     "    fastcgi_param PATH_INFO $ganger_path_info;\n");
        return;
    case PROXY_SCRIPTS:
        proxy_put(o,
                  "    # ganger finds where the script's name ends and PATH_INFO begins.\n"
                  "    fastcgi_split_path_info ^(%s)(/.*)$;\n"
                  "    fastcgi_param SCRIPT_NAME $document_uri;\n",
                  p->pattern);
        proxy_quote(o, "    fastcgi_param SCRIPT_FILENAME ", "", p->root, "$fastcgi_path_info",
                    ";\n");
        return;
    case PROXY_COMMAND:
    case PROXY_NATIVE:
    case PROXY_STATUS:
    default:
        proxy_put(o,
                  "    fastcgi_split_path_info ^(%s)(/.*)$;\n"
                  "    fastcgi_param SCRIPT_NAME $fastcgi_script_name;\n"
                  "    fastcgi_param PATH_INFO $fastcgi_path_info;\n",
                  p->pattern);
        if (*proxy_program(p) != '\0')
            proxy_quote(o, "    fastcgi_param SCRIPT_FILENAME ", "", proxy_program(p), "", ";\n");
    }
}

static void put_limits(struct proxy_out *o, const struct proxy_plan *p)
{
    proxy_put(o,
              "    fastcgi_connect_timeout 10s;\n"
              "    fastcgi_send_timeout 60s;\n"
              "    fastcgi_read_timeout %lus;\n",
              p->wait);
    if (p->mode == PROXY_STATUS)
        return;
    proxy_put(o, "    # Larger uploads are answered 413; 0 is no limit.\n"
                 "    client_max_body_size 10m;\n"
                 "    # An upload is taken whole before a worker is asked; off: it goes straight\n"
                 "    # through, and occupies a worker for as long as it takes.\n"
                 "    fastcgi_request_buffering on;\n"
                 "    # off: a client sees each piece of a response at once, and a slow one holds\n"
                 "    # the worker.\n"
                 "    fastcgi_buffering on;\n");
}

static void write_nginx(struct proxy_out *o, const struct proxy_plan *p)
{
    put_upstream(o, p);
    proxy_put(o, "\n# ---- in the server block\n\n");
    if (p->mode == PROXY_PHP && *p->prefix != '\0')
        proxy_put(o, "location ~ ^%s/.*[^/]\\.php(/|$) {\n", p->pattern);
    else if (p->mode == PROXY_PHP)
        proxy_put(o, "location ~ [^/]\\.php(/|$) {\n");
    else
        proxy_put(o, "location ^~ %s/ {\n", p->prefix);
    if (p->mode == PROXY_STATUS)
        proxy_put(o, "    # Who else may see it is for you to say, by address or by password.\n"
                     "    allow 127.0.0.1;\n"
                     "    allow ::1;\n"
                     "    deny all;\n"
                     "    # satisfy any;\n"
                     "    # auth_basic ganger;\n"
                     "    # auth_basic_user_file /etc/nginx/ganger.htpasswd;\n");
    /* Not beside the location: the server has a root of its own already, and nginx takes no two. */
    if (p->mode == PROXY_PHP && p->root != NULL)
        proxy_quote(o, "    root ", "", p->root, "", ";\n");
    proxy_put(o, "    fastcgi_pass %s;\n", p->label);
    if (p->keep > 0)
        proxy_put(o, "    fastcgi_keep_conn on;\n");
    put_script(o, p);
    put_params(o);
    put_limits(o, p);
    proxy_put(o, "}\n");
}

const struct proxy_kind proxy_nginx = {
    .syntax = {.name = "nginx",
               .quote = '"',
               .escaped = "\"\\",
               .refused = refused,
               .no_abstract = "nginx knows none; give the pool a path or a TCP address as well"},
    .write = write_nginx,
};
