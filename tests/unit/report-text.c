/* SPDX-License-Identifier: Apache-2.0 */
/* The text page: PHP-FPM's form to the column, and nothing a terminal could stumble over. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include "report_sample.h"

static const char want_pool[] = "pool:                 git\n"
                                "process manager:      static\n"
                                "start time:           14/Nov/2023:22:13:20 +0000\n"
                                "start since:          100\n"
                                "accepted conn:        100\n"
                                "listen queue:         5\n"
                                "max listen queue:     9\n"
                                "listen queue len:     511\n"
                                "idle processes:       1\n"
                                "active processes:     2\n"
                                "total processes:      3\n"
                                "max active processes: 2\n"
                                "max children reached: 2\n"
                                "slow requests:        1\n"
                                "memory peak:          1048576\n"
                                "kind:                 cgi\n"
                                "state:                failing\n"
                                "reason:               exec /usr/bin/x: No such file or directory\n"
                                "listen:               /run/ganger/git.sock\n"
                                "user:                 www-data\n"
                                "max children:         4\n"
                                "leaving processes:    12\n"
                                "opaque processes:     0\n"
                                "shedding:             0\n"
                                "shed requests:        13\n"
                                "active requests:      2\n"
                                "requests:             90\n"
                                "requests per second:  0.90\n"
                                "failed requests:      6\n"
                                "timed out requests:   3\n"
                                "aborted requests:     2\n"
                                "bytes in:             654321\n"
                                "bytes out:            123456\n"
                                "cpu seconds:          1.50\n"
                                "process cpu seconds:  2.345678\n"
                                "memory resident:      8388608\n"
                                "memory proportional:  4194304\n"
                                "measured:             14/Nov/2023:22:14:59 +0000\n"
                                "generation:           7\n"
                                "spawned:              11\n"
                                "spawn failures:       4\n"
                                "start failures:       14\n"
                                "exits ok:             1\n"
                                "exits error:          2\n"
                                "exits signal:         3\n"
                                "restarts max requests: 21\n"
                                "restarts max memory:  22\n"
                                "restarts emergency:   23\n"
                                "restarts time limit:  0\n"
                                "restarts reload:      24\n"
                                "restarts restart:     25\n"
                                "restarts scale down:  26\n"
                                "throttled until:      14/Nov/2023:22:16:00 +0000\n"
                                "request seconds:      31.00\n"
                                "queue seconds:        0.032\n"
                                "first byte seconds:   3.30\n"
                                "limit pm.max_requests: 1000\n"
                                "limit listen.backlog: 511\n"
                                "limit queue_timeout:  2.50\n"
                                "exit code 1:          2\n"
                                "exit code 127:        1\n"
                                "exit signal SIGKILL:  1\n"
                                "exit signal SIGSEGV:  2\n";

static const char want_worker[] = "\n************************\n"
                                  "pid:                  4242\n"
                                  "state:                Idle\n"
                                  "start time:           14/Nov/2023:22:14:00 +0000\n"
                                  "start since:          60\n"
                                  "requests:             12\n"
                                  "request duration:     2000000\n"
                                  "request method:       POST\n"
                                  "request URI:          /a?b=\"c\"\n"
                                  "content length:       17\n"
                                  "user:                 ada\n"
                                  "script:               /srv/x.cgi\n"
                                  "last request cpu:     25.00\n"
                                  "last request memory:  1048576\n"
                                  "last request status:  404\n"
                                  "last request age:     7\n"
                                  "last request bytes in: 17\n"
                                  "last request bytes out: 99\n"
                                  "last request queue time: 250\n"
                                  "last request first byte: 1234\n"
                                  "program pid:          0\n"
                                  "slot:                 0\n";

static const char want_busy[] = "pid:                  4243\n"
                                "state:                Running\n"
                                "start time:           -\n"
                                "start since:          0\n"
                                "requests:             0\n"
                                "request duration:     1500000\n"
                                "request method:       GET\n"
                                "request URI:          -\n"
                                "content length:       0\n"
                                "user:                 -\n"
                                "script:               -\n"
                                "last request cpu:     0.00\n"
                                "last request memory:  0\n"
                                "last request status:  0\n"
                                "last request bytes in: 0\n"
                                "last request bytes out: 0\n"
                                "program pid:          777\n"
                                "slot:                 3\n";

static char *render(struct report *r, bool full)
{
    struct bytes out;
    bytes_init(&out, 1 << 20);
    assert_int_equal(report_text(r, full, &out), 0);
    char *text = strdup(bytes_string(&out));
    bytes_clear(&out);
    assert_non_null(text);
    return text;
}

static void test_pool_is_php_fpms_form(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    char *text = render(r, false);
    assert_memory_equal(text, want_pool, strlen(want_pool));
    assert_null(strstr(text, "****"));
    assert_non_null(strstr(text, "\ntook longer:          50\n"));
    free(text);
    report_free(r);
}

static void test_full_adds_workers(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    char *text = render(r, true);
    assert_non_null(strstr(text, want_worker));
    assert_non_null(strstr(text, want_busy));
    free(text);
    report_free(r);
}

static void test_pools_are_apart(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "one");
    struct board_snapshot second = sample_honest();
    assert_int_equal(report_add(r, "two", &second), 0);
    assert_null(second.views); /* moved */
    assert_int_equal(report_count(r), 2);
    char *text = render(r, false);
    assert_memory_equal(text, "pool:                 one\n", 26);
    assert_non_null(strstr(text, "\n\npool:                 two\n"));
    free(text);
    report_free(r);
}

