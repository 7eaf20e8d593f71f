/* SPDX-License-Identifier: Apache-2.0 */
/* Text in cells. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "ctl/cells.h"

#define DOTS "\xe2\x80\xa6"
#define WIDE "\xe6\xb1\x89"      /* two cells */
#define ACCENT "e\xcc\x81"       /* a letter, and what stands on top of it */
#define EMOJI "\xf0\x9f\x98\x80" /* two cells */

static const struct {
    const char *text;
    unsigned width;
    bool ascii;
    const char *want;
    unsigned cells;
} cases[] = {
    {"", 5, false, "", 0},
    {"abc", 0, false, "", 0},
    {"", 0, false, "", 0},
    {"abc", 3, false, "abc", 3},
    {"abcd", 3, false, "ab" DOTS, 3},
    {"abcd", 1, false, DOTS, 1},
    {"abcd", 3, true, "ab~", 3},
    {"w\xc3\xa4sche", 6, false, "w\xc3\xa4sche", 6},
    {"w\xc3\xa4sche", 6, true, "w?sche", 6},
    {WIDE WIDE, 4, false, WIDE WIDE, 4},
    {WIDE WIDE, 3, false, WIDE DOTS, 3},
    {WIDE WIDE, 2, false, DOTS, 1}, /* no half of one */
    {WIDE "x", 3, true, "?x", 2},
    {EMOJI, 2, false, EMOJI, 2},
    {ACCENT, 5, false, "e?", 2},
    {"a\xe2\x80\x8b"
     "b",
     5, false, "a?b", 3}, /* zero width space */
    {"a\xe2\x80\xae"
     "b",
     9, false, "a???b", 5}, /* right-to-left override: no text at all */
    {"a\x1b[31m\n\t\x7f\xc2\x9b", 20, false, "a?[31m?????", 11},
    {"\xff\xfe\xc3", 9, false, "???", 3},
};

static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[CELLS_BYTES_MAX];
        unsigned cells = cells_cut(out, cases[i].text, cases[i].width, cases[i].ascii);
        if (strcmp(out, cases[i].want) != 0 || cells != cases[i].cells)
            fail_msg("%zu: \"%s\" in %u cells, not \"%s\" in %u", i, out, cells, cases[i].want,
                     cases[i].cells);
        if (!cases[i].ascii && cells_width(cases[i].text) <= cases[i].width)
            assert_int_equal(cells_width(cases[i].text), cells);
    }
}

/* A text longer than any array is cut, whole characters each. */
static void test_long(void **state)
{
    (void)state;
    char *text = malloc(3 * 5000 + 1);
    assert_non_null(text);
    for (size_t i = 0; i < 5000; i++)
        memcpy(text + 3 * i, WIDE, 4);
    for (unsigned width = 0; width < 2000; width++) {
        char out[CELLS_BYTES_MAX];
        unsigned cells = cells_cut(out, text, width, false);
        assert_true(cells <= width && strlen(out) < sizeof out);
        assert_int_equal(cells_width(out), cells);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut), cmocka_unit_test(test_long)};
    (void)cells_locale();
    return cmocka_run_group_tests_name("ctl-cells", tests, NULL, NULL);
}
