/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for a width. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "ctl/columns.h"
#include "ctl/top_columns.h"

static const struct columns_wish wishes[] = {{8, 20, 0}, {4, 4, 2}, {6, 10, 1}, {5, 5, 3}};

static const struct {
    unsigned room;
    unsigned want[4];
} cases[] = {
    {200, {20, 4, 10, 5}}, /* nobody gets more than it can use */
    {42, {20, 4, 10, 5}},  {41, {20, 4, 9, 5}}, {26, {8, 4, 6, 5}}, {25, {13, 4, 6, 0}},
    {20, {8, 4, 6, 0}},    {19, {12, 0, 6, 0}}, {15, {8, 0, 6, 0}}, {14, {14, 0, 0, 0}},
    {8, {8, 0, 0, 0}},     {5, {5, 0, 0, 0}},   {1, {1, 0, 0, 0}},  {0, {1, 0, 0, 0}},
};

static void test_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned widths[COLUMNS_MAX];
        columns_fit(wishes, 4, cases[i].room, 1, widths);
        for (unsigned c = 0; c < 4; c++) {
            if (widths[c] != cases[i].want[c])
                fail_msg("room %u: column %u has %u, not %u", cases[i].room, c, widths[c],
                         cases[i].want[c]);
        }
    }
}

/* The real tables, at every width: what is shown fits, and is no narrower than it must be. */
static void test_tables_of_top(void **state)
{
    (void)state;
    for (unsigned table = 0; table < 2; table++) {
        size_t count;
        const struct top_column *columns = top_columns_of(table == 1, &count);
        struct columns_wish real[COLUMNS_MAX];
        assert_true(count <= COLUMNS_MAX);
        for (size_t c = 0; c < count; c++)
            real[c] = columns[c].wish;
        for (unsigned room = 1; room < 400; room++) {
            unsigned widths[COLUMNS_MAX];
            unsigned sum = 0;
            columns_fit(real, count, room, 1, widths);
            for (size_t c = 0; c < count; c++) {
                sum += widths[c] > 0 ? widths[c] + (sum > 0) : 0;
                assert_true(widths[c] <= real[c].most);
                assert_true(widths[c] == 0 || widths[c] >= real[c].least || real[c].rank == 0);
            }
            assert_true(sum <= room);
            assert_true(widths[0] > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fit),
                                       cmocka_unit_test(test_tables_of_top)};
    return cmocka_run_group_tests_name("ctl-columns", tests, NULL, NULL);
}
