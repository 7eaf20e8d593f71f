/* SPDX-License-Identifier: Apache-2.0 */

/* Parameters → environment: one row per case of the catalogue, its number first. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/environ.h"
#include "wire/reader.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct text {
    const char *data;
    size_t length;
};
#define T(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static struct params *make(const struct text (*pairs)[2])
{
    struct params *p = params_new(&reader_default_limits.params);
    struct bytes b;

    bytes_init(&b, 1u << 22);
    for (size_t i = 0; pairs[i][0].data != NULL; i++)
        params_encode(&b, pairs[i][0].data, pairs[i][0].length, pairs[i][1].data,
                      pairs[i][1].length);
    assert_int_equal(params_feed(p, bytes_front(&b), bytes_held(&b)), PARAMS_OK);
    bytes_clear(&b);
    return p;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All variables, sorted, one blank between them. */
static char *show(struct environ *e)
{
    size_t size = 1;
    char *text, *at;

    qsort(e->variables, e->count, sizeof *e->variables, by_text);
    assert_null(e->variables[e->count]);
    for (size_t i = 0; i < e->count; i++)
        size += strlen(e->variables[i]) + 1;
    text = at = calloc(1, size);
    for (size_t i = 0; i < e->count; i++)
        at = stpcpy(stpcpy(at, i == 0 ? "" : " "), e->variables[i]);
    return text;
}

#define DEFAULTS "GATEWAY_INTERFACE=CGI/1.1 PATH=/usr/local/bin:/usr/bin:/bin"

