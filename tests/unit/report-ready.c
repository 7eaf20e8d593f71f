/* SPDX-License-Identifier: Apache-2.0 */
/* Which pools make a machine not ready, and what is said of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "report/ready.h"
#include "report_sample.h"

struct row {
    uint32_t state, total, max_children, queue, idle, unasked;
    const char *pm, *query, *want; /* NULL: ready */
};

static const struct row rows[] = {
    {BOARD_POOL_RUNNING, 1, 4, 0, 1, 0, "static", "", NULL},
    {BOARD_POOL_RUNNING, 4, 4, 99, 0, 0, "static", "", NULL},
    {BOARD_POOL_RUNNING, 0, 4, 0, 0, 0, "static", "", "git: no worker is alive\n"},
    {BOARD_POOL_RUNNING, 0, 4, 0, 0, 0, "ondemand", "", NULL},
    {BOARD_POOL_STARTING, 1, 4, 0, 1, 0, "static", "", "git: starting\n"},
    {BOARD_POOL_FAILING, 1, 4, 0, 1, 0, "static", "", "git: failing: a\\x0ab\n"},
    {BOARD_POOL_FAILED, 0, 4, 0, 1, 0, "static", "", "git: failed: a\\x0ab\n"},
    {BOARD_POOL_STOPPING, 1, 4, 0, 1, 0, "static", "", "git: stopping\n"},
    {BOARD_POOL_STOPPED, 0, 4, 0, 1, 0, "static", "", "git: stopped\n"},
    {BOARD_POOL_STOPPED + 1, 1, 4, 0, 1, 0, "static", "", "git: unknown\n"},
    {BOARD_POOL_FAILED, 0, 4, 0, 1, 1, "static", "", NULL},
    {BOARD_POOL_STOPPED, 0, 4, 0, 1, 1, "static", "pool=git", "git: stopped\n"},
    {BOARD_POOL_RUNNING, 4, 4, 99, 0, 0, "static", "queue=99", NULL},
    {BOARD_POOL_RUNNING, 4, 4, 99, 0, 0, "static", "queue=98",
     "git: connections that wait: 99, asked for: at most 98\n"},
    {BOARD_POOL_RUNNING, 4, 4, 1, 0, 0, "static", "queue=0",
     "git: connections that wait: 1, asked for: at most 0\n"},
    {BOARD_POOL_RUNNING, 3, 4, 0, 1, 0, "dynamic", "idle=2", NULL},
    {BOARD_POOL_RUNNING, 4, 4, 0, 1, 0, "dynamic", "idle=2",
     "git: workers that are idle or may be started: 1, asked for: at least 2\n"},
    {BOARD_POOL_RUNNING, 4, 4, 9, 0, 0, "static", "queue=x&idle=-1&idle=", NULL},
    {BOARD_POOL_RUNNING, 4, 4, 9, 0, 0, "static", "queue=1&queue=", NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct board_snapshot s = sample_honest();
        struct report_query q;
        struct bytes out;
        bool ready = row->want != NULL;
        s.card.state = row->state;
        s.card.total = row->total;
        s.card.max_children = row->max_children;
        s.card.listen_queue = row->queue;
        s.card.unasked = row->unasked;
        s.idle = row->idle;
        strcpy(s.card.pm, row->pm);
        strcpy(s.card.reason,
               row->state == BOARD_POOL_FAILING || row->state == BOARD_POOL_FAILED ? "a\nb" : "");
        struct report *r = sample_report(s, "git");
        report_query_parse(&q, row->query);
        bytes_init(&out, 4096);
        assert_int_equal(report_ready(r, &q, &ready, &out), 0);
        if (ready != (row->want == NULL) ||
            strcmp(bytes_string(&out), ready ? "ready\n" : row->want) != 0)
            fail_msg("row %zu: %s", i, bytes_string(&out));
        bytes_clear(&out);
        report_free(r);
    }
}

/* A worker of which nobody knows whether it is idle does not make the machine one that is full. */
static void test_opaque_workers(void **state)
{
    (void)state;
    struct board_snapshot s = sample_honest();
    struct report_query q;
    struct bytes out;
    bool ready = false;
    s.card.state = BOARD_POOL_RUNNING;
    s.card.total = s.card.max_children = s.opaque = 2;
    s.idle = s.busy = 0;
    struct report *r = sample_report(s, "git");
    report_query_parse(&q, "idle=2");
    bytes_init(&out, 4096);
    assert_int_equal(report_ready(r, &q, &ready, &out), 0);
    assert_string_equal(bytes_string(&out), "ready\n");
    assert_true(ready);
    bytes_clear(&out);
    report_free(r);
}

static void test_every_pool_that_is_not_is_named(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "one");
    struct board_snapshot liar = sample_hostile();
    struct report_query q;
    struct bytes out;
    bool ready = true;
    assert_int_equal(report_add(r, "two", &liar), 0);
    report_query_parse(&q, "pool=two");
    bytes_init(&out, 1 << 16);
    assert_int_equal(report_ready(r, &q, &ready, &out), 0);
    assert_false(ready);
    const char *text = bytes_string(&out);
    assert_int_equal(strncmp(text, "one: failing: exec ", 19), 0);
    assert_non_null(strstr(text, "\ntwo: unknown: "));
    assert_null(strstr(strchr(strchr(text, '\n') + 1, '\n') + 1, "\n"));
    bytes_clear(&out);
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_opaque_workers),
        cmocka_unit_test(test_every_pool_that_is_not_is_named),
    };
    return cmocka_run_group_tests_name("report-ready", tests, NULL, NULL);
}
