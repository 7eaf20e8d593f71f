/* SPDX-License-Identifier: Apache-2.0 */
/* What may be shown and what is escaped: every byte, every kind of broken UTF-8, every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Back to the original: the escaped form must tell it exactly. */
static size_t unescape(const char *text, uint8_t *out)
{
    size_t n = 0;

    while (*text != '\0') {
        unsigned value;

        if (*text == '\\') {
            assert_int_equal(sscanf(text, "\\x%2x", &value), 1);
            out[n++] = (uint8_t)value;
            text += 4;
        } else {
            out[n++] = (uint8_t)*text++;
        }
    }
    return n;
}

static void test_every_single_byte(void **unused)
{
    (void)unused;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        char out[16];
        char want[16];

        if (c >= 0x20 && c < 0x7f && c != '\\')
            (void)snprintf(want, sizeof(want), "%c", (int)c);
        else
            (void)snprintf(want, sizeof(want), "\\x%02x", c);
        assert_string_equal(text_escape_fixed(out, sizeof(out), &byte, 1), want);
        assert_int_equal(text_printable(&byte, 1), c >= 0x20 && c < 0x7f);
    }
    assert_int_equal(text_printable("", 0), 0);
}

static void test_sequences(void **unused)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},         /* EURO SIGN */
        {"\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7"}, /* beyond 16 bits */
        {"\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"}, /* U+10FFFD, the last character */
        {"\xc2\xa0", "\xc2\xa0"},                 /* the first after C1 */
        {"\xc2\x80", "\\xc2\\x80"},               /* C1 */
        {"\xc2\x9b", "\\xc2\\x9b"},               /* CSI */
        {"\xc2\x9f", "\\xc2\\x9f"},
        {"\xc0\xaf", "\\xc0\\xaf"}, /* overlong '/' */
        {"\xc1\xbf", "\\xc1\\xbf"},
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},
        {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
        {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogates */
        {"\xed\xbf\xbf", "\\xed\\xbf\\xbf"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
        {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc3", "\\xc3"}, /* truncated */
        {"\xc3(", "\\xc3("},
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xe2(\xac", "\\xe2(\\xac"},
        {"\xf0\x9f\x90", "\\xf0\\x9f\\x90"},
        {"\xe2\x82\xc3\xbc", "\\xe2\\x82\xc3\xbc"}, /* truncated, then a good one */
        {"\xbf\x80", "\\xbf\\x80"},                 /* continuation alone */
        {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},        /* LINE SEPARATOR */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},        /* RIGHT-TO-LEFT OVERRIDE */
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},        /* LEFT-TO-RIGHT ISOLATE */
        {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},        /* byte order mark */
        {"\xef\xbf\xbf", "\\xef\\xbf\\xbf"},        /* no character */
        {"a\tb\r\nc", "a\\x09b\\x0d\\x0ac"},
        {"C:\\x41", "C:\\x5cx41"}, /* cannot be mistaken for an escape */
        {"\x1b]0;title\x07", "\\x1b]0;title\\x07"},
        {"", ""},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct bytes b;

        assert_string_equal(text_escape_fixed(out, sizeof(out), rows[i].in, strlen(rows[i].in)),
                            rows[i].out);
        bytes_init(&b, 64);
        assert_int_equal(text_escape(&b, rows[i].in, strlen(rows[i].in), 64), 0);
        assert_string_equal(bytes_string(&b), rows[i].out);
        bytes_clear(&b);
    }
}

/* Every code point: printable exactly as a whole, and never with a byte missing. */
static void test_every_code_point(void **unused)
{
    (void)unused;
    for (uint32_t code = 0x80; code <= 0x10ffff; code++) {
        uint8_t in[4];
        size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        size_t seen;

        for (size_t i = n - 1, rest = code; i > 0; i--, rest >>= 6)
            in[i] = (uint8_t)(0x80 | (rest & 0x3f));
        in[0] = (uint8_t)(n == 2   ? 0xc0 | code >> 6
                          : n == 3 ? 0xe0 | code >> 12
                                   : 0xf0 | code >> 18);
        seen = text_printable(in, n);
        if (seen != 0 && seen != n)
            fail_msg("U+%04X: %zu bytes", code, seen);
        if (code < 0xa0 || (code >= 0xd800 && code <= 0xdfff))
            assert_int_equal(seen, 0);
        if (text_printable(in, n - 1) != 0)
            fail_msg("U+%04X: printable without its last byte", code);
    }
}

static void test_random_bytes_can_be_told_back(void **unused)
{
    (void)unused;
    srand(3);
    for (int round = 0; round < 3000; round++) {
        uint8_t in[64];
        uint8_t back[64];
        char out[4 * sizeof(in) + 1];
        size_t length = (size_t)rand() % (sizeof(in) + 1);

        for (size_t i = 0; i < length; i++)
            in[i] = (uint8_t)(rand() % 3 == 0 ? 0x80 | rand() : rand());
        text_escape_fixed(out, sizeof(out), in, length);
        assert_int_equal(unescape(out, back), length);
        assert_memory_equal(back, in, length);
        for (size_t at = 0; out[at] != '\0';) { /* what came out needs no second pass */
            size_t n = text_printable(out + at, strlen(out + at));

            assert_true(n > 0);
            at += n;
        }
    }
}

static void test_limits(void **unused)
{
    static const char in[] = "ab\n\xc3\xbc"
                             "cdefgh"; /* 2 + 4 + 2 + 6 = 14 bytes of output */
    static const char *const want[] = {
        "",
        ".",
        "..",
        "...",
        "a...",
        "ab...",
        "ab...",
        "ab...",
        "ab...",
        "ab\\x0a...",
        "ab\\x0a...",
        "ab\\x0a\xc3\xbc...",
        "ab\\x0a\xc3\xbc"
        "c...",
        "ab\\x0a\xc3\xbc"
        "cd...",
        "ab\\x0a\xc3\xbc"
        "cdefgh",
    };

    (void)unused;
    for (size_t limit = 0; limit < 40; limit++) {
        const char *expected = want[limit < COUNT(want) ? limit : COUNT(want) - 1];
        char *fixed = malloc(limit + 1); /* exact, for the sanitizer */
        struct bytes b;

        assert_non_null(fixed);
        assert_string_equal(text_escape_fixed(fixed, limit + 1, in, sizeof(in) - 1), expected);
        free(fixed);
        bytes_init(&b, 100);
        assert_int_equal(text_escape(&b, in, sizeof(in) - 1, limit), 0);
        assert_string_equal(bytes_string(&b), expected);
        bytes_clear(&b);
        bytes_init(&b, limit + 2); /* the maximum of the run limits too */
        assert_int_equal(bytes_append(&b, "> ", 2), 0);
        assert_int_equal(text_escape(&b, in, sizeof(in) - 1, SIZE_MAX), 0);
        assert_string_equal(bytes_string(&b) + 2, expected);
        bytes_clear(&b);
    }
    assert_ptr_equal(text_escape_fixed((char *)(uintptr_t)1, 0, in, 3), (char *)(uintptr_t)1);
}

static void test_distance(void **unused)
{
    static const struct {
        const char *a, *b;
        unsigned limit, want;
    } rows[] = {
        {"", "", 3, 0},
        {"a", "", 3, 1},
        {"pm", "pm", 3, 0},
        {"listen", "lsiten", 3, 1},
        {"listen", "listne", 3, 1},
        {"user", "usr", 3, 1},
        {"user", "users", 3, 1},
        {"user", "uzer", 3, 1},
        {"kitten", "sitting", 9, 3},
        {"kitten", "sitting", 2, 3},
        {"ca", "abc", 9, 3},
        {"abcdef", "uvwxyz", 9, 6},
        {"abcdef", "uvwxyz", 0, 1},
    };
    char big[100];

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(text_distance(rows[i].a, rows[i].b, rows[i].limit), rows[i].want);
        assert_int_equal(text_distance(rows[i].b, rows[i].a, rows[i].limit), rows[i].want);
    }
    memset(big, 'x', sizeof(big));
    big[99] = '\0';
    assert_int_equal(text_distance(big, "pm", 3), 4);
    assert_int_equal(text_distance(big, big, 3), 0);
    big[64] = '\0';
    assert_int_equal(text_distance(big, "", 99), 64);
}

static void test_small_helpers(void **unused)
{
    char *text = text_format("%s-%d", "a", 5);

    (void)unused;
    assert_string_equal(text, "a-5");
    free(text);
    assert_true(text_starts("listen.owner", "listen."));
    assert_true(text_starts("x", ""));
    assert_false(text_starts("list", "listen"));
    assert_true(text_ends("a.conf", ".conf"));
    assert_true(text_ends("x", ""));
    assert_false(text_ends("conf", ".conf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_single_byte),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_random_bytes_can_be_told_back),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_small_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
