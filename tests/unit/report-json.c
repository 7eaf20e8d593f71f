/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON page: PHP-FPM's names in PHP-FPM's order, always valid, and equal to the text page. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include "report_sample.h"

static const char *const pool_fields[] = {
    "pool",
    "process manager",
    "start time",
    "start since",
    "accepted conn",
    "listen queue",
    "max listen queue",
    "listen queue len",
    "idle processes",
    "active processes",
    "total processes",
    "max active processes",
    "max children reached",
    "slow requests",
    "memory peak",
};
static const char *const worker_fields[] = {
    "pid",
    "state",
    "start time",
    "start since",
    "requests",
    "request duration",
    "request method",
    "request uri",
    "content length",
    "user",
    "script",
    "last request cpu",
    "last request memory",
};

static json_t *render(struct report *r, bool full, bool single)
{
    struct bytes out;
    json_error_t where;
    bytes_init(&out, 1 << 20);
    assert_int_equal(report_json(r, full, single, &out), 0);
    const char *text = bytes_string(&out);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        fail_msg("%s at %d in: %s", where.text, where.position, text);
    bytes_clear(&out);
    return root;
}

static json_int_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *string(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_string(value));
    return json_string_value(value);
}

static void check_order(json_t *object, const char *const *names, size_t count)
{
    void *at = json_object_iter(object);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(at);
        assert_string_equal(json_object_iter_key(at), names[i]);
        at = json_object_iter_next(object, at);
    }
}

static void test_one_pool_is_php_fpms_object(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    json_t *pool = render(r, false, true);
    check_order(pool, pool_fields, sizeof pool_fields / sizeof pool_fields[0]);
    assert_string_equal(string(pool, "pool"), "git");
    assert_int_equal(number(pool, "start time"), 1700000000);
    assert_int_equal(number(pool, "start since"), 100);
    assert_int_equal(number(pool, "listen queue len"), 511);
    assert_int_equal(number(pool, "max active processes"), 2);
    assert_int_equal(number(pool, "throttled until"), 1700000160);
    assert_int_equal(number(json_object_get(pool, "exits"), "signal"), 3);
    json_t *histogram = json_object_get(pool, "request duration histogram");
    assert_int_equal(json_object_size(histogram), BOARD_BUCKETS);
    assert_int_equal(number(histogram, "+Inf"), 50);
    assert_true(json_real_value(json_object_get(pool, "cpu seconds")) == 1.5);
    assert_null(json_object_get(pool, "processes"));
    json_decref(pool);
    report_free(r);
}

static void test_full_has_processes(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    json_t *pool = render(r, true, true);
    json_t *processes = json_object_get(pool, "processes");
    assert_int_equal(json_array_size(processes), 2);
    json_t *idle = json_array_get(processes, 0);
    check_order(idle, worker_fields, sizeof worker_fields / sizeof worker_fields[0]);
    assert_string_equal(string(idle, "state"), "Idle");
    assert_string_equal(string(idle, "request uri"), "/a?b=\"c\"");
    assert_true(json_real_value(json_object_get(idle, "last request cpu")) == 25.0);
    json_t *busy = json_array_get(processes, 1);
    assert_string_equal(string(busy, "state"), "Running");
    assert_int_equal(number(busy, "request duration"), 1500000);
    json_decref(pool);
    report_free(r);
}

static void test_all_pools(void **state)
{
    (void)state;
    struct report *r = report_new(SAMPLE_MONOTONIC, SAMPLE_WALL);
    json_t *root = render(r, true, false);
    assert_int_equal(json_array_size(json_object_get(root, "pools")), 0);
    json_decref(root);
    root = render(r, true, true);
    assert_int_equal(json_object_size(root), 0);
    json_decref(root);
    for (unsigned i = 0; i < 20; i++) {
        struct board_snapshot s = i % 2 == 0 ? sample_honest() : sample_hostile();
        assert_int_equal(report_add(r, "x", &s), 0);
    }
    root = render(r, true, false);
    assert_int_equal(json_array_size(json_object_get(root, "pools")), 20);
    json_decref(root);
    report_free(r);
}

static void test_liar_makes_valid_json(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_hostile(), NULL);
    json_t *pool = render(r, true, true);
    assert_int_equal(number(pool, "accepted conn"), (json_int_t)((UINT64_C(1) << 53) - 1));
    assert_int_equal(number(pool, "idle processes"), BOARD_SLOTS_MAX);
    assert_int_equal(number(pool, "start since"), 0);
    assert_int_equal(number(pool, "start time"), 253402300799);
    assert_string_equal(string(pool, "listen"), "a\"b\\x5cc\\xff");
    json_t *worker = json_array_get(json_object_get(pool, "processes"), 0);
    assert_int_equal(number(worker, "pid"), 0);
    assert_string_equal(string(worker, "state"), "Unknown");
    json_decref(pool);
    report_free(r);
}

/* A slot whose writer was always in the middle says nothing rather than half a request. */
static void test_torn_request_is_left_out(void **state)
{
    (void)state;
    struct board_snapshot s = sample_honest();
    s.views[0].request_valid = false;
    struct report *r = sample_report(s, "git");
    json_t *pool = render(r, true, true);
    json_t *worker = json_array_get(json_object_get(pool, "processes"), 0);
    assert_string_equal(string(worker, "request uri"), "-");
    assert_int_equal(number(worker, "request duration"), 0);
    assert_int_equal(number(worker, "requests"), 12);
    json_decref(pool);
    report_free(r);
}

/* Both pages print one table: every number of the JSON stands in the text. */
static void test_text_and_json_agree(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    json_t *pool = render(r, false, true);
    struct bytes out;
    bytes_init(&out, 1 << 20);
    assert_int_equal(report_text(r, false, &out), 0);
    const char *text = bytes_string(&out);
    const char *name;
    json_t *value;
    json_object_foreach(pool, name, value)
    {
        char label[64];
        char line[128];
        if (!json_is_integer(value) || strstr(name, "time") != NULL ||
            strstr(name, "until") != NULL || strcmp(name, "measured") == 0)
            continue;
        snprintf(label, sizeof label, "%s:", name);
        snprintf(line, sizeof line, "\n%-21s %lld\n", label, (long long)json_integer_value(value));
        assert_non_null(strstr(text, line));
    }
    bytes_clear(&out);
    json_decref(pool);
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_pool_is_php_fpms_object),
        cmocka_unit_test(test_full_has_processes),
        cmocka_unit_test(test_all_pools),
        cmocka_unit_test(test_liar_makes_valid_json),
        cmocka_unit_test(test_torn_request_is_left_out),
        cmocka_unit_test(test_text_and_json_agree),
    };
    return cmocka_run_group_tests_name("report-json", tests, NULL, NULL);
}