static const struct row {
    const char *name;
    struct text pairs[8][2];
    const char *want; /* NULL: ENVIRON_BAD_REQUEST */
    unsigned dropped;
    const char *pool[4];
    struct environ_override computed[3];
} rows[] = {
    {"D41 no parameters", {{{0}}}, DEFAULTS, 0},
    {"D56 an empty name", {{T(""), T("x")}}, DEFAULTS, 1},
    {"D57 an empty value", {{T("A"), T("")}}, "A= " DEFAULTS, 0},
    {"D58 '=' in a name", {{T("A=B"), T("c")}}, DEFAULTS, 1},
    {"D59 NUL in a name", {{T("A\0B"), T("c")}}, DEFAULTS, 1},
    {"D60 NUL in a value", {{T("PATH_INFO"), T("/ok\0/evil")}}, NULL},
    {"D60 NUL in the value of a refused name", {{T("LD_X"), T("\0")}}, NULL},
    {"D61 odd bytes in a value", {{T("A"), T("\n\r\x1b\xff=")}}, "A=\n\r\x1b\xff= " DEFAULTS, 0},
    {"D62 names that are no names",
     {{T("A\n"), T("1")},
      {T("A B"), T("1")},
      {T("%A"), T("1")},
      {T("(){ :;}"), T("1")},
      {T("1A"), T("1")},
      {T("\xc3\x84"), T("1")},
      {T("_a1"), T("1")}},
     DEFAULTS " _a1=1",
     6},
    {"D63 names that steer a loader or interpreter",
     {{T("LD_PRELOAD"), T("x")},
      {T("PATH"), T("x")},
      {T("IFS"), T("x")},
      {T("BASH_ENV"), T("x")},
      {T("PYTHONPATH"), T("x")},
      {T("PERL5LIB"), T("x")},
      {T("GCONV_PATH"), T("x")}},
     DEFAULTS,
     7},
    {"D63 in any case", {{T("Ld_Preload"), T("x")}, {T("path"), T("x")}}, DEFAULTS, 2},
    {"D64 httpoxy",
     {{T("HTTP_PROXY"), T("x")}, {T("http_proxy"), T("x")}, {T("Http_Proxy"), T("x")}},
     DEFAULTS,
     3},
    {"D65 the last of duplicates wins", {{T("A"), T("1")}, {T("A"), T("2")}}, "A=2 " DEFAULTS, 0},
    {"D65 also when it is shorter", {{T("A"), T("longer")}, {T("A"), T("")}}, "A= " DEFAULTS, 0},
    {"D66 names that differ in case only",
     {{T("PATH_INFO"), T("/a")}, {T("Path_Info"), T("/b")}},
     DEFAULTS " PATH_INFO=/a",
     1},
    {"D66 whichever comes first",
     {{T("path_info"), T("/b")}, {T("PATH_INFO"), T("/a")}},
     DEFAULTS " PATH_INFO=/a",
     1},
    {"D71 reserved names",
     {{T("FCGI_ROLE"), T("x")}, {T("FCGI_WEB_SERVER_ADDRS"), T("x")}, {T("GANGER_POOL"), T("x")}},
     DEFAULTS,
     3},
    {"git's parameters pass",
     {{T("GIT_PROJECT_ROOT"), T("/srv")},
      {T("GIT_HTTP_EXPORT_ALL"), T("")},
      {T("GIT_PROTOCOL"), T("version=2")},
      {T("HTTP_GIT_PROTOCOL"), T("version=2")},
      {T("REMOTE_USER"), T("u")},
      {T("HTTP_AUTHORIZATION"), T("Basic x")}},
     "GATEWAY_INTERFACE=CGI/1.1 GIT_HTTP_EXPORT_ALL= GIT_PROJECT_ROOT=/srv GIT_PROTOCOL=version=2 "
     "HTTP_AUTHORIZATION=Basic x HTTP_GIT_PROTOCOL=version=2 PATH=/usr/local/bin:/usr/bin:/bin "
     "REMOTE_USER=u",
     0},
    {"usual parameters pass",
     {{T("SSL_CLIENT_CERT"), T("c")},
      {T("HTTPS"), T("on")},
      {T("CGIT_CONFIG"), T("/c")},
      {T("SERVER_PROTOCOL"), T("HTTP/1.1")},
      {T("REDIRECT_STATUS"), T("200")},
      {T("PATH_TRANSLATED"), T("/t")},
      {T("DOCUMENT_ROOT"), T("/d")}},
     "CGIT_CONFIG=/c DOCUMENT_ROOT=/d GATEWAY_INTERFACE=CGI/1.1 HTTPS=on "
     "PATH=/usr/local/bin:/usr/bin:/bin PATH_TRANSLATED=/t REDIRECT_STATUS=200 "
     "SERVER_PROTOCOL=HTTP/1.1 SSL_CLIENT_CERT=c",
     0},
    {"a GATEWAY_INTERFACE of the server stays",
     {{T("GATEWAY_INTERFACE"), T("CGI/1.1x")}},
     "GATEWAY_INTERFACE=CGI/1.1x PATH=/usr/local/bin:/usr/bin:/bin",
     0},
    {"a GATEWAY_INTERFACE that is none does not stand for it",
     {{T("Gateway_Interface"), T("x")}},
     DEFAULTS,
     1},
    {"what is computed wins over a parameter, in any case",
     {{T("SCRIPT_NAME"), T("/sent")}, {T("Script_Name"), T("/sent")}},
     DEFAULTS " SCRIPT_NAME=/mine",
     1,
     {NULL},
     {{"SCRIPT_NAME", "/mine"}}},
    {"what is computed as absent is removed",
     {{T("PATH_INFO"), T("/sent")}},
     DEFAULTS,
     0,
     {NULL},
     {{"PATH_INFO", NULL}}},
    {"the pool's env wins over all",
     {{T("A"), T("1")}, {T("HOME"), T("/evil")}},
     "A=3 GATEWAY_INTERFACE=CGI/1.1 HOME=/h PATH=/p",
     1,
     {"A=3", "HOME=/h", "PATH=/p"},
     {{"A", "2"}}},
    {"the pool's last entry wins", {{{0}}}, "A=2 " DEFAULTS, 0, {"A=1", "A=2"}},
    {"the pool may have names that differ in case only",
     {{{0}}},
     "GATEWAY_INTERFACE=CGI/1.1 NO_PROXY=a PATH=/usr/local/bin:/usr/bin:/bin no_proxy=b",
     0,
     {"NO_PROXY=a", "no_proxy=b"}},
    {"a value of the pool with '=' and none", {{{0}}}, "A= B==x " DEFAULTS, 0, {"A=", "B==x"}},
    {"Apache's SCRIPT_FILENAME",
     {{T("SCRIPT_FILENAME"), T("proxy:fcgi://h:1/a/b?q=1")}},
     DEFAULTS " SCRIPT_FILENAME=/a/b",
     0},
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct params *p = make(row->pairs);
    struct environ e;
    struct error err = ERROR_NONE;
    size_t computed = 0;

    while (row->computed[computed].name != NULL)
        computed++;
    int r = environ_build(&e, p, row->computed, computed, row->pool, &err);

    if (row->want == NULL) {
        assert_int_equal(r, ENVIRON_BAD_REQUEST);
        assert_true(err.text[0] != '\0');
    } else {
        assert_int_equal(r, ENVIRON_OK);
        char *text = show(&e);

        assert_string_equal(text, row->want);
        assert_int_equal(e.dropped, row->dropped);
        free(text);
    }
    environ_clear(&e);
    params_free(p);
}

