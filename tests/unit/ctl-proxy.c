/* SPDX-License-Identifier: Apache-2.0 */
/* Pools → what proxies are told: the facts, the spelling of foreign texts, what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/proxy.h"

static const char *const all[] = {"nginx", "apache", "caddy", "haproxy", "lighttpd"};
enum { ALL = sizeof all / sizeof all[0] };

static struct conf *load(const char *pool)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    char text[4096];
    snprintf(text, sizeof text, "runtime_directory = /run/x\npool p { pm.max_children = 7 %s }\n",
             pool);
    int r = conf_load_text(&conf, "text", text, &complaints);
    for (size_t i = 0; r != 0 && i < complaints.count; i++)
        print_error("%s\n", complaints.items[i].text);
    conf_complaints_clear(&complaints);
    if (r != 0)
        fail_msg("%s", text);
    return conf;
}

/* The snippet, or NULL with err. */
static char *make(const char *proxy, const char *pool, const char *path, struct error *err)
{
    struct conf *c = load(pool);
    struct bytes out;
    const struct proxy_kind *kind = proxy_find(proxy);
    *err = ERROR_NONE;
    assert_non_null(kind);
    bytes_init(&out, 65536);
    int rc = proxy_write(kind, conf_find(c, "p"), path, NULL, &out, err);
    char *text = rc == 0 ? strdup(bytes_string(&out)) : NULL;
    assert_true(rc == 0 ? err->text[0] == '\0' : err->text[0] != '\0');
    bytes_clear(&out);
    conf_free(c);
    return text;
}

static void test_names(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ALL; i++) {
        assert_string_equal(proxy_find(all[i])->syntax.name, all[i]);
        assert_non_null(strstr(proxy_names, all[i]));
    }
    assert_null(proxy_find("iis"));
    assert_null(proxy_find(""));
}

/* ---- spelling ---- */

static const struct {
    const char *proxy;
    const char *text;
    const char *want; /* NULL: refused */
} spellings[] = {
    {"nginx", "/a b;c", "\"/a b;c\""},
    {"nginx", "/a\"b\\c'd", "\"/a\\\"b\\\\c'd\""},
    {"nginx", "/{}#", "\"/{}#\""},
    {"nginx", "/$x", NULL},
    {"apache", "/a b", "\"/a b\""},
    {"apache", "/a\"b\\c", "\"/a\\\"b\\\\c\""},
    {"apache", "/a$1", NULL},
    {"apache", "/${x}", NULL},
    {"apache", "/a|b", NULL},
    {"apache", "/a*", NULL},
    {"apache", "/a#", NULL},
    {"apache", "/a%41", NULL},
    {"caddy", "/a b\"c\\d$'#", "`/a b\"c\\d$'#`"},
    {"caddy", "/`", NULL},
    {"caddy", "/{x}", NULL},
    {"haproxy", "/a b", "\"/a b\""},
    {"haproxy", "/a\"b\\c#%", "\"/a\\\"b\\\\c#%\""},
    {"haproxy", "/$x", NULL},
    {"lighttpd", "/a b$#", "\"/a b$#\""},
    {"lighttpd", "/a\"b", "\"/a\\\"b\""},
    {"lighttpd", "/a\\b", NULL},
};

static void spell(const char *proxy, const char *text, const char *want)
{
    struct error err = ERROR_NONE;
    struct bytes out;
    struct proxy_out o = {.bytes = &out, .syntax = &proxy_find(proxy)->syntax, .err = &err};
    bytes_init(&out, 4096);
    proxy_quote(&o, "", "", text, "", "");
    if (want == NULL) {
        assert_int_equal(o.rc, -EINVAL);
        assert_int_equal(bytes_held(&out), 0);
        assert_non_null(strstr(err.text, proxy));
    } else {
        assert_int_equal(o.rc, 0);
        assert_string_equal(bytes_string(&out), want);
    }
    bytes_clear(&out);
}

static void test_spelling(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        spell(spellings[i].proxy, spellings[i].text, spellings[i].want);
    for (size_t i = 0; i < ALL; i++) {
        for (int c = 1; c < 32; c++) {
            const char text[] = {'/', (char)c, '\0'};
            spell(all[i], text, NULL);
        }
        spell(all[i], "/\x7f", NULL);
    }
}

/* ---- what is in a snippet ---- */

