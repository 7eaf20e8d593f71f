/* SPDX-License-Identifier: Apache-2.0 */
/* The format that a reader's Accept field wants. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "report/report.h"

static const struct {
    const char *accept;
    enum report_format format;
} rows[] = {
    {NULL, REPORT_TEXT},
    {"", REPORT_TEXT},
    {"*/*", REPORT_TEXT},
    {"text/plain", REPORT_TEXT},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", REPORT_HTML},
    {"application/json", REPORT_JSON},
    {"APPLICATION/JSON ; q=1.0", REPORT_JSON},
    /* What Prometheus sends, old and new. */
    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     REPORT_OPENMETRICS},
    {"text/plain;version=0.0.4;q=1,*/*;q=0.1", REPORT_PROMETHEUS},
    {"text/plain;version=\"0.0.4\"", REPORT_PROMETHEUS},
    {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
     "text/plain;version=0.0.4;escaping=allow-utf-8;q=0.6",
     REPORT_PROMETHEUS},
    {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2",
     REPORT_PROMETHEUS},
    {"text/html;q=0.4,application/json;q=0.5", REPORT_JSON},
    {"text/html;q=0,*/*", REPORT_TEXT},
    {"text/html;q=0.001", REPORT_HTML},
    {"text/html;q=0.000", REPORT_TEXT},
    {"application/json,text/html", REPORT_JSON},
    {" \t text/html", REPORT_HTML},
    {"text/htmlx, xtext/html, text", REPORT_TEXT},
    {";;;,,,=\"\";q=\",text/html", REPORT_TEXT},
    {"text/html;q=\"", REPORT_HTML},
    {"text/html;", REPORT_HTML},
    {"text/html;q", REPORT_HTML},
    {"text/html;q=x", REPORT_HTML},
    {",", REPORT_TEXT},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report_query q;
        report_query_parse(&q, NULL);
        report_accept(&q, rows[i].accept);
        if (q.format != rows[i].format)
            fail_msg("row %zu: \"%s\" gave format %d", i, rows[i].accept, (int)q.format);
        report_query_parse(&q, "full&text");
        report_accept(&q, rows[i].accept);
        assert_int_equal(q.format, REPORT_TEXT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests_name("report-accept", tests, NULL, NULL);
}
