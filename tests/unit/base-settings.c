/* SPDX-License-Identifier: Apache-2.0 */
/* The settings block: what is added is found, and a hostile block is refused whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/settings.h"

static void test_add_and_get(void **unused)
{
    struct settings s;

    (void)unused;
    settings_init(&s);
    assert_string_equal(settings_get(&s, "pool", "none"), "none");
    assert_int_equal(settings_add(&s, "pool", "git"), 0);
    assert_int_equal(settings_add(&s, "env", "A=1"), 0);
    assert_int_equal(settings_add(&s, "env", "B="), 0);
    assert_int_equal(settings_add(&s, "environ", "x"), 0);
    assert_int_equal(settings_add(&s, "empty", ""), 0);
    assert_int_equal(settings_add_number(&s, "max", UINT64_MAX), 0);
    assert_string_equal(settings_get(&s, "pool", "none"), "git");
    assert_string_equal(settings_get(&s, "empty", "none"), "");
    assert_string_equal(settings_get(&s, "env", NULL), "A=1");
    assert_string_equal(settings_get_nth(&s, "env", 0), "A=1");
    assert_string_equal(settings_get_nth(&s, "env", 1), "B=");
    assert_null(settings_get_nth(&s, "env", 2));
    assert_null(settings_get(&s, "en", NULL));
    assert_null(settings_get(&s, "A", NULL));
    assert_true(settings_get_number(&s, "max", 1) == UINT64_MAX);
    assert_int_equal(settings_get_number(&s, "pool", 7), 7);
    assert_int_equal(settings_get_number(&s, "absent", 8), 8);
    settings_clear(&s);
    settings_clear(NULL);
}

static void test_bad_names_and_too_much(void **unused)
{
    struct settings s;
    char *big = malloc(SETTINGS_MAX);

    (void)unused;
    assert_non_null(big);
    settings_init(&s);
    assert_int_equal(settings_add(&s, "", "x"), -EINVAL);
    assert_int_equal(settings_add(&s, "a=b", "x"), -EINVAL);
    memset(big, 'x', SETTINGS_MAX - 1);
    big[SETTINGS_MAX - 1] = '\0';
    assert_int_equal(settings_add(&s, "big", big), -ENOBUFS);
    big[SETTINGS_MAX - 5] = '\0'; /* "big=" … NUL fills it to the last byte */
    assert_int_equal(settings_add(&s, "big", big), 0);
    assert_int_equal(bytes_room(&s.block), 0);
    assert_int_equal(settings_add(&s, "a", ""), -ENOBUFS);
    assert_int_equal(strlen(settings_get(&s, "big", "")), SETTINGS_MAX - 5);
    settings_clear(&s);
    free(big);
}

static void test_load(void **unused)
{
    static const struct {
        const char *data;
        size_t length;
        int good;
    } rows[] = {
        {"", 0, 1},         {"a=b\0", 4, 1},     {"a=\0b==\0", 7, 1}, {"a=b", 3, 0},
        {"=b\0", 3, 0},     {"ab\0", 3, 0},      {"\0", 1, 0},        {"a=b\0\0", 5, 0},
        {"a=b\0c\0", 6, 0}, {"a=b\0=c\0", 7, 0}, {"a=b\0c=d", 7, 0},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings s;
        struct error err = ERROR_NONE;
        /* An exact allocation: a read past the end is seen by the sanitizer. */
        char *copy = malloc(rows[i].length + (rows[i].length == 0));

        assert_non_null(copy);
        memcpy(copy, rows[i].data, rows[i].length);
        settings_init(&s);
        assert_int_equal(settings_add(&s, "old", "kept"), 0);
        assert_int_equal(settings_load(&s, copy, rows[i].length, &err) == 0, rows[i].good);
        free(copy);
        assert_int_equal(settings_get(&s, "old", NULL) == NULL, rows[i].good);
        assert_int_equal(err.number == 0, rows[i].good);
        settings_clear(&s);
    }
}

static void test_load_refuses_too_much(void **unused)
{
    struct settings s;
    struct error err = ERROR_NONE;

    (void)unused;
    settings_init(&s);
    assert_int_equal(settings_load(&s, "", (size_t)SETTINGS_MAX + 1, &err), -EINVAL);
    settings_clear(&s);
}

static void test_round_trip(void **unused)
{
    struct settings a;
    struct settings b;

    (void)unused;
    settings_init(&a);
    settings_init(&b);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(settings_add_number(&a, i % 2 == 0 ? "even" : "odd", i), 0);
    assert_int_equal(settings_load(&b, bytes_front(&a.block), bytes_held(&a.block), NULL), 0);
    assert_string_equal(settings_get_nth(&b, "even", 499), "998");
    assert_string_equal(settings_get_nth(&b, "odd", 0), "1");
    assert_null(settings_get_nth(&b, "odd", 500));
    settings_clear(&a);
    settings_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_get), cmocka_unit_test(test_bad_names_and_too_much),
        cmocka_unit_test(test_load),        cmocka_unit_test(test_load_refuses_too_much),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
