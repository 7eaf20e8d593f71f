/* SPDX-License-Identifier: Apache-2.0 */
/* What keys do to the view. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "ctl/top_view.h"

static struct top_model pools, workers;

static void feed(struct top_model *m, const char *json, bool of_workers)
{
    struct summary s;
    assert_int_equal(summary_parse(&s, json, strlen(json), NULL), 0);
    assert_int_equal(top_model_feed(m, &s, of_workers, 1), 0);
}

static int setup(void **state)
{
    (void)state;
    top_model_init(&pools);
    top_model_init(&workers);
    feed(&pools,
         "{\"pools\":[{\"pool\":\"b\",\"requests per second\":2,\"state\":\"running\"},"
         "{\"pool\":\"a\",\"requests per second\":2,\"state\":\"failed\"},"
         "{\"pool\":\"d\",\"requests per second\":9,\"state\":\"running\"},"
         "{\"pool\":\"c\",\"requests per second\":0,\"state\":\"failing\"}]}",
         false);
    feed(&workers,
         "{\"pool\":\"d\",\"processes\":[{\"pid\":9,\"state\":\"Idle\"},"
         "{\"pid\":7,\"state\":\"Running\"}]}",
         true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    top_model_clear(&pools);
    top_model_clear(&workers);
    return 0;
}

/* The names (or pids) that are listed, in order, the one under the cursor in brackets. */
static const char *seen(struct top_view *v)
{
    static char out[256];
    const struct top_table *t = top_view_table(v);
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < t->count; i++) {
        char pid[24] = "";
        if (v->workers)
            snprintf(pid, sizeof pid, "%u", (unsigned)t->rows[i]->worker->pid);
        at += (size_t)snprintf(out + at, sizeof out - at, i == t->cursor ? "[%s]" : "%s",
                               v->workers ? pid : t->rows[i]->pool->name);
    }
    return out;
}

static enum top_effect press(struct top_view *v, int key)
{
    enum top_effect effect = top_view_key(v, key);
    struct top_held held = top_view_hold(v);
    assert_int_equal(top_view_refresh(v, v->workers ? &workers : &pools), 0);
    top_view_restore(v, &held);
    return effect;
}

static void begin(struct top_view *v, const char *pool)
{
    assert_int_equal(top_view_init(v, pool), 0);
    v->page = 10;
    assert_int_equal(top_view_refresh(v, v->workers ? &workers : &pools), 0);
}

static void test_sort(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    assert_string_equal(seen(&v), "[d]abc"); /* requests a second; equals by name */
    press(&v, 'r');
    assert_string_equal(seen(&v), "[c]abd");
    press(&v, 'N');
    assert_string_equal(seen(&v), "[a]bcd");
    press(&v, 'N');
    assert_string_equal(seen(&v), "[d]cba");
    press(&v, 'S');
    assert_string_equal(seen(&v), "[a]cbd"); /* who needs a person is first */
    press(&v, '<');
    assert_int_equal(v.tables[0].sort, POOL_NAME);
    press(&v, '<');
    assert_int_equal(v.tables[0].sort, POOL_LISTEN); /* round */
    press(&v, '>');
    assert_int_equal(v.tables[0].sort, POOL_NAME);
    assert_int_equal(press(&v, 'Z'), TOP_NOTHING);
    top_view_clear(&v);
}

/* The cursor stays with its row, but at the top it stays at the top. */
static void test_cursor(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    press(&v, TOP_KEY_DOWN);
    assert_string_equal(seen(&v), "d[a]bc");
    press(&v, 'r');
    assert_string_equal(seen(&v), "c[a]bd");
    press(&v, 'N');
    assert_string_equal(seen(&v), "[a]bcd");
    press(&v, TOP_KEY_END);
    assert_string_equal(seen(&v), "abc[d]");
    press(&v, TOP_KEY_DOWN);
    assert_string_equal(seen(&v), "abc[d]");
    press(&v, TOP_KEY_HOME);
    press(&v, TOP_KEY_UP);
    assert_string_equal(seen(&v), "[a]bcd");
    top_view_clear(&v);
}

static void test_scroll(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    const struct top_table *t = top_view_table(&v);
    for (size_t page = 1; page < 6; page++) {
        v.page = page;
        press(&v, TOP_KEY_HOME);
        assert_int_equal(t->first, 0);
        for (unsigned i = 0; i < 6; i++) {
            press(&v, TOP_KEY_DOWN);
            assert_true(t->first <= t->cursor && t->cursor < t->first + page);
            assert_true(t->first == 0 || t->first + page <= t->count);
        }
        assert_int_equal(t->cursor, 3);
        press(&v, TOP_KEY_PAGE_UP);
        assert_int_equal(t->cursor, page > 3 ? 0 : 3 - page);
        press(&v, TOP_KEY_PAGE_DOWN);
        assert_int_equal(t->cursor, 3);
    }
    top_view_clear(&v);
}

