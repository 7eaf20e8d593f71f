/* SPDX-License-Identifier: Apache-2.0 */
/* What a status request asks for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "report/report.h"

#define LONG32 "0123456789abcdef0123456789abcdef"

static const struct {
    const char *query;
    enum report_format format;
    bool full;
    bool has_pool;
    const char *pool;
} rows[] = {
    {NULL, REPORT_TEXT, false, false, ""},
    {"", REPORT_TEXT, false, false, ""},
    {"json", REPORT_JSON, false, false, ""},
    {"json=1&full", REPORT_JSON, true, false, ""},
    {"full&json&pool=git", REPORT_JSON, true, true, "git"},
    {"pool=a%20b+c%2fd", REPORT_TEXT, false, true, "a b c/d"},
    {"pool=%", REPORT_TEXT, false, true, "%"},
    {"pool=%4", REPORT_TEXT, false, true, "%4"},
    {"pool=%4&full", REPORT_TEXT, true, true, "%4"},
    {"pool=%zz", REPORT_TEXT, false, true, "%zz"},
    {"pool=a%00b", REPORT_TEXT, false, true, ""},
    {"pool", REPORT_TEXT, false, true, ""},
    {"pool=", REPORT_TEXT, false, true, ""},
    {"pool=" LONG32 LONG32, REPORT_TEXT, false, true, ""},
    {"pool=a&pool=b", REPORT_TEXT, false, true, "b"},
    {"jsonx&xfull&Pool=a", REPORT_TEXT, false, false, ""},
    {"&&&=&=x&", REPORT_TEXT, false, false, ""},
    {"html", REPORT_HTML, false, false, ""},
    {"openmetrics&full", REPORT_OPENMETRICS, true, false, ""},
    {"xml=", REPORT_UNSUPPORTED, false, false, ""},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report_query q;
        memset(&q, 0xff, sizeof q);
        report_query_parse(&q, rows[i].query);
        if (q.format != rows[i].format || q.full != rows[i].full ||
            q.has_pool != rows[i].has_pool || strcmp(q.pool, rows[i].pool) != 0)
            fail_msg("row %zu: \"%s\" gave format %d, full %d, pool \"%s\"", i, rows[i].query,
                     (int)q.format, q.full, q.pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests_name("report-query", tests, NULL, NULL);
}