static void test_d69_content_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
        bool has;
        uint64_t value;
    } lengths[] = {
        {"0", ENVIRON_OK, true, 0},
        {"5", ENVIRON_OK, true, 5},
        {"007", ENVIRON_OK, true, 7},
        {"9223372036854775807", ENVIRON_OK, true, INT64_MAX},
        {"", ENVIRON_OK, false, 0},
        {"-1", ENVIRON_BAD_REQUEST, false, 0},
        {" 5", ENVIRON_BAD_REQUEST, false, 0},
        {"5 ", ENVIRON_BAD_REQUEST, false, 0},
        {"+5", ENVIRON_BAD_REQUEST, false, 0},
        {"5x", ENVIRON_BAD_REQUEST, false, 0},
        {"0x5", ENVIRON_BAD_REQUEST, false, 0},
        {"5,5", ENVIRON_BAD_REQUEST, false, 0},
        {"9223372036854775808", ENVIRON_BAD_REQUEST, false, 0},
        {"18446744073709551616", ENVIRON_BAD_REQUEST, false, 0},
    };

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const struct text pairs[2][2] = {
            {T("CONTENT_LENGTH"), {lengths[i].text, strlen(lengths[i].text)}}};
        struct params *p = make(pairs);
        struct environ_request request;

        assert_int_equal(environ_request(p, &request, NULL), lengths[i].want);
        assert_int_equal(request.has_content_length, lengths[i].has);
        assert_true(request.content_length == lengths[i].value);
        params_free(p);
    }
}

static void test_d70_method(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } methods[] = {
        {"GET", ENVIRON_OK},           {"VERSION-CONTROL", ENVIRON_OK},
        {"M-SEARCH", ENVIRON_OK},      {"", ENVIRON_BAD_REQUEST},
        {"GET ", ENVIRON_BAD_REQUEST}, {"G\x80", ENVIRON_BAD_REQUEST},
        {"G\nX", ENVIRON_BAD_REQUEST}, {"G/", ENVIRON_BAD_REQUEST},
    };
    char *long_method = malloc(4096);

    memset(long_method, 'A', 4096);
    for (size_t i = 0; i <= sizeof methods / sizeof methods[0]; i++) {
        bool last = i == sizeof methods / sizeof methods[0];
        const struct text value = {last ? long_method : methods[i].text,
                                   last ? 4096 : strlen(methods[i].text)};
        const struct text pairs[2][2] = {{T("REQUEST_METHOD"), value}};
        struct params *p = make(pairs);
        struct environ_request request;
        int want = last ? ENVIRON_BAD_REQUEST : methods[i].want;

        assert_int_equal(environ_request(p, &request, NULL), want);
        assert_string_equal(request.method, want == ENVIRON_OK ? methods[i].text : "");
        params_free(p);
    }
    free(long_method);
}

static void test_request_absent(void **state)
{
    (void)state;
    const struct text pairs[1][2] = {{{0}}};
    struct params *p = make(pairs);
    struct environ_request request;

    assert_int_equal(environ_request(p, &request, NULL), ENVIRON_OK);
    assert_string_equal(request.method, "");
    assert_string_equal(request.script_filename, "");
    assert_false(request.has_content_length);
    params_free(p);
}

static void test_script_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"/srv/a.cgi", "/srv/a.cgi"},
        {"/srv/what?.cgi", "/srv/what?.cgi"},
        {"", ""},
        {"relative", "relative"},
        {"proxy:", "proxy:"},
        {"proxy:fcgi://127.0.0.1:9000/srv/a.cgi", "/srv/a.cgi"},
        {"PROXY:FCGI://host/srv/a.cgi", "/srv/a.cgi"},
        {"proxy:fcgi://[::1]:9000/srv/a.cgi", "/srv/a.cgi"},
        {"proxy:fcgi://host:1//srv/a.cgi", "//srv/a.cgi"},
        {"proxy:fcgi://host/srv/a.cgi?q=/x?y", "/srv/a.cgi"},
        {"proxy:fcgi://host?/srv", ""},
        {"proxy:fcgi://host", ""},
        {"proxy:fcgi://", ""},
        {"proxy:balancer://farm/srv/a.cgi", "/srv/a.cgi"},
        {"proxy:balancer://farm/srv/a.cgi?", "/srv/a.cgi"},
        {"proxy:unix:/run/a.sock|fcgi://localhost/srv/a.cgi", "/srv/a.cgi"},
        {"proxy:unix:/run/a.sock|fcgi://localhost:80/srv/a.cgi?q", "/srv/a.cgi"},
        {"proxy:unix:/run/a.sock", "proxy:unix:/run/a.sock"},
        {"proxy:unix:/run/a.sock|http://h/x", "proxy:unix:/run/a.sock|http://h/x"},
        {"proxy:http://h/x", "proxy:http://h/x"},
        {"proxy:fcgi:/h/x", "proxy:fcgi:/h/x"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct text pairs[2][2] = {
            {T("SCRIPT_FILENAME"), {names[i][0], strlen(names[i][0])}}};
        struct params *p = make(pairs);
        struct environ_request request;
        const char *script;
        size_t length = environ_script_path(names[i][0], strlen(names[i][0]), &script);

        assert_int_equal(length, strlen(names[i][1]));
        assert_memory_equal(script, names[i][1], length);
        for (unsigned round = 0; round < 2; round++) { /* the second finds it cut already */
            assert_int_equal(environ_request(p, &request, NULL), ENVIRON_OK);
            assert_string_equal(request.script_filename, names[i][1]);
        }
        params_free(p);
    }
}

