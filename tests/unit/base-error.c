/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences: what is appended, what is wrapped, what is cut, and that aliasing is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/error.h"

static void test_set_keeps_the_sentence_alone(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    assert_int_equal(error_set(&err, ENOENT, "pool %s: no %d", "git", 7), -ENOENT);
    assert_int_equal(err.number, ENOENT);
    assert_string_equal(err.text, "pool git: no 7");
    assert_int_equal(error_set(NULL, EPERM, "nobody listens"), -EPERM);
}

static void test_errno_appends_the_reason(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    assert_int_equal(error_errno(&err, EACCES, "open %s", "x"), -EACCES);
    assert_string_equal(err.text, "open x: Permission denied");
    assert_int_equal(error_errno(&err, 4242, "open"), -4242);
    assert_string_equal(err.text, "open: error 4242");
    assert_int_equal(error_errno(NULL, EACCES, "x"), -EACCES);
}

static void test_never_looks_like_success(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    assert_true(error_set(&err, 0, "lost errno") < 0);
    assert_true(err.number > 0);
    assert_int_equal(error_set(&err, -ENOENT, "wrong sign"), -ENOENT);
    assert_int_equal(err.number, ENOENT);
    err = ERROR_NONE;
    assert_true(error_wrap(&err, "nothing was held") < 0);
}

static void test_wrap_puts_in_front(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    error_errno(&err, ENOENT, "open");
    assert_int_equal(error_wrap(&err, "pool %s", "git"), -ENOENT);
    assert_string_equal(err.text, "pool git: open: No such file or directory");
    assert_int_equal(error_wrap(NULL, "x"), -EINVAL);
}

static void test_arguments_may_be_the_error_itself(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    error_set(&err, EIO, "inner");
    error_set(&err, EIO, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    error_wrap(&err, "again %s", err.text);
    assert_string_equal(err.text, "again outer (inner): outer (inner)");
}

static void test_one_line(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    error_set(&err, EIO, "a\nb\r\n");
    assert_string_equal(err.text, "a b");
}

static void test_long_sentences_are_cut_but_keep_the_reason(void **unused)
{
    struct error err = ERROR_NONE;
    char big[3 * ERROR_TEXT_MAX];

    (void)unused;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    error_errno(&err, ENOENT, "%s", big);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    assert_non_null(strstr(err.text, "xxx: No such file or directory"));
    error_wrap(&err, "%s", big);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    error_set(&err, ENOENT, "%s", big);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_keeps_the_sentence_alone),
        cmocka_unit_test(test_errno_appends_the_reason),
        cmocka_unit_test(test_never_looks_like_success),
        cmocka_unit_test(test_wrap_puts_in_front),
        cmocka_unit_test(test_arguments_may_be_the_error_itself),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_long_sentences_are_cut_but_keep_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
