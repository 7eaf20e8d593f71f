/* SPDX-License-Identifier: Apache-2.0 */
/* The sequence counter: copies are of one piece or none, and readers always come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "board/sequence.h"

struct record {
    uint32_t seq;
    uint32_t second;
    uint64_t words[30];
};

static void test_store_and_load(void **unused)
{
    static const uint32_t before[] = {0, 1, 2, 41, UINT32_MAX - 1, UINT32_MAX};
    struct record shared;
    struct record in;
    struct record out;

    (void)unused;
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        memset(&shared, 0xee, sizeof(shared));
        memset(&in, (int)(17 + i), sizeof(in));
        shared.seq = before[i]; /* whatever was there */
        board_sequence_store(&shared, &in, sizeof(in));
        assert_int_equal(shared.seq % 2, 0);
        assert_true(shared.seq != before[i]);
        assert_true(board_sequence_load(&shared, &out, sizeof(out)));
        assert_int_equal(out.second, in.second);
        assert_memory_equal(out.words, in.words, sizeof(in.words));
    }
}

static void test_writer_that_died_in_the_middle(void **unused)
{
    struct record shared;
    struct record out;
    static const struct record zero;

    (void)unused;
    memset(&shared, 7, sizeof(shared));
    shared.seq = 5;
    memset(&out, 9, sizeof(out));
    assert_false(board_sequence_load(&shared, &out, sizeof(out)));
    assert_memory_equal(&out, &zero, sizeof(out));
}

static struct record contested;
static int stop;

static void *writer(void *unused)
{
    struct record r = {0};

    for (uint32_t n = 1; __atomic_load_n(&stop, __ATOMIC_RELAXED) == 0; n++) {
        r.second = n;
        for (size_t i = 0; i < 30; i++)
            r.words[i] = (uint64_t)n * 1000 + i;
        board_sequence_store(&contested, &r, sizeof(r));
        /* A pause, so that readers on one processor meet whole records too. */
        for (volatile unsigned i = 0; i < 2000; i++)
            ;
    }
    return unused;
}

static void test_no_copy_is_torn(void **unused)
{
    pthread_t thread;
    struct record r;
    uint32_t last = 0;
    unsigned whole = 0;

    (void)unused;
    assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
    for (int i = 0; i < 30000000 && (i < 50000 || whole < 1000); i++) {
        if (!board_sequence_load(&contested, &r, sizeof(r)) || r.second == 0)
            continue;
        whole++;
        for (size_t k = 0; k < 30; k++)
            if (r.words[k] != (uint64_t)r.second * 1000 + k)
                fail_msg("torn: record %u, word %zu is %llu", r.second, k,
                         (unsigned long long)r.words[k]);
        assert_true(r.second >= last);
        last = r.second;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(whole >= 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_and_load),
        cmocka_unit_test(test_writer_that_died_in_the_middle),
        cmocka_unit_test(test_no_copy_is_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