static void test_filter(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    press(&v, '/');
    assert_true(v.typing);
    press(&v, 'F');
    press(&v, 'a');
    assert_string_equal(seen(&v), "[a]c"); /* failed, failing */
    press(&v, 'q');
    assert_false(v.quit); /* a letter like others now */
    assert_string_equal(seen(&v), "");
    press(&v, TOP_KEY_BACKSPACE);
    press(&v, TOP_KEY_DOWN); /* the arrows go on working */
    press(&v, TOP_KEY_ENTER);
    assert_false(v.typing);
    assert_string_equal(seen(&v), "a[c]");
    assert_int_equal(press(&v, TOP_KEY_ESCAPE), TOP_CHANGED);
    assert_string_equal(seen(&v), "dab[c]");
    press(&v, '/');
    press(&v, 0xc3);
    press(&v, 0xa4);
    assert_string_equal(v.tables[0].filter, "\xc3\xa4");
    press(&v, TOP_KEY_BACKSPACE); /* a character, not a byte */
    assert_string_equal(v.tables[0].filter, "");
    press(&v, TOP_KEY_BACKSPACE);
    assert_false(v.typing);
    press(&v, '/');
    for (unsigned i = 0; i < 3 * TOP_FILTER_MAX; i++)
        press(&v, 'x');
    assert_int_equal(strlen(v.tables[0].filter), TOP_FILTER_MAX - 1);
    press(&v, TOP_KEY_ESCAPE);
    assert_string_equal(v.tables[0].filter, "");
    top_view_clear(&v);
}

static void test_views(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    assert_int_equal(press(&v, TOP_KEY_ESCAPE), TOP_NOTHING);
    assert_int_equal(press(&v, TOP_KEY_ENTER), TOP_ASK);
    assert_true(v.workers);
    assert_string_equal(v.pool, "d");
    assert_string_equal(seen(&v), "[7]9"); /* who serves is first */
    assert_int_equal(press(&v, TOP_KEY_ENTER), TOP_NOTHING);
    press(&v, 'N');
    assert_string_equal(seen(&v), "[9]7");
    assert_int_equal(press(&v, TOP_KEY_BACKSPACE), TOP_ASK);
    assert_false(v.workers);
    assert_string_equal(seen(&v), "[d]abc"); /* with its own order */
    top_view_clear(&v);
    begin(&v, "d");
    assert_int_equal(press(&v, TOP_KEY_ESCAPE), TOP_NOTHING); /* nothing to go back to */
    assert_int_equal(press(&v, TOP_KEY_BACKSPACE), TOP_NOTHING);
    top_view_clear(&v);
}

static void test_help_pause_quit(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    press(&v, 'h');
    assert_true(v.help);
    press(&v, 'q');
    assert_false(v.help || v.quit);
    press(&v, 'p');
    assert_true(v.paused);
    assert_int_equal(press(&v, 'p'), TOP_ASK);
    assert_false(v.paused);
    press(&v, 'q');
    assert_true(v.quit);
    top_view_clear(&v);
}

/* The keys of htop, and those that it has and this has not. */
static void test_function_keys(void **state)
{
    (void)state;
    struct top_view v;
    begin(&v, NULL);
    assert_int_equal(press(&v, TOP_KEY_OTHER), TOP_NOTHING);
    press(&v, TOP_KEY_HELP);
    assert_true(v.help);
    press(&v, TOP_KEY_OTHER);
    assert_false(v.help);
    press(&v, TOP_KEY_SORT);
    assert_int_equal(v.tables[0].sort, POOL_RATE + 1);
    press(&v, TOP_KEY_FILTER);
    assert_true(v.typing);
    press(&v, TOP_KEY_QUIT);
    press(&v, TOP_KEY_OTHER);
    assert_false(v.quit);
    assert_string_equal(v.tables[0].filter, "");
    press(&v, TOP_KEY_ESCAPE);
    press(&v, TOP_KEY_QUIT);
    assert_true(v.quit);
    top_view_clear(&v);
}

/* Any keys, any pages, rows that come and go: the invariants hold. */
static void test_any_keys(void **state)
{
    (void)state;
    struct top_view v;
    unsigned seed = 1;
    begin(&v, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1103515245u + 12345u;
        int key = (int)(seed >> 16) % (TOP_KEY_REDRAW + 2) - 1;
        v.page = (seed >> 8) % 5;
        press(&v, key);
        const struct top_table *t = top_view_table(&v);
        size_t page = v.page > 0 ? v.page : 1;
        assert_true(t->cursor < t->count || (t->count == 0 && t->cursor == 0));
        assert_true(t->first <= t->cursor && t->cursor < t->first + page);
    }
    top_view_clear(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort),          cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_scroll),        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_views),         cmocka_unit_test(test_help_pause_quit),
        cmocka_unit_test(test_function_keys), cmocka_unit_test(test_any_keys)};
    return cmocka_run_group_tests_name("ctl-top_view", tests, setup, teardown);
}
