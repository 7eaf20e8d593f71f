/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: every line of a form that the specification has, families together, liars harmless. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "report_sample.h"

static char *render(struct report *r, bool full, bool old)
{
    struct bytes out;
    bytes_init(&out, 1 << 20);
    assert_int_equal(report_openmetrics(r, full, old, &out), 0);
    char *text = strdup(bytes_string(&out));
    bytes_clear(&out);
    assert_non_null(text);
    return text;
}

#define BUILD "ganger_build_info{version=\"" GANGER_VERSION "\"} 1"
#define INFO                                                                                       \
    "ganger_pool_info{pool=\"git\",pm=\"static\",kind=\"cgi\",listen=\"/run/ganger/git.sock\","    \
    "user=\"www-data\"} 1"

/* Each of them is a line of the sample's page, in both formats unless said otherwise. */
static const char *const lines[] = {
    BUILD,
    "ganger_pools 1",
    INFO,
    "ganger_pool_state{pool=\"git\",state=\"failing\"} 1",
    "ganger_pool_state{pool=\"git\",state=\"running\"} 0",
    "ganger_start_time_seconds{pool=\"git\"} 1700000000",
    "ganger_listen_queue{pool=\"git\"} 5",
    "ganger_requests_total{pool=\"git\"} 90",
    "ganger_requests_per_second{pool=\"git\"} 0.9",
    "ganger_cpu_seconds_total{pool=\"git\"} 1.5",
    "ganger_process_cpu_seconds_total{pool=\"git\"} 2.345678",
    "ganger_exits_total{pool=\"git\",result=\"signal\"} 3",
    "ganger_restarts_total{pool=\"git\",cause=\"scale_down\"} 26",
    "ganger_exit_codes_total{pool=\"git\",code=\"127\"} 1",
    "ganger_exit_signals_total{pool=\"git\",signal=\"SIGSEGV\"} 2",
    "ganger_limit{pool=\"git\",option=\"pm.max_requests\"} 1000",
    "ganger_limit_seconds{pool=\"git\",option=\"queue_timeout\"} 2.5",
    "ganger_request_duration_seconds_bucket{pool=\"git\",le=\"0.0005\"} 40",
    "ganger_request_duration_seconds_bucket{pool=\"git\",le=\"1.0\"} 40",
    "ganger_request_duration_seconds_bucket{pool=\"git\",le=\"+Inf\"} 90",
    "ganger_request_duration_seconds_count{pool=\"git\"} 90",
    "ganger_request_duration_seconds_sum{pool=\"git\"} 31.0",
    "ganger_queue_time_seconds_bucket{pool=\"git\",le=\"0.001\"} 90",
    "ganger_worker_state{pool=\"git\",slot=\"0\",pid=\"4242\",state=\"Idle\"} 1",
    "ganger_worker_requests_total{pool=\"git\",slot=\"0\",pid=\"4242\"} 12",
    "ganger_worker_active_requests{pool=\"git\",slot=\"3\",pid=\"4243\"} 2",
};

static void assert_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++) {
        if ((at == text || at[-1] == '\n') && at[length] == '\n')
            return;
    }
    fail_msg("no line \"%s\"", line);
}

static void test_values(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    for (int old = 0; old < 2; old++) {
        char *text = render(r, true, old);
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
            assert_line(text, lines[i]);
        free(text);
    }
    report_free(r);
}

static void test_the_two_formats_differ_in_their_comments(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    char *new = render(r, false, false);
    char *old = render(r, false, true);
    assert_line(new, "# TYPE ganger_requests counter");
    assert_line(old, "# TYPE ganger_requests_total counter");
    assert_line(new, "# TYPE ganger_pool info");
    assert_line(old, "# TYPE ganger_pool_info gauge");
    assert_line(new, "# UNIT ganger_sent_bytes bytes");
    assert_null(strstr(old, "# UNIT"));
    assert_string_equal(new + strlen(new) - strlen("\n# EOF\n"), "\n# EOF\n");
    assert_null(strstr(old, "# EOF"));
    assert_null(strstr(new, "ganger_worker_"));
    free(new);
    free(old);
    report_free(r);
}

/* name{key="value",…} number, as the grammar has it; what stands in `name` is told. */
static void check_sample(const char *line, size_t length, char *name, size_t size)
{
    const char *at = line;
    const char *end = line + length;
    while (at < end && (isalnum((unsigned char)*at) || *at == '_'))
        at++;
    snprintf(name, size, "%.*s", (int)(at - line), line);
    if (at < end && *at == '{') {
        do {
            at++;
            const char *key = at;
            while (at < end && (islower((unsigned char)*at) || *at == '_'))
                at++;
            assert_true(at > key && at + 1 < end && at[0] == '=' && at[1] == '"');
            for (at += 2; at < end && *at != '"'; at++) {
                assert_true((unsigned char)*at >= ' ');
                if (*at == '\\') {
                    at++;
                    assert_true(at < end && (*at == '\\' || *at == '"' || *at == 'n'));
                }
            }
            assert_true(at < end);
            at++;
        } while (at < end && *at == ',');
        assert_true(at < end && *at == '}');
        at++;
    }
    assert_true(at < end && *at == ' ');
    char number[64];
    char *rest;
    snprintf(number, sizeof number, "%.*s", (int)(end - at - 1), at + 1);
    (void)strtod(number, &rest);
    if (*number == '\0' || *rest != '\0')
        fail_msg("no number in: %.*s", (int)length, line);
}

