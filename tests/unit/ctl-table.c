/* SPDX-License-Identifier: Apache-2.0 */
/* The table of `gangerctl status`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "ctl/cells.h"
#include "ctl/table.h"

static const char page[] =
    "{\"pools\":[{\"pool\":\"git\",\"kind\":\"cgi\",\"process manager\":\"static\","
    "\"state\":\"running\",\"idle processes\":3,\"active processes\":1,\"total processes\":4,"
    "\"max children\":4,\"listen queue\":0,\"requests per second\":31.5,\"memory "
    "resident\":20971520,"
    "\"requests\":12345,\"failed requests\":6,"
    "\"listen\":\"/run/git.sock\",\"processes\":[{\"pid\":77,\"state\":\"Running\","
    "\"start since\":3700,\"requests\":5,\"request duration\":1500000,\"request method\":\"GET\","
    "\"request uri\":\"/x\",\"last request cpu\":12.5,\"last request memory\":1048576}]},"
    "{\"pool\":\"w\xc3\xa4sche\",\"kind\":\"cgi\",\"process manager\":\"static\","
    "\"state\":\"failing\",\"reason\":\"exec: no such file\",\"listen\":\"@x\"}]}";

static const char want_plain[] =
    "POOL    STATE    BUSY  IDLE  TOTAL  MAX  QUEUE  REQ/S  MEM  REQUESTS  FAILED  KIND  PM      "
    "LISTEN\n"
    "git     running     1     3      4    4      0   31.5  20M     12345       6  cgi   static  "
    "/run/git.sock\n"
    "w\xc3\xa4sche  failing     0     0      0    0      0      0    -         0       0  cgi   "
    "static  @x\n"
    "    exec: no such file\n";

/* On 80 cells the last columns leave, and on 20 a name is cut. */
static const char want_80[] =
    "POOL    STATE    BUSY  IDLE  TOTAL  MAX  QUEUE  REQ/S  MEM  REQUESTS  FAILED\n"
    "git     running     1     3      4    4      0   31.5  20M     12345       6\n"
    "w\xc3\xa4sche  failing     0     0      0    0      0      0    -         0       0\n"
    "    exec: no such file\n";
static const char want_20[] = "POOL    STATE\n"
                              "git     running\n"
                              "w\xc3\xa4sche  failing\n"
                              "    exec: no such f\xe2\x80\xa6\n";
static const char want_6_ascii[] = "POOL\n"
                                   "git\n"
                                   "w?sche\n"
                                   "    e~\n";

static char *print_in(const char *json, const struct table_style *style)
{
    struct summary s;
    struct bytes out;
    bytes_init(&out, 1 << 20);
    assert_int_equal(summary_parse(&s, json, strlen(json), NULL), 0);
    assert_int_equal(table_print(&s, style, &out), 0);
    char *text = strdup(bytes_string(&out));
    summary_clear(&s);
    bytes_clear(&out);
    assert_non_null(text);
    return text;
}

static char *print(const char *json, bool full, bool colour)
{
    struct table_style style = {.full = full, .colour = colour};
    return print_in(json, &style);
}

static void test_widths(void **state)
{
    (void)state;
    static const struct {
        struct table_style style;
        const char *want;
    } cases[] = {
        {{.width = 80}, want_80},
        {{.width = 200}, want_plain},
        {{.width = 20, .cut = true}, want_20},
        {{.width = 6, .cut = true, .ascii = true}, want_6_ascii},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = print_in(page, &cases[i].style);
        assert_string_equal(text, cases[i].want);
        free(text);
    }
}

/* Whatever the width: no line is longer, and none is empty. */
static void test_no_line_is_too_long(void **state)
{
    (void)state;
    for (unsigned width = 1; width < 140; width++) {
        struct table_style style = {.width = width, .cut = true, .full = true, .ascii = true};
        char *text = print_in(page, &style);
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            if (strlen(line) > width && width > 5)
                fail_msg("width %u: %s", width, line);
        }
        free(text);
    }
}

static void test_columns_and_reason(void **state)
{
    (void)state;
    char *text = print(page, false, false);
    assert_string_equal(text, want_plain);
    free(text);
}

static void test_workers(void **state)
{
    (void)state;
    char *text = print(page, true, false);
    assert_non_null(strstr(text, "PID  STATE      AGE  REQUESTS    TIME  CPU  MEMORY  REQUEST\n"));
    assert_non_null(strstr(text, "77  Running  1h01m         5  1.500s  12%    1.0M  GET /x\n"));
    free(text);
}

static void test_colour_does_not_move_columns(void **state)
{
    (void)state;
    char *text = print(page, false, true);
    assert_non_null(strstr(text, "git     \033[32mrunning\033[0m     1 "));
    assert_non_null(strstr(text, "\033[31mfailing\033[0m     0 "));
    free(text);
}

static void test_no_pools(void **state)
{
    (void)state;
    char *text = print("{\"pools\":[]}", true, false);
    assert_memory_equal(text, "POOL  STATE", 11);
    free(text);
}

/* A long text is cut between code points. */
static void test_long_text(void **state)
{
    (void)state;
    char json[4096] = "{\"pool\":\"x\",\"listen\":\"x";
    for (unsigned i = 0; i < 500; i++)
        strcat(json, "\xc3\xa4");
    strcat(json, "\"}");
    char *text = print(json, false, false);
    assert_non_null(strstr(text, "\xc3\xa4...\n"));
    free(text);
}

int main(void)
{
    (void)cells_locale();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns_and_reason),
                                       cmocka_unit_test(test_widths),
                                       cmocka_unit_test(test_no_line_is_too_long),
                                       cmocka_unit_test(test_workers),
                                       cmocka_unit_test(test_colour_does_not_move_columns),
                                       cmocka_unit_test(test_no_pools),
                                       cmocka_unit_test(test_long_text)};
    return cmocka_run_group_tests_name("ctl-table", tests, NULL, NULL);
}
