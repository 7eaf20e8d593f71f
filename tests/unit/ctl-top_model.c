/* SPDX-License-Identifier: Apache-2.0 */
/* Samples in, rates out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "ctl/top_model.h"

static void feed(struct top_model *m, const char *json, bool workers, double seconds)
{
    struct summary s;
    assert_int_equal(summary_parse(&s, json, strlen(json), NULL), 0);
    assert_int_equal(top_model_feed(m, &s, workers, (uint64_t)(seconds * (double)CLOCK_SEC)), 0);
    assert_int_equal(s.count, 0); /* taken over */
}

static bool close_to(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

#define A(more) "{\"pool\":\"a\",\"start time\":100," more "}"
#define B(more) "{\"pool\":\"b\",\"start time\":100," more "}"
#define POOLS(list) "{\"ganger\":{\"version\":\"1.2\"},\"pools\":[" list "]}"

static void test_rates(void **state)
{
    (void)state;
    struct top_model m;
    top_model_init(&m);
    feed(&m, POOLS(A("\"requests\":100,\"requests per second\":7.5,\"request seconds\":10")), false,
         50);
    assert_string_equal(m.now.version, "1.2");
    assert_true(
        close_to(m.rows[0].rate, 7.5)); /* ganger's own word, as long as there is no other */
    feed(&m,
         POOLS(A("\"requests\":110,\"requests per second\":7.5,\"request seconds\":15,"
                 "\"failed requests\":2,\"shed requests\":3,\"timed out requests\":1,"
                 "\"cpu seconds\":1")),
         false, 52);
    assert_true(close_to(m.rows[0].rate, 5));
    assert_true(close_to(m.rows[0].latency, 0.5));
    assert_true(close_to(m.rows[0].bad, 3));
    assert_true(close_to(m.rows[0].cpu, 50));
    /* Nothing happened. */
    feed(&m, POOLS(A("\"requests\":110,\"request seconds\":15")), false, 53);
    assert_true(close_to(m.rows[0].rate, 0) && close_to(m.rows[0].latency, 0));
    /* Two samples at one moment divide by nothing. */
    feed(&m, POOLS(A("\"requests\":120")), false, 53);
    assert_true(close_to(m.rows[0].rate, 0));
    top_model_clear(&m);
}

#define CPU(measured, used)                                                                        \
    A("\"cpu seconds\":3,\"measured\":" measured ",\"process cpu seconds\":" used)

/* It is measured every other second, and not while nobody looks. */
static void test_processor_time(void **state)
{
    (void)state;
    struct top_model m;
    static const struct {
        double at;
        const char *sample;
        double want;
    } samples[] = {
        {1, POOLS(CPU("0", "0")), 0},
        {2, POOLS(CPU("1000", "700")), 0}, /* for the first time: all that it used since it began */
        {3, POOLS(CPU("1000", "700")), 0},
        {4, POOLS(CPU("1002", "701")), 50},
        {5, POOLS(CPU("1002", "701")), 50},   /* not measured again: as it was */
        {6.5, POOLS(CPU("1005", "703")), 80}, /* whole seconds are too coarse */
        {7, POOLS(CPU("1005", "703.1")), 80}, /* of a worker that has ended: at the next */
        {8, POOLS(CPU("1007", "704")), 1 / 1.5 * 100},
        {9, POOLS(CPU("1009", "705")), 50}, /* one of them was seen late */
        {14, POOLS(CPU("1009", "705")), 50},
        {15, POOLS(CPU("1009", "705")), 0}, /* there is nobody to be measured */
        {16, POOLS(CPU("1010", "705")), 0},
        /* Nobody looked: the last measurement's figure, and then all that was used meanwhile. */
        {3616, POOLS(CPU("1012", "706")), 50},
        {3617, POOLS(CPU("4612", "2506")), 50},
        {3619, POOLS(CPU("4614", "2506")), 0},
        {3620,
         POOLS("{\"pool\":\"a\",\"start time\":200,\"measured\":4615,"
               "\"process cpu seconds\":1}"),
         100},
        {3621, POOLS(CPU("7", "9")), 800}, /* a clock that was set back */
        {3621, POOLS(CPU("9", "10")), 800},
    };
    top_model_init(&m);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        feed(&m, samples[i].sample, false, samples[i].at);
        if (!close_to(m.rows[0].cpu, samples[i].want))
            fail_msg("sample %zu: %f %%, not %f", i, m.rows[0].cpu, samples[i].want);
    }
    top_model_clear(&m);
    /* Of the pool that is looked into, too. */
    feed(&m, "{\"pool\":\"a\",\"measured\":5,\"process cpu seconds\":50,\"processes\":[]}", true,
         1);
    feed(&m, "{\"pool\":\"a\",\"measured\":7,\"process cpu seconds\":51,\"processes\":[]}", true,
         3);
    assert_true(close_to(m.self.cpu, 50));
    top_model_clear(&m);
}

static void test_resets(void **state)
{
    (void)state;
    struct top_model m;
    top_model_init(&m);
    feed(&m, POOLS(A("\"requests\":100")), false, 1);
    feed(&m, POOLS(A("\"requests\":30")), false, 2);
    assert_true(close_to(m.rows[0].rate, 30)); /* fell: from zero */
    feed(&m, POOLS("{\"pool\":\"a\",\"start time\":200,\"requests\":40}"), false, 4);
    assert_true(close_to(m.rows[0].rate, 20)); /* another start: from zero, though it grew */
    feed(&m, POOLS("{\"pool\":\"a\",\"start time\":200,\"requests\":18446744073709551615}"), false,
         5);
    feed(&m, POOLS("{\"pool\":\"a\",\"start time\":200,\"requests\":0}"), false, 6);
    assert_true(close_to(m.rows[0].rate, 0));
    top_model_clear(&m);
}

