/* SPDX-License-Identifier: Apache-2.0 */
/* Formats as tables: what they are taken apart into, and what is refused in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/access_format.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_each_letter(void **unused)
{
    static const struct {
        const char *text;
        enum access_field field;
        enum access_unit unit;
        const char *inside;
    } rows[] = {
        {"%C", ACCESS_CPU, ACCESS_PLAIN, NULL},
        {"%{user}C", ACCESS_CPU, ACCESS_CPU_USER, NULL},
        {"%{system}C", ACCESS_CPU, ACCESS_CPU_SYSTEM, NULL},
        {"%{total}C", ACCESS_CPU, ACCESS_PLAIN, NULL},
        {"%d", ACCESS_DURATION, ACCESS_PLAIN, NULL},
        {"%{seconds}d", ACCESS_DURATION, ACCESS_PLAIN, NULL},
        {"%{milliseconds}d", ACCESS_DURATION, ACCESS_MILLI, NULL},
        {"%{Milli}d", ACCESS_DURATION, ACCESS_MILLI, NULL},
        {"%{miliseconds}d", ACCESS_DURATION, ACCESS_MILLI, NULL},
        {"%{mili}w", ACCESS_WAITED, ACCESS_MILLI, NULL},
        {"%{microseconds}d", ACCESS_DURATION, ACCESS_MICRO, NULL},
        {"%{micro}d", ACCESS_DURATION, ACCESS_MICRO, NULL},
        {"%{A_B}e", ACCESS_VARIABLE, ACCESS_PLAIN, "A_B"},
        {"%{%}e", ACCESS_VARIABLE, ACCESS_PLAIN, "%"},
        {"%f", ACCESS_SCRIPT, ACCESS_PLAIN, NULL},
        {"%{milli}F", ACCESS_FIRST, ACCESS_MILLI, NULL},
        {"%{mega}I", ACCESS_IN, ACCESS_MEGA, NULL},
        {"%k", ACCESS_NUMBER, ACCESS_PLAIN, NULL},
        {"%l", ACCESS_LENGTH, ACCESS_PLAIN, NULL},
        {"%m", ACCESS_METHOD, ACCESS_PLAIN, NULL},
        {"%{kilobytes}M", ACCESS_MEMORY, ACCESS_KILO, NULL},
        {"%{megabytes}M", ACCESS_MEMORY, ACCESS_MEGA, NULL},
        {"%n", ACCESS_POOL, ACCESS_PLAIN, NULL},
        {"%{Content-Type}o", ACCESS_HEADER, ACCESS_PLAIN, "Content-Type"},
        {"%{bytes}O", ACCESS_OUT, ACCESS_PLAIN, NULL},
        {"%p", ACCESS_PID, ACCESS_PLAIN, NULL},
        {"%P", ACCESS_PARENT, ACCESS_PLAIN, NULL},
        {"%q", ACCESS_QUERY, ACCESS_PLAIN, NULL},
        {"%Q", ACCESS_QUESTION, ACCESS_PLAIN, NULL},
        {"%r", ACCESS_URI, ACCESS_PLAIN, NULL},
        {"%R", ACCESS_REMOTE, ACCESS_PLAIN, NULL},
        {"%s", ACCESS_STATUS, ACCESS_PLAIN, NULL},
        {"%t", ACCESS_BEGAN, ACCESS_PLAIN, NULL},
        {"%{%H:%M}t", ACCESS_BEGAN, ACCESS_PLAIN, "%H:%M"},
        {"%T", ACCESS_ENDED, ACCESS_PLAIN, NULL},
        {"%u", ACCESS_USER, ACCESS_PLAIN, NULL},
        {"%{micro}w", ACCESS_WAITED, ACCESS_MICRO, NULL},
        {"%X", ACCESS_END, ACCESS_PLAIN, NULL},
        {"%%", ACCESS_LITERAL, ACCESS_PLAIN, "%"},
        {"abc", ACCESS_LITERAL, ACCESS_PLAIN, "abc"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct access_format f;

        assert_int_equal(access_format_parse(&f, rows[i].text, NULL), 0);
        assert_int_equal(f.count, 1);
        assert_false(f.json);
        assert_int_equal(f.items[0].field, rows[i].field);
        assert_int_equal(f.items[0].unit, rows[i].unit);
        assert_false(f.items[0].quoted);
        if (rows[i].inside == NULL)
            assert_null(f.items[0].text);
        else {
            assert_string_equal(f.items[0].text, rows[i].inside);
            assert_int_equal(f.items[0].length, strlen(rows[i].inside));
        }
        access_format_clear(&f);
    }
}

static void test_quotes_and_literals(void **unused)
{
    struct access_format f;

    (void)unused;
    assert_int_equal(access_format_parse(&f, ACCESS_FORMAT_DEFAULT, NULL), 0);
    assert_int_equal(f.count, 11);
    assert_int_equal(f.items[0].field, ACCESS_REMOTE);
    assert_string_equal(f.items[1].text, " - ");
    assert_int_equal(f.items[6].field, ACCESS_METHOD);
    assert_true(f.items[6].quoted && f.items[8].quoted);
    assert_false(f.items[10].quoted);
    access_format_clear(&f);
    assert_int_equal(access_format_parse(&f, "", NULL), 0);
    assert_int_equal(f.count, 0);
    access_format_clear(&f);
    assert_int_equal(access_format_parse(&f, "json", NULL), 0);
    assert_true(f.json);
    access_format_clear(&f);
}

static void test_refused(void **unused)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"%", "ends with a %"},           {"x%{a}", "ends with a %"},
        {"%{a", "no closing brace"},      {"%z", "%z is not known"},
        {"%\xc3\xa4", "%? is not known"}, {"%{x}m", "%m takes nothing"},
        {"%e", "name of a variable"},     {"%{}e", "name of a variable"},
        {"%o", "name of a header field"}, {"%{kilo}d", "no unit of %d"},
        {"%{user}M", "no unit of %M"},    {"%{milli}C", "no unit of %C"},
        {"%{}d", "no unit of %d"},        {"%{}t", "strftime"},
    };
    char *large = malloc(ACCESS_FORMAT_MAX + 2);
    struct access_format f;
    struct error err = ERROR_NONE;

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(access_format_parse(&f, rows[i].text, &err) < 0);
        assert_non_null(strstr(err.text, rows[i].says));
        assert_int_equal(f.count, 0);
        assert_null(f.items);
    }
    assert_non_null(large);
    memset(large, 'x', ACCESS_FORMAT_MAX + 1);
    large[ACCESS_FORMAT_MAX + 1] = '\0';
    assert_true(access_format_parse(&f, large, &err) < 0);
    large[ACCESS_FORMAT_MAX] = '\0';
    assert_int_equal(access_format_parse(&f, large, &err), 0);
    access_format_clear(&f);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_letter),
        cmocka_unit_test(test_quotes_and_literals),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
