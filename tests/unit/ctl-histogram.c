/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles beside those of the sorted values: never off by more than 1/128. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/histogram.h"

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The same numbers in every run. */
static uint64_t next_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 20;
}

static void check(const uint64_t *sorted, size_t count, const struct histogram *h)
{
    static const double shares[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        size_t rank = (size_t)(shares[i] * (double)count);
        if ((double)rank < shares[i] * (double)count)
            rank++;
        uint64_t want = sorted[rank == 0 ? 0 : rank - 1];
        uint64_t got = histogram_quantile(h, shares[i]);
        uint64_t off = got > want ? got - want : want - got;
        if (off > want / 128)
            fail_msg("share %g of %zu: %llu, not %llu", shares[i], count, (unsigned long long)got,
                     (unsigned long long)want);
    }
    assert_int_equal(h->minimum, sorted[0]);
    assert_int_equal(h->maximum, sorted[count - 1]);
    assert_int_equal(histogram_quantile(h, 1), sorted[count - 1]);
}

static void test_quantiles(void **unused)
{
    enum { MOST = 5000 };
    static struct histogram h;
    static uint64_t values[MOST];
    static const size_t counts[] = {1, 2, 3, 10, 99, 1000, MOST};
    uint64_t state = 1;
    (void)unused;
    for (unsigned bits = 1; bits <= HISTOGRAM_POWERS; bits++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            double sum = 0;
            memset(&h, 0, sizeof h);
            for (size_t i = 0; i < counts[c]; i++) {
                values[i] = next_number(&state) & ((UINT64_C(1) << bits) - 1);
                histogram_add(&h, values[i]);
                sum += (double)values[i];
            }
            qsort(values, counts[c], sizeof values[0], compare);
            check(values, counts[c], &h);
            double mean = sum / (double)counts[c];
            assert_true(histogram_mean(&h) > mean - 1 && histogram_mean(&h) < mean + 1);
        }
    }
}

/* One value is told as itself; so are its neighbours at every border of two buckets. */
static void test_borders(void **unused)
{
    static struct histogram h;
    (void)unused;
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t value = (UINT64_C(1) << bits) + (uint64_t)(int64_t)step;
            memset(&h, 0, sizeof h);
            histogram_add(&h, value);
            assert_int_equal(histogram_quantile(&h, 0.5), value);
            assert_int_equal(h.count, 1);
        }
    }
}

static void test_empty_and_huge(void **unused)
{
    static struct histogram h;
    (void)unused;
    memset(&h, 0, sizeof h);
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    assert_true(histogram_mean(&h) < 1);
    histogram_add(&h, 7);
    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_quantile(&h, 0.1), 7);
    assert_true(histogram_quantile(&h, 0.5) >= UINT64_C(1) << (HISTOGRAM_POWERS - 1));
    assert_int_equal(histogram_quantile(&h, 1), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_empty_and_huge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