/* The kernel takes 131072 bytes with the NUL: "A=" and 131069 is the longest. */
static void test_longest_variable(void **state)
{
    (void)state;
    static char value[131070];
    const struct params_limits wide = {
        .total = 1u << 20, .name = 10, .value = 1u << 20, .count = 9};

    memset(value, 'v', sizeof value);
    for (size_t length = 131069; length <= 131070; length++) {
        struct params *p = params_new(&wide);
        struct bytes b;
        struct environ e;

        bytes_init(&b, 1u << 20);
        params_encode(&b, "A", 1, value, length);
        params_feed(p, bytes_front(&b), bytes_held(&b));
        assert_int_equal(environ_build(&e, p, NULL, 0, NULL, NULL),
                         length == 131069 ? ENVIRON_OK : ENVIRON_BAD_REQUEST);
        environ_clear(&e);
        params_free(p);
        bytes_clear(&b);
    }
}

static void test_denied_table(void **state)
{
    (void)state;
    static const char *const must[] = {
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "GLIBC_TUNABLES",
        "GCONV_PATH",
        "BASH_ENV",
        "BASH_FUNC_ls",
        "ENV",
        "IFS",
        "CDPATH",
        "SHELLOPTS",
        "PS4",
        "PERL5OPT",
        "PERL5LIB",
        "PERLLIB",
        "PERL5DB",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "RUBYOPT",
        "RUBYLIB",
        "NODE_OPTIONS",
        "NODE_PATH",
        "LUA_PATH",
        "LUA_PATH_5_4",
        "LUA_CPATH",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "TCLLIBPATH",
        "PHPRC",
        "PHP_INI_SCAN_DIR",
        "MALLOC_CHECK_",
        "TMPDIR",
        "HOSTALIASES",
        "LOCALDOMAIN",
        "RES_OPTIONS",
        "NLSPATH",
        "LOCPATH",
        "GETCONF_DIR",
        "TZDIR",
        "PATH",
        "HOME",
        "SHELL",
        "USER",
        "GANGER_X",
        "FCGI_ROLE",
        "HTTP_PROXY",
        "http_proxy",
    };
    static const char *const not_those[] = {
        "LDAP_USER",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "HOMEPAGE",
        "REMOTE_USER",
        "HTTPS",
        "HTTP_PROXY_X",
        "HTTP_ENV",
        "HTTP_USER",
        "SHELL_X",
        "ENVIRONMENT",
        "SSL_PROTOCOL",
        "GITOLITE_HTTP_HOME",
        "GIT_PROJECT_ROOT",
        "PHP_VALUE",
        "TZ",
        "LANG",
        "X",
    };
    size_t count = 0;

    for (const char *name; (name = environ_denied_name(count)) != NULL; count++) {
        size_t length = strlen(name);

        assert_true(length > 1);
        for (size_t i = 0; i < length; i++)
            assert_true(isupper((unsigned char)name[i]) || isdigit((unsigned char)name[i]) ||
                        name[i] == '_' || (name[i] == '*' && i == length - 1));
        if (name[length - 1] == '*')
            length--;
        assert_false(environ_name_allowed(name, length));
    }
    assert_true(count > 40);
    assert_null(environ_denied_name(SIZE_MAX));
    for (size_t i = 0; i < sizeof must / sizeof must[0]; i++) {
        if (environ_name_allowed(must[i], strlen(must[i])))
            fail_msg("%s must be denied", must[i]);
    }
    for (size_t i = 0; i < sizeof not_those / sizeof not_those[0]; i++) {
        if (!environ_name_allowed(not_those[i], strlen(not_those[i])))
            fail_msg("%s must be allowed", not_those[i]);
    }
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(test_d69_content_length), cmocka_unit_test(test_d70_method),
        cmocka_unit_test(test_request_absent),     cmocka_unit_test(test_script_names),
        cmocka_unit_test(test_longest_variable),   cmocka_unit_test(test_denied_table),
    };
    static struct CMUnitTest tests[ROWS + sizeof more / sizeof more[0]];

    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = test_row,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    memcpy(tests + ROWS, more, sizeof more);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