static const struct {
    const char *proxy;
    const char *pool;
    const char *path;
    const char *wanted[6]; /* all of them are in it */
    const char *never;     /* and this is not */
} rows[] = {
    /* Time limits: the pool's, what may be waited for before, and a margin. */
    {"nginx",
     "listen = /s command = /bin/x request_terminate_timeout = 90",
     NULL,
     {"fastcgi_read_timeout 95s;", "location ^~ /p/ {", "^(/p)(/.*)$", "server \"unix:/s\";"},
     "60s;\n}"},
    {"nginx",
     "listen = /s command = /bin/x request_terminate_timeout = 1500ms queue_timeout = 10s",
     NULL,
     {"fastcgi_read_timeout 17s;"},
     NULL},
    {"nginx",
     "listen = /s command = /bin/x",
     NULL,
     {"fastcgi_read_timeout 60s;", "no request_terminate"},
     NULL},
    {"apache",
     "listen = /s command = /bin/x request_terminate_timeout = 90",
     NULL,
     {" timeout=95\n"},
     NULL},
    {"caddy",
     "listen = /s command = /bin/x request_terminate_timeout = 90",
     NULL,
     {"read_timeout 95s"},
     NULL},
    {"haproxy",
     "listen = /s command = /bin/x request_terminate_timeout = 90",
     NULL,
     {"timeout server 95s"},
     NULL},
    {"lighttpd",
     "listen = /s command = /bin/x request_terminate_timeout = 90",
     NULL,
     {"\"read-timeout\" => 95"},
     NULL},
    /* Connections are kept towards ganger's own workers, and for less than they do. */
    {"nginx",
     "listen = /s command = /bin/x",
     NULL,
     {"keepalive 7;", "keepalive_timeout 55s;", "fastcgi_keep_conn on;"},
     NULL},
    {"nginx",
     "listen = /s command = /bin/x keepalive_timeout = 6s",
     NULL,
     {"keepalive_timeout 3s;"},
     NULL},
    {"nginx",
     "listen = /s command = /bin/x keepalive_timeout = 1s",
     NULL,
     {"fastcgi_pass"},
     "keep"},
    {"nginx", "listen = /s kind = fastcgi command = /bin/x", NULL, {"No keepalive"}, "keep_conn"},
    {"apache", "listen = /s command = /bin/x", NULL, {"enablereuse=on ttl=55"}, NULL},
    {"apache",
     "listen = /s kind = fastcgi command = /bin/x",
     NULL,
     {"No enablereuse"},
     "enablereuse=on"},
    {"haproxy",
     "listen = /s command = /bin/x",
     NULL,
     {"    option keep-conn", "pool-max-conn 7"},
     NULL},
    {"haproxy",
     "listen = /s kind = fastcgi command = /bin/x",
     NULL,
     {"no option keep-conn"},
     "pool-max"},
    /* Addresses. */
    {"nginx", "listen = 127.0.0.1:9000 command = /bin/x", NULL, {"server 127.0.0.1:9000;"}, NULL},
    {"nginx", "listen = \"[::1]:9000\" command = /bin/x", NULL, {"server [::1]:9000;"}, NULL},
    {"nginx",
     "listen = 9000 listen.allowed_clients = 127.0.0.1 command = /bin/x",
     NULL,
     {"server 127.0.0.1:9000;", "every address"},
     NULL},
    {"apache",
     "listen = \"[::1]:9000\" command = /bin/x",
     NULL,
     {"\"fcgi://[::1]:9000/\""},
     "unix"},
    {"haproxy",
     "listen = \"[::1]:9000\" command = /bin/x",
     NULL,
     {"server ganger [::1]:9000 proto"},
     NULL},
    {"lighttpd",
     "listen = \"[::1]:9000\" command = /bin/x",
     NULL,
     {"\"host\" => \"::1\"", "\"port\" => 9000"},
     NULL},
    {"caddy", "listen = @a command = /bin/x", NULL, {"`unix/@a`"}, NULL},
    {"nginx", "listen = {@a, /s} command = /bin/x", NULL, {"\"unix:/s\""}, "@a"},
    {"nginx", "listen = {\"systemd:x\", /s} command = /bin/x", NULL, {"\"unix:/s\""}, "systemd"},
    /* Kinds. */
    {"nginx",
     "listen = /s script_root = {\"/a b\", /c}",
     NULL,
     {"SCRIPT_FILENAME \"/a b$fastcgi_path_info\";", "2 folders of script_root"},
     NULL},
    {"apache",
     "listen = /s script_root = \"/a b\"",
     NULL,
     {"Alias \"/p/\" \"/a b/\"", "SetHandler \"proxy:unix:/s|fcgi://ganger-p\""},
     "ProxyPass"},
    {"haproxy",
     "listen = /s script_root = \"/a%b\"",
     NULL,
     {"docroot \"/a%b\"", "SCRIPT_FILENAME \"/a%%b%[var(txn.ganger_rest)]\""},
     NULL},
    {"nginx",
     "listen = /s kind = fastcgi command = {/usr/bin/env, \"X=1\", /usr/bin/php-cgi8.2}",
     NULL,
     {"location ~ [^/]\\.php(/|$) {", "$document_root$fastcgi_script_name"},
     NULL},
    {"nginx", "listen = /s kind = status", NULL, {"deny all;", "auth_basic"}, "client_max"},
    {"apache", "listen = /s kind = status", NULL, {"Require local", "AuthType"}, NULL},
    {"caddy", "listen = /s kind = status", NULL, {"respond @stranger 403"}, NULL},
    {"haproxy", "listen = /s kind = status", NULL, {"http-request deny unless"}, NULL},
    {"lighttpd", "listen = /s kind = status", NULL, {"url.access-deny", "mod_access"}, NULL},
    /* Where. */
    {"nginx",
     "listen = /s command = /bin/x",
     "/a.b/c/",
     {"location ^~ /a.b/c/ {", "^(/a\\.b/c)(/.*)$"},
     NULL},
    {"nginx", "listen = /s command = /bin/x", "/", {"location ^~ / {", "^()(/.*)$"}, NULL},
    {"caddy", "listen = /s command = /bin/x", "/", {"handle_path /* {", "SCRIPT_NAME \"\""}, NULL},
    {"lighttpd", "listen = /s command = /bin/x", "/", {"fix-root-scriptname"}, NULL},
    {"nginx",
     "listen = /s command = /bin/x",
     NULL,
     {"REQUEST_START t=$msec;", "HTTP_PROXY \"\";"},
     NULL},
};