/* Every line is a comment of its family or a sample of it, and no family comes twice. */
static void check_page(const char *text)
{
    char families[256][64];
    size_t count = 0;
    bool over = false;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char name[64];
        assert_false(over);
        assert_int_equal(text[length], '\n');
        if (strncmp(text, "# EOF", length) == 0) {
            over = true;
        } else if (strncmp(text, "# TYPE ", 7) == 0) {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(text + 7, " "), text + 7);
            for (size_t i = 0; i < count; i++)
                assert_string_not_equal(name, families[i]);
            assert_true(count < sizeof families / sizeof families[0]);
            memcpy(families[count++], name, sizeof name);
        } else if (text[0] == '#') {
            assert_true(count > 0);
            assert_true(strncmp(text + 7, families[count - 1], strlen(families[count - 1])) == 0);
        } else {
            check_sample(text, length, name, sizeof name);
            assert_true(count > 0);
            assert_true(strncmp(name, families[count - 1], strlen(families[count - 1])) == 0);
        }
        text += length + 1;
    }
    assert_true(over);
}

static void test_families_are_not_interleaved(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "one");
    struct board_snapshot second = sample_honest();
    struct board_snapshot liar = sample_hostile();
    assert_int_equal(report_add(r, "two", &second), 0);
    assert_int_equal(report_add(r, NULL, &liar), 0);
    char *text = render(r, true, false);
    check_page(text);
    assert_line(text, "ganger_pools 3");
    /* One after the other, below one heading. */
    assert_non_null(strstr(text, "ganger_listen_queue{pool=\"one\"} 5\n"
                                 "ganger_listen_queue{pool=\"two\"} 5\n"));
    free(text);
    report_free(r);
}

/* Quotes, backslashes, line ends, markup and broken UTF-8 in whatever may hold them. */
static void test_labels_are_escaped(void **state)
{
    (void)state;
    static const char worst[] = "a\"} 1\nganger_up 1 # \\\xff<script>";
    struct board_snapshot s = sample_honest();
    memcpy(s.card.listen, worst, sizeof worst);
    memcpy(s.card.user, worst, sizeof worst);
    struct report *r = sample_report(s, worst);
    char *text = render(r, true, false);
    check_page(text);
    assert_null(strstr(text, "\nganger_up"));
    assert_non_null(strstr(text, "pool=\"a\\\"} 1\\\\x0aganger_up 1 # \\\\x5c\\\\xff<script>\""));
    free(text);
    report_free(r);
}

static void test_histograms_only_grow(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_hostile(), "x");
    char *text = render(r, false, false);
    const char *at = text;
    unsigned long long last = 0;
    unsigned buckets = 0;
    while ((at = strstr(at, "ganger_first_byte_seconds_bucket{")) != NULL) {
        at = strchr(at, ' ') + 1;
        unsigned long long now = strtoull(at, NULL, 10);
        assert_true(now >= last);
        last = now;
        buckets++;
    }
    assert_int_equal(buckets, BOARD_BUCKETS);
    assert_true(last <= (UINT64_C(1) << 53) - 1);
    free(text);
    report_free(r);
}

static void test_nothing_to_tell(void **state)
{
    (void)state;
    struct report *r = report_new(SAMPLE_MONOTONIC, SAMPLE_WALL);
    char *text = render(r, true, false);
    check_page(text);
    assert_line(text, "ganger_pools 0");
    free(text);
    report_free(r);
}

static void test_a_page_has_an_end(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    struct bytes out;
    for (size_t maximum = 0; maximum < 4096; maximum += 111) {
        bytes_init(&out, maximum);
        assert_int_equal(report_openmetrics(r, true, false, &out), -ENOBUFS);
        assert_true(bytes_held(&out) <= maximum);
        bytes_clear(&out);
    }
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_the_two_formats_differ_in_their_comments),
        cmocka_unit_test(test_families_are_not_interleaved),
        cmocka_unit_test(test_labels_are_escaped),
        cmocka_unit_test(test_histograms_only_grow),
        cmocka_unit_test(test_nothing_to_tell),
        cmocka_unit_test(test_a_page_has_an_end),
    };
    return cmocka_run_group_tests_name("report-openmetrics", tests, NULL, NULL);
}
