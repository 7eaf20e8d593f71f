/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters that a request is made of. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/variables.h"
#include "wire/record.h"

enum { LIST = 4 };

static const struct {
    const char *path, *method, *script;
    const char *headers[LIST], *params[LIST];
    bool body, sized;
    const char *name, *want; /* NULL: not sent */
} rows[] = {
    {.path = NULL, .name = "REQUEST_URI", .want = "/"},
    {.path = "/a%20b?x=%20&y", .name = "REQUEST_URI", .want = "/a%20b?x=%20&y"},
    {.path = "/a%20b?x=%20&y", .name = "SCRIPT_NAME", .want = "/a b"},
    {.path = "/a%20b?x=%20&y", .name = "QUERY_STRING", .want = "x=%20&y"},
    {.path = "/a?b?c", .name = "QUERY_STRING", .want = "b?c"},
    {.path = "/a?", .name = "QUERY_STRING", .want = ""},
    {.path = "/100%", .name = "SCRIPT_NAME", .want = "/100%"},
    {.path = "/%4", .name = "SCRIPT_NAME", .want = "/%4"},
    {.path = "/%zz%C3%a4", .name = "DOCUMENT_URI", .want = "/%zz\xc3\xa4"},
    {.path = "/x.php?q", .name = "SCRIPT_FILENAME", .want = "/x.php"},
    {.path = "/x", .name = "DOCUMENT_ROOT", .want = "/"},
    {.path = "/x", .script = "/srv/a/b.php", .name = "SCRIPT_FILENAME", .want = "/srv/a/b.php"},
    {.path = "/x", .script = "/srv/a/b.php", .name = "DOCUMENT_ROOT", .want = "/srv/a"},
    {.path = "/x", .script = "/b.php", .name = "DOCUMENT_ROOT", .want = "/"},
    {.path = "/x", .script = "/b.php", .name = "SCRIPT_NAME", .want = "/x"},
    {.name = "REQUEST_METHOD", .want = "GET"},
    {.body = true, .name = "REQUEST_METHOD", .want = "POST"},
    {.body = true, .method = "PUT", .name = "REQUEST_METHOD", .want = "PUT"},
    {.name = "CONTENT_LENGTH", .want = ""},
    {.body = true, .sized = true, .name = "CONTENT_LENGTH", .want = "5000000000"},
    {.body = true, .name = "CONTENT_LENGTH", .want = ""},
    {.body = true, .name = "CONTENT_TYPE", .want = "application/x-www-form-urlencoded"},
    {.headers = {"content-type: a/b"}, .body = true, .name = "CONTENT_TYPE", .want = "a/b"},
    {.headers = {"content-type: a/b"}, .name = "HTTP_CONTENT_TYPE", .want = NULL},
    {.headers = {"Content-Length: 7"}, .name = "CONTENT_LENGTH", .want = "7"},
    {.headers = {"Accept-Language:de"}, .name = "HTTP_ACCEPT_LANGUAGE", .want = "de"},
    {.headers = {"X: 1", "x:2"}, .name = "HTTP_X", .want = "1, 2"},
    {.headers = {"Cookie: 1", "Cookie: 2"}, .name = "HTTP_COOKIE", .want = "1; 2"},
    {.headers = {"Host: a"}, .name = "HTTP_HOST", .want = "a"},
    {.headers = {"Accept:"}, .name = "HTTP_ACCEPT", .want = NULL},
    {.params = {"PATH_INFO=/p=q"}, .name = "PATH_INFO", .want = "/p=q"},
    {.params = {"REMOTE_ADDR=::1"}, .name = "REMOTE_ADDR", .want = "::1"},
    {.params = {"REMOTE_ADDR"}, .name = "REMOTE_ADDR", .want = NULL},
    {.params = {"HTTP_HOST=b"}, .headers = {"Host: a"}, .name = "HTTP_HOST", .want = "b"},
    {.params = {"NEW="}, .name = "NEW", .want = ""},
    {.params = {"NEVER_THERE"}, .name = "NEVER_THERE", .want = NULL},
    {.name = "GATEWAY_INTERFACE", .want = "CGI/1.1"},
    {.name = "REDIRECT_STATUS", .want = "200"},
};

static size_t count(const char *const *list)
{
    size_t n = 0;
    while (n < LIST && list[n] != NULL)
        n++;
    return n;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct variables v;
        struct error err = ERROR_NONE;
        struct variables_body body = {
            .present = rows[i].body, .sized = rows[i].sized, .length = UINT64_C(5000000000)};
        struct ctl_request_options o = {
            .path = rows[i].path,
            .method = rows[i].method,
            .script = rows[i].script,
            .headers = rows[i].headers,
            .header_count = count(rows[i].headers),
            .params = rows[i].params,
            .param_count = count(rows[i].params),
        };
        assert_int_equal(variables_build(&v, &o, &body, &err), 0);
        const char *got = variables_find(&v, rows[i].name);
        if ((got == NULL) != (rows[i].want == NULL) ||
            (got != NULL && strcmp(got, rows[i].want) != 0))
            fail_msg("row %zu: %s is \"%s\"", i, rows[i].name, got == NULL ? "(none)" : got);
        for (size_t a = 0; a < v.count; a++)
            for (size_t b = a + 1; b < v.count; b++)
                assert_string_not_equal(v.items[a].name, v.items[b].name);
        variables_clear(&v);
    }
}

static void test_relative_script(void **state)
{
    (void)state;
    struct variables v;
    struct variables_body body = {0};
    struct ctl_request_options o = {.script = "d/x.cgi"};
    char want[4096];
    char folder[4000];
    assert_non_null(getcwd(folder, sizeof folder));
    assert_int_equal(variables_build(&v, &o, &body, NULL), 0);
    snprintf(want, sizeof want, "%s/d/x.cgi", folder);
    assert_string_equal(variables_find(&v, "SCRIPT_FILENAME"), want);
    variables_clear(&v);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {"no colon", ": no name", ""};
    static const char *const paths[] = {"a", "", "http://x/", "/a%00b"};
    struct variables v;
    struct variables_body body = {0};
    struct error err = ERROR_NONE;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct ctl_request_options o = {.path = paths[i]};
        assert_int_equal(variables_build(&v, &o, &body, &err), -EINVAL);
    }
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct ctl_request_options o = {.headers = &headers[i], .header_count = 1};
        assert_int_equal(variables_build(&v, &o, &body, &err), -EINVAL);
    }
}

static void test_authorizer_has_no_length(void **state)
{
    (void)state;
    struct variables v;
    struct variables_body body = {0};
    struct ctl_request_options o = {.role = FCGI_AUTHORIZER};
    assert_int_equal(variables_build(&v, &o, &body, NULL), 0);
    assert_null(variables_find(&v, "CONTENT_LENGTH"));
    variables_clear(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_relative_script),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_authorizer_has_no_length)};
    return cmocka_run_group_tests_name("ctl-variables", tests, NULL, NULL);
}
