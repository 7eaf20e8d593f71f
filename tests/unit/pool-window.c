/* SPDX-License-Identifier: Apache-2.0 */
/* The peak of the last while, against a list of everything that was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "pool/window.h"

static uint32_t state = 1;

static uint32_t dice(uint32_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

static void test_one_value(void **unused)
{
    struct window w;

    (void)unused;
    window_init(&w, 1600, 1000);
    assert_int_equal(window_peak(&w, 1000), 0);
    window_add(&w, 7, 1000);
    assert_int_equal(window_peak(&w, 1000 + 1500), 7);
    assert_int_equal(window_peak(&w, 1000 + 1600), 0); /* never longer than the while */
    window_add(&w, 7, 2600);
    window_add(&w, 3, 2500); /* a clock that goes back */
    assert_int_equal(window_latest(&w, 2600), 7);
    assert_int_equal(window_next(&w, 2600), 2700);
    assert_int_equal(window_latest(&w, 2700), 0);
    assert_int_equal(window_peak(&w, UINT64_MAX), 0);
}

static void test_lengths(void **unused)
{
    static const uint64_t lengths[] = {0, 1, 15, 16, 17, 1000, UINT64_MAX};

    (void)unused;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct window w;

        window_init(&w, lengths[i], 5);
        window_add(&w, 2, 5);
        assert_int_equal(window_peak(&w, 5), 2);
        assert_true(w.width >= 1);
    }
}

#define SEEN 400

static void test_histories(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t length = 16 + dice(5000), now = dice(100000);
        struct {
            uint64_t at;
            uint32_t value;
        } seen[SEEN];
        struct window w;

        window_init(&w, length, now);
        for (unsigned n = 0; n < SEEN; n++) {
            uint32_t sure = 0, possible = 0;

            now += dice(4) == 0 ? dice((uint32_t)length * 2) : dice(20);
            seen[n].at = now;
            seen[n].value = dice(1000);
            window_add(&w, seen[n].value, now);
            for (unsigned i = 0; i <= n; i++) {
                uint64_t age = now - seen[i].at;

                if (age < w.width * 15 && seen[i].value > sure)
                    sure = seen[i].value;
                if (age < w.width * 16 && seen[i].value > possible)
                    possible = seen[i].value;
            }
            uint32_t peak = window_peak(&w, now);
            assert_true(peak >= sure && peak <= possible);
            assert_true(window_next(&w, now) > now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_value),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
