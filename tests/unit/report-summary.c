/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the status back: what report_json() writes, and what a stranger may send instead. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "report/summary.h"
#include "report_sample.h"

static void test_round_trip(void **state)
{
    (void)state;
    for (int single = 0; single < 2; single++) {
        struct report *r = sample_report(sample_honest(), "git");
        struct bytes out;
        struct summary s;
        bytes_init(&out, 1 << 20);
        assert_int_equal(report_json(r, true, single != 0, &out), 0);
        assert_int_equal(summary_parse(&s, bytes_front(&out), bytes_held(&out), NULL), 0);
        assert_int_equal(s.count, 1);
        const struct summary_pool *p = &s.pools[0];
        assert_string_equal(p->name, "git");
        assert_string_equal(p->state, "failing");
        assert_string_equal(p->reason, "exec /usr/bin/x: No such file or directory");
        assert_int_equal(p->idle, 1);
        assert_int_equal(p->active, 2);
        assert_int_equal(p->total, 3);
        assert_int_equal(p->limit, 4);
        assert_int_equal(p->queue, 5);
        assert_int_equal(p->requests, 90);
        assert_int_equal(p->failed, 6);
        assert_int_equal(p->worker_count, 2);
        assert_int_equal(p->workers[0].pid, 4242);
        assert_string_equal(p->workers[0].uri, "/a?b=\"c\"");
        assert_int_equal(p->workers[1].duration, 1500000);
        summary_clear(&s);
        bytes_clear(&out);
        report_free(r);
    }
}

static const struct {
    const char *json;
    int rc;
    size_t pools;
} strange[] = {
    {"", -EPROTO, 0},
    {"hello", -EPROTO, 0},
    {"[]", -EPROTO, 0},
    {"{}", -EPROTO, 0},
    {"{\"pools\":3}", -EPROTO, 0},
    {"{\"pools\":[]}", 0, 0},
    {"{\"pools\":[3,null,[],{}]}", 0, 4},
    {"{\"pool\":\"a\",\"state\":7,\"requests\":\"x\",\"idle processes\":-5}", 0, 1},
    {"{\"pool\":\"a\",\"processes\":[1,{\"pid\":1e300}]}", 0, 1},
    {"{\"pools\":[{\"pool\":\"a\"}]", -EPROTO, 0},
};

static void test_strangers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        struct summary s;
        struct error err = ERROR_NONE;
        int rc = summary_parse(&s, strange[i].json, strlen(strange[i].json), &err);
        if (rc != strange[i].rc || (rc == 0 && s.count != strange[i].pools))
            fail_msg("%s gave %d, %zu pools", strange[i].json, rc, s.count);
        if (rc == 0)
            summary_clear(&s);
        else
            assert_true(err.text[0] != '\0');
    }
}

static void test_controls_do_not_reach_a_terminal(void **state)
{
    (void)state;
    static const char json[] = "{\"pool\":\"a\\u001b[31m\\u009bx\\n\\u007f\xc3\xa4\","
                               "\"idle processes\":-5}";
    struct summary s;
    assert_int_equal(summary_parse(&s, json, strlen(json), NULL), 0);
    assert_string_equal(s.pools[0].name, "a?[31m??x??\xc3\xa4");
    assert_int_equal(s.pools[0].idle, 0);
    assert_string_equal(s.pools[0].state, "");
    summary_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_controls_do_not_reach_a_terminal),
    };
    return cmocka_run_group_tests_name("report-summary", tests, NULL, NULL);
}