static void test_contents(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err;
        char *text = make(rows[i].proxy, rows[i].pool, rows[i].path, &err);
        if (text == NULL)
            fail_msg("%s %s: %s", rows[i].proxy, rows[i].pool, err.text);
        for (size_t k = 0; k < 6 && rows[i].wanted[k] != NULL; k++) {
            if (strstr(text, rows[i].wanted[k]) == NULL)
                fail_msg("%s %s: no %s in\n%s", rows[i].proxy, rows[i].pool, rows[i].wanted[k],
                         text);
        }
        if (rows[i].never != NULL && strstr(text, rows[i].never) != NULL)
            fail_msg("%s %s: %s in\n%s", rows[i].proxy, rows[i].pool, rows[i].never, text);
        free(text);
    }
}

static const struct {
    const char *proxy;
    const char *pool;
    const char *path;
    const char *why;
} refusals[] = {
    {"nginx", "listen = @a command = /bin/x", NULL, "abstract socket @a"},
    {"apache", "listen = @a command = /bin/x", NULL, "abstract socket @a"},
    {"haproxy", "listen = @a command = /bin/x", NULL, "zeros to 108 bytes"},
    {"lighttpd", "listen = @a command = /bin/x", NULL, "abstract socket @a"},
    {"caddy", "listen = \"systemd:x\" command = /bin/x", NULL, "ListenStream="},
    {"nginx", "listen = /s", NULL, "neither command nor script_root"},
    {"nginx", "listen = \"/a\\$b\" command = /bin/x", NULL, "holds '$'"},
    {"nginx", "listen = /s command = /bin/x", "p", "--path \"p\""},
    {"nginx", "listen = /s command = /bin/x", "/a b", "--path"},
    {"nginx", "listen = /s command = /bin/x", "/a//b", "--path"},
    {"nginx", "listen = /s command = /bin/x", "/../b", "--path"},
    {"nginx", "listen = /s command = /bin/x", "", "--path"},
    {"nginx", "listen = /s command = /bin/x", "/a;b", "--path"},
    {"nginx", "listen = /s command = /bin/x", "/a\x1b", "\\x1b"},
};

static void test_refusals(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct error err;
        char *text = make(refusals[i].proxy, refusals[i].pool, refusals[i].path, &err);
        if (text != NULL || strstr(err.text, refusals[i].why) == NULL)
            fail_msg("%s %s: %s\n%s", refusals[i].proxy, refusals[i].pool, err.text,
                     text == NULL ? "" : text);
    }
}

/* A snippet that does not fit is no snippet. */
static void test_too_large(void **unused)
{
    struct conf *c = load("listen = /s command = /bin/x");
    (void)unused;
    for (size_t i = 0; i < ALL; i++) {
        struct bytes out;
        int rc = -ENOBUFS;
        for (size_t room = 0; rc < 0; room += 101) {
            struct error err = ERROR_NONE;
            bytes_init(&out, room);
            rc = proxy_write(proxy_find(all[i]), conf_find(c, "p"), NULL, NULL, &out, &err);
            assert_true(rc == 0 || err.text[0] != '\0');
            bytes_clear(&out);
            assert_true(room < 10000);
        }
    }
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_contents),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