static void test_liar_stays_printable(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_hostile(), NULL);
    char *text = render(r, true);
    for (const char *c = text; *c != '\0'; c++)
        assert_true((*c >= ' ' && *c < 0x7f) || *c == '\n');
    assert_non_null(strstr(text, "process manager:      unknown\n"));
    assert_non_null(strstr(text, "kind:                 unknown\n"));
    assert_non_null(strstr(text, "\nstate:                unknown\n"));
    assert_non_null(strstr(text, "\nstate:                Unknown\n"));
    assert_non_null(strstr(text, "total processes:      32768\n"));
    assert_non_null(strstr(text, "pool:                 \\x1b\\x1b"));
    assert_non_null(strstr(text, "request URI:          \\x80\\x80"));
    assert_non_null(strstr(text, "request method:       -\n"));
    /* One value, one line: the pool's rows and the worker's, each with its colon. */
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_true(*line == '\n' || *line == '*' || line[strcspn(line, ":\n")] == ':');
    free(text);
    report_free(r);
}

static void test_master_s_name_wins(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "real");
    char *text = render(r, false);
    assert_memory_equal(text, "pool:                 real\n", 27);
    free(text);
    report_free(r);
}

static void test_too_large_is_told(void **state)
{
    (void)state;
    struct report *r = sample_report(sample_honest(), "git");
    struct bytes out;
    bytes_init(&out, 100);
    assert_int_equal(report_text(r, true, &out), -ENOBUFS);
    bytes_clear(&out);
    assert_int_equal(report_json(r, true, true, &out), -ENOBUFS);
    bytes_clear(&out);
    report_free(r);
}

static void test_unreadable_card(void **state)
{
    (void)state;
    struct board_snapshot s = sample_honest();
    s.card_valid = false;
    struct report *r = sample_report(s, "git");
    char *text = render(r, false);
    assert_non_null(strstr(text, "\nstate:                unknown\n"));
    free(text);
    report_free(r);
}

static void test_empty_text_is_a_dash(void **state)
{
    (void)state;
    struct board_snapshot s = sample_honest();
    s.card.reason[0] = '\0';
    struct report *r = sample_report(s, "git");
    char *text = render(r, false);
    assert_non_null(strstr(text, "\nreason:               -\n"));
    free(text);
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_is_php_fpms_form), cmocka_unit_test(test_full_adds_workers),
        cmocka_unit_test(test_pools_are_apart),       cmocka_unit_test(test_liar_stays_printable),
        cmocka_unit_test(test_master_s_name_wins),    cmocka_unit_test(test_too_large_is_told),
        cmocka_unit_test(test_unreadable_card),       cmocka_unit_test(test_empty_text_is_a_dash),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests_name("report-text", tests, NULL, NULL);
}