/* Pools come, go and change places. */
static void test_others_in_the_list(void **state)
{
    (void)state;
    struct top_model m;
    top_model_init(&m);
    feed(&m, POOLS(A("\"requests\":100") "," B("\"requests\":10")), false, 1);
    feed(&m,
         POOLS("{\"pool\":\"new\",\"requests\":5}," B("\"requests\":14") "," A("\"requests\":103")),
         false, 2);
    assert_int_equal(m.count, 3);
    assert_true(close_to(m.rows[0].rate, 0));
    assert_true(close_to(m.rows[1].rate, 4));
    assert_true(close_to(m.rows[2].rate, 3));
    feed(&m, POOLS(""), false, 3);
    assert_int_equal(m.count, 0);
    feed(&m, POOLS(A("\"requests\":200")), false, 4);
    assert_true(close_to(m.rows[0].rate, 0));
    top_model_clear(&m);
}

static void test_totals(void **state)
{
    (void)state;
    struct top_model m;
    top_model_init(&m);
    feed(
        &m,
        POOLS(
            "{\"pool\":\"a\",\"state\":\"running\",\"active processes\":2,\"idle processes\":3,"
            "\"max children\":8,\"listen queue\":4,\"start since\":50,\"requests per second\":2.5},"
            "{\"pool\":\"b\",\"state\":\"failing\",\"max children\":2,\"start since\":70},"
            "{\"pool\":\"c\",\"state\":\"failed\"},"
            "{\"pool\":\"status\",\"kind\":\"status\",\"state\":\"running\","
            "\"active processes\":1,\"max children\":1,\"requests per second\":9}"),
        false, 1);
    assert_int_equal(m.totals.pools, 4);
    assert_int_equal(m.totals.failing, 2);
    assert_int_equal(m.totals.busy, 2);
    assert_int_equal(m.totals.idle, 3);
    assert_int_equal(m.totals.limit, 10);
    assert_int_equal(m.totals.queue, 4);
    assert_int_equal(m.totals.since, 70);
    assert_true(close_to(m.totals.rate, 2.5));
    top_model_clear(&m);
}

static void test_workers(void **state)
{
    (void)state;
    struct top_model m;
    top_model_init(&m);
    feed(&m,
         "{\"pool\":\"a\",\"requests\":30,\"processes\":[{\"pid\":1,\"requests\":10},"
         "{\"pid\":2,\"requests\":20,\"request duration\":1500000}]}",
         true, 1);
    assert_int_equal(m.count, 2);
    assert_true(close_to(m.rows[1].latency, 1.5));
    feed(&m,
         "{\"pool\":\"a\",\"requests\":38,\"processes\":[{\"pid\":3,\"requests\":2},"
         "{\"pid\":1,\"requests\":16}]}",
         true, 3);
    assert_true(close_to(m.rows[0].rate, 0)); /* unknown before */
    assert_true(close_to(m.rows[1].rate, 3));
    assert_true(close_to(m.self.rate, 4));
    /* Another pool has nothing to do with it. */
    feed(&m, "{\"pool\":\"b\",\"processes\":[{\"pid\":1,\"requests\":99}]}", true, 4);
    assert_true(close_to(m.rows[0].rate, 0));
    feed(&m, "{\"pools\":[]}", true, 5);
    assert_int_equal(m.count, 0);
    assert_null(m.self.pool);
    top_model_clear(&m);
}

static void test_matches(void **state)
{
    (void)state;
    struct top_model m;
    top_model_init(&m);
    feed(&m, POOLS("{\"pool\":\"Shop\",\"kind\":\"cgi\",\"listen\":\"/run/x.sock\"}"), false, 1);
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {{"", true},    {"shop", true}, {"HO", true},       {"cgi", true},
                 {"x.s", true}, {"z", false},   {"shop cgi", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(top_model_matches(&m.rows[0], cases[i].text), cases[i].matches);
    feed(&m,
         "{\"pool\":\"a\",\"processes\":[{\"pid\":471,\"state\":\"Idle\","
         "\"request uri\":\"/cart?x\"}]}",
         true, 2);
    assert_true(top_model_matches(&m.rows[0], "47"));
    assert_true(top_model_matches(&m.rows[0], "CART"));
    assert_false(top_model_matches(&m.rows[0], "shop"));
    top_model_clear(&m);
}

/* A thousand pools, in another order each time: every rate is found. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct top_model m;
    char *json = malloc(MANY * 64 + 64);
    assert_non_null(json);
    top_model_init(&m);
    for (unsigned round = 0; round < 3; round++) {
        size_t at = (size_t)sprintf(json, "{\"pools\":[");
        for (unsigned i = 0; i < MANY; i++) {
            unsigned k = (i * 7 + round * 13) % MANY;
            at += (size_t)sprintf(json + at, "%s{\"pool\":\"p%u\",\"requests\":%u}",
                                  i > 0 ? "," : "", k, 1 + k * round);
        }
        sprintf(json + at, "]}");
        feed(&m, json, false, round);
        assert_int_equal(m.count, MANY);
        for (unsigned i = 0; i < MANY && round > 0; i++)
            assert_true(close_to(m.rows[i].rate, (i * 7 + round * 13) % MANY));
    }
    top_model_clear(&m);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),   cmocka_unit_test(test_processor_time),
        cmocka_unit_test(test_resets),  cmocka_unit_test(test_others_in_the_list),
        cmocka_unit_test(test_totals),  cmocka_unit_test(test_workers),
        cmocka_unit_test(test_matches), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests_name("ctl-top_model", tests, NULL, NULL);
}
