/* SPDX-License-Identifier: Apache-2.0 */
/* What status workers are told, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "pool/feed.h"

static const struct board *board(uintptr_t n) /* never looked at */
{
    return (const struct board *)(n * 64);
}

/* A listener: takes the next thing, "NAME+BOARD" or "NAME-". */
static void expect(const struct feed *f, uint64_t *known, const char *name, const struct board *b)
{
    const struct feed_item *item = feed_next(f, *known);

    if (name == NULL) {
        assert_null(item);
        return;
    }
    assert_non_null(item);
    assert_string_equal(item->name, name);
    assert_ptr_equal(item->board, b);
    assert_true(item->change > *known);
    *known = item->change;
}

static void test_all(void **unused)
{
    struct feed f = {0};
    uint64_t one = 0, two = 0;

    (void)unused;
    expect(&f, &one, NULL, NULL);
    expect(NULL, &one, NULL, NULL);
    assert_int_equal(feed_set(&f, "a", board(1)), 0);
    assert_int_equal(feed_set(&f, "b", board(2)), 0);
    expect(&f, &one, "a", board(1));
    assert_int_equal(feed_set(&f, "c", board(3)), 0);
    assert_int_equal(feed_set(&f, "a", board(4)), 0); /* before b was told */
    assert_int_equal(feed_set(&f, "c", board(3)), 0); /* nothing new */
    expect(&f, &one, "b", board(2));
    expect(&f, &one, "c", board(3));
    expect(&f, &one, "a", board(4));
    expect(&f, &one, NULL, NULL);
    feed_forget(&f, "a", board(1)); /* it has another one by now */
    feed_forget(&f, "nobody", board(1));
    expect(&f, &one, NULL, NULL);
    feed_forget(&f, "b", board(2));
    feed_forget(&f, "b", board(2));
    expect(&f, &one, "b", NULL);
    expect(&f, &one, NULL, NULL);
    expect(&f, &two, "c", board(3)); /* a late one is told what there is */
    expect(&f, &two, "a", board(4));
    expect(&f, &two, "b", NULL);
    expect(&f, &two, NULL, NULL);
    feed_trim(&f, 1);
    assert_int_equal(f.count, 3); /* somebody has yet to forget b */
    feed_trim(&f, one);
    assert_int_equal(f.count, 2);
    assert_int_equal(feed_set(&f, "b", board(5)), 0);
    expect(&f, &one, "b", board(5));
    expect(&f, &one, NULL, NULL);
    feed_clear(&f);
    assert_int_equal(f.count, 0);
}

static void test_a_long_name(void **unused)
{
    struct feed f = {0};
    char name[200];

    (void)unused;
    memset(name, 'x', sizeof(name));
    name[BOARD_NAME - 1] = '\0'; /* the longest that conf lets pass */
    assert_int_equal(feed_set(&f, name, board(1)), 0);
    assert_int_equal(feed_set(&f, name, board(2)), 0);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.items[0].name, name);
    feed_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_a_long_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
