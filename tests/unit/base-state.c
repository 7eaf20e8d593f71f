/* SPDX-License-Identifier: Apache-2.0 */
/* A state is read as it was written, and whatever is not of one piece is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/state.h"

enum { APPLE = 1, PEAR = 7 };

static void write_two(struct state *s)
{
    assert_int_equal(state_begin(s, 3), 0);
    assert_int_equal(state_add(s, APPLE, "a\0b", 3), 0);
    assert_int_equal(state_add(s, PEAR, NULL, 0), 0);
    assert_int_equal(state_add(s, STATE_END, "", 0), -EINVAL);
    assert_int_equal(state_finish(s), 0);
}

static void test_written_and_read(void **unused)
{
    struct state s;
    struct state_reader r;
    struct state_record record;
    struct error err = ERROR_NONE;

    (void)unused;
    write_two(&s);
    assert_int_equal(state_open(&r, bytes_front(&s.block), bytes_held(&s.block), &err), 0);
    assert_int_equal(r.version, 3);
    state_next(&r, &record);
    assert_int_equal(record.kind, APPLE);
    assert_int_equal(record.length, 3);
    assert_memory_equal(record.data, "a\0b", 3);
    state_next(&r, &record);
    assert_int_equal(record.kind, PEAR);
    assert_int_equal(record.length, 0);
    for (int i = 0; i < 3; i++) {
        state_next(&r, &record);
        assert_int_equal(record.kind, STATE_END);
    }
    state_clear(&s);
}

/* Cut anywhere, longer by a byte, with any length or the magic changed: refused, and nothing behind
 * the block is read (the copies are as long as they say). */
static void test_broken(void **unused)
{
    struct state s;
    struct state_reader r;
    struct error err = ERROR_NONE;

    (void)unused;
    write_two(&s);
    size_t whole = bytes_held(&s.block);
    for (size_t length = 0; length < whole; length++) {
        uint8_t *copy = malloc(length == 0 ? 1 : length);

        assert_non_null(copy);
        memcpy(copy, bytes_front(&s.block), length);
        assert_int_equal(state_open(&r, copy, length, &err), -EINVAL);
        free(copy);
    }
    const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 'G'}, {7, 's'}, {16, 4}, {16, 255}, {19, 255}, {27, 1}, {whole - 4, 1}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint8_t *copy = malloc(whole);

        assert_non_null(copy);
        memcpy(copy, bytes_front(&s.block), whole);
        copy[wrong[i].at] = wrong[i].value;
        assert_int_equal(state_open(&r, copy, whole, &err), -EINVAL);
        free(copy);
    }
    assert_int_equal(bytes_append(&s.block, "", 1), 0);
    assert_int_equal(state_open(&r, bytes_front(&s.block), whole + 1, &err), -EINVAL);
    state_clear(&s);
}

struct thing {
    uint32_t small;
    uint64_t large;
    int with_sign;
    bool flag;
    char text[8];
};
static const struct state_field fields[] = {
    {"small", STATE_U32, offsetof(struct thing, small), 0, 100},
    {"large", STATE_U64, offsetof(struct thing, large), 0, UINT64_MAX},
    {"with_sign", STATE_I32, offsetof(struct thing, with_sign), -1, INT_MAX},
    {"flag", STATE_FLAG, offsetof(struct thing, flag), 0, 1},
    {"text", STATE_TEXT, offsetof(struct thing, text), 0, 8},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void test_structs(void **unused)
{
    const struct thing things[] = {
        {0, 0, -1, false, ""},
        {100, UINT64_MAX, INT_MAX, true, "seven=\n"},
    };
    struct error err = ERROR_NONE;

    (void)unused;
    for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
        struct settings s;
        struct thing back = {.small = 55};

        settings_init(&s);
        assert_int_equal(state_write_fields(&s, fields, FIELDS, &things[i]), 0);
        assert_int_equal(state_read_fields(&s, fields, FIELDS, &back, &err), 0);
        assert_int_equal(back.small, things[i].small);
        assert_true(back.large == things[i].large);
        assert_int_equal(back.with_sign, things[i].with_sign);
        assert_int_equal(back.flag, things[i].flag);
        assert_string_equal(back.text, things[i].text);
        settings_clear(&s);
    }
}

static void test_structs_that_cannot_be(void **unused)
{
    static const char good[] = "small=1\0large=2\0with_sign=3\0flag=1\0text=x";
    static const struct {
        const char *entry;
        const char *instead;
    } rows[] = {
        {"small=1", "small=101"},
        {"small=1", "small=-1"},
        {"small=1", "smell=1"},
        {"small=1", "small= 1"},
        {"large=2", "large=18446744073709551616"},
        {"with_sign=3", "with_sign=-2"},
        {"with_sign=3", "with_sign=2147483648"},
        {"flag=1", "flag=2"},
        {"flag=1", "flag="},
        {"text=x", "text=12345678"},
        {"text=x", "tex=x"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings s;
        struct thing back;
        struct error err = ERROR_NONE;
        char block[200];
        size_t length = 0;

        for (const char *at = good; at < good + sizeof(good); at += strlen(at) + 1) {
            const char *entry = strcmp(at, rows[i].entry) == 0 ? rows[i].instead : at;

            memcpy(block + length, entry, strlen(entry) + 1);
            length += strlen(entry) + 1;
        }
        settings_init(&s);
        assert_int_equal(settings_load(&s, block, length, &err), 0);
        assert_int_equal(state_read_fields(&s, fields, FIELDS, &back, &err), -EINVAL);
        assert_non_null(strstr(err.text, "the state"));
        settings_clear(&s);
    }
}

static void test_bytes(void **unused)
{
    struct settings s;
    uint8_t all[256], back[256];
    struct error err = ERROR_NONE;

    (void)unused;
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    settings_init(&s);
    assert_int_equal(state_write_bytes(&s, "all", all, 256), 0);
    assert_int_equal(state_write_bytes(&s, "none", all, 0), 0);
    assert_int_equal(settings_add(&s, "odd", "abc"), 0);
    assert_int_equal(settings_add(&s, "wrong", "0G"), 0);
    assert_int_equal(settings_add(&s, "upper", "0A"), 0);
    assert_int_equal(state_read_bytes(&s, "all", back, 256, &err), 256);
    assert_memory_equal(all, back, 256);
    assert_int_equal(state_read_bytes(&s, "none", back, 256, &err), 0);
    assert_int_equal(state_read_bytes(&s, "all", back, 255, &err), -EINVAL);
    assert_int_equal(state_read_bytes(&s, "odd", back, 256, &err), -EINVAL);
    assert_int_equal(state_read_bytes(&s, "wrong", back, 256, &err), -EINVAL);
    assert_int_equal(state_read_bytes(&s, "upper", back, 256, &err), -EINVAL);
    assert_int_equal(state_read_bytes(&s, "missing", back, 256, &err), -EINVAL);
    settings_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_structs),
        cmocka_unit_test(test_structs_that_cannot_be),
        cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
