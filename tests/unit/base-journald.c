/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of an entry, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/journald.h"

static void test_fields(void **unused)
{
    static const char want[] = "A=b\nB=\nC=-7\n"
                               "MESSAGE\n\x07\0\0\0\0\0\0\0one\ntwo\n"
                               "X\n\x01\0\0\0\0\0\0\0\n\n"
                               "Y=a=b\0c\n";
    char data[200];
    struct journald_entry e = {.data = data, .size = sizeof(data)};

    (void)unused;
    assert_int_equal(journald_text(&e, "A", "b"), 0);
    assert_int_equal(journald_text(&e, "B", ""), 0);
    assert_int_equal(journald_number(&e, "C", -7), 0);
    assert_int_equal(journald_text(&e, "MESSAGE", "one\ntwo"), 0);
    assert_int_equal(journald_text(&e, "X", "\n"), 0);
    assert_int_equal(journald_field(&e, "Y", "a=b\0c", 5), 0);
    assert_int_equal(e.used, sizeof(want) - 1);
    assert_memory_equal(data, want, e.used);
}

static void test_a_length_of_many_bytes(void **unused)
{
    static char data[80000], value[70000];
    struct journald_entry e = {.data = data, .size = sizeof(data)};

    (void)unused;
    memset(value, 'x', sizeof(value));
    value[0x100] = '\n';
    assert_int_equal(journald_field(&e, "M", value, sizeof(value)), 0);
    assert_memory_equal(data, "M\n\x70\x11\x01\0\0\0\0\0xxx", 13);
    assert_int_equal(e.used, 2 + 8 + sizeof(value) + 1);
}

/* Whole or not at all, and never beyond its end. */
static void test_no_room(void **unused)
{
    (void)unused;
    for (size_t room = 0; room < 40; room++) {
        char data[41];
        struct journald_entry e = {.data = data, .size = room};

        memset(data, '#', sizeof(data));
        int plain = journald_text(&e, "NAME", "value");
        assert_int_equal(plain, room >= 11 ? 0 : -ENOBUFS);
        assert_int_equal(e.used, plain == 0 ? 11 : 0);
        int binary = journald_text(&e, "N", "a\nb");
        assert_int_equal(binary,
                         room >= e.used && (plain == 0 ? room >= 25 : room >= 14) ? 0 : -ENOBUFS);
        for (size_t i = e.used; i < sizeof(data); i++)
            assert_int_equal(data[i], '#');
        assert_true(e.used <= room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_a_length_of_many_bytes),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
