/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a CGI response as a client reads it, fed whole and byte by byte. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/head.h"

static const struct {
    const char *text;
    int rc;
    bool done;
    unsigned status;
    const char *body;
} rows[] = {
    {"A: b\r\n\r\nbody", 0, true, 200, "body"},
    {"A: b\n\nbody", 0, true, 200, "body"},
    {"A: b\r\n\nbody", 0, true, 200, "body"},
    {"\nbody", 0, true, 200, "body"},
    {"\r\n", 0, true, 200, ""},
    {"Status: 404 Not Found\r\n\r\n", 0, true, 404, ""},
    {"status:503\n\nx", 0, true, 503, "x"},
    {"STATUS:\t 418 \r\n\r\n", 0, true, 418, ""},
    {"Location: /x\r\n\r\n", 0, true, 302, ""},
    {"Location: /x\r\nStatus: 201\r\n\r\n", 0, true, 201, ""},
    {"X-Status: 404\r\n\r\n", 0, true, 200, ""},
    {"A: b\r\n", 0, false, 0, ""},
    {"A: b\r\n\r", 0, false, 0, ""},
    {"", 0, false, 0, ""},
    {"Status: abc\r\n\r\n", -EPROTO, true, 0, ""},
    {"Status: 20\r\n\r\n", -EPROTO, true, 0, ""},
    {"Status: 2000\r\n\r\n", -EPROTO, true, 0, ""},
    {"Status: 099\r\n\r\n", -EPROTO, true, 0, ""},
    {"Status:\r\n\r\n", -EPROTO, true, 0, ""},
    {"Status: -20\r\n\r\n", -EPROTO, true, 0, ""},
    {"<html>\n", -EPROTO, false, 0, ""},
    {"A: b\r\n<html>\r\n\r\n", -EPROTO, false, 0, "\r\n"},
};

static void check(size_t i, size_t step)
{
    struct head h;
    struct error err = ERROR_NONE;
    const char *text = rows[i].text;
    size_t left = strlen(text);
    int rc = 0;
    head_init(&h);
    while (rc == 0 && left > 0 && !h.done) {
        size_t part = left < step ? left : step;
        const void *at = text;
        size_t length = part;
        rc = head_feed(&h, &at, &length, &err);
        text += part - length;
        left -= part - length;
        if (rc == 0 && !h.done)
            assert_int_equal(length, 0);
    }
    if (rc != rows[i].rc || h.done != rows[i].done || (rc == 0 && h.status != rows[i].status) ||
        strcmp(text, rows[i].body) != 0)
        fail_msg("row %zu, step %zu: rc %d, done %d, status %u, left \"%s\"", i, step, rc, h.done,
                 h.status, text);
    if (rc < 0)
        assert_true(err.text[0] != '\0');
    head_clear(&h);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(i, 1);
        check(i, 3);
        check(i, 1000);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    struct head h;
    struct error err = ERROR_NONE;
    static const char line[] = "Name: value value value value value value value value value\n";
    head_init(&h);
    int rc = 0;
    size_t fed = 0;
    while (rc == 0 && fed < 4u * HEAD_MAX) {
        const void *at = line;
        size_t length = sizeof line - 1;
        fed += length;
        rc = head_feed(&h, &at, &length, &err);
    }
    assert_int_equal(rc, -EPROTO);
    assert_in_range(fed, HEAD_MAX, HEAD_MAX + sizeof line);
    head_clear(&h);
}

static void test_field(void **state)
{
    (void)state;
    struct head h;
    char value[8];
    static const char text[] = "Aa: 1\r\nA:  two \t\r\nlong: 0123456789\r\n\r\n";
    const void *at = text;
    size_t length = sizeof text - 1;
    head_init(&h);
    assert_int_equal(head_feed(&h, &at, &length, NULL), 0);
    assert_true(head_field(&h, "a", value, sizeof value));
    assert_string_equal(value, "two");
    assert_true(head_field(&h, "LONG", value, sizeof value));
    assert_string_equal(value, "0123456");
    assert_false(head_field(&h, "b", value, sizeof value));
    head_clear(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_too_large),
                                       cmocka_unit_test(test_field)};
    return cmocka_run_group_tests_name("ctl-head", tests, NULL, NULL);
}
