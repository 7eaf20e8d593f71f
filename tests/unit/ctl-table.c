/* SPDX-License-Identifier: Apache-2.0 */
/* The table of `gangerctl status`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "ctl/table.h"

static const char page[] =
    "{\"pools\":[{\"pool\":\"git\",\"kind\":\"cgi\",\"process manager\":\"static\","
    "\"state\":\"running\",\"idle processes\":3,\"active processes\":1,\"total processes\":4,"
    "\"max children\":4,\"listen queue\":0,\"requests\":12345,\"failed requests\":6,"
    "\"listen\":\"/run/git.sock\",\"processes\":[{\"pid\":77,\"state\":\"Running\","
    "\"start since\":3700,\"requests\":5,\"request duration\":1500000,\"request method\":\"GET\","
    "\"request uri\":\"/x\",\"last request cpu\":12.5,\"last request memory\":1048576}]},"
    "{\"pool\":\"w\xc3\xa4sche\",\"kind\":\"cgi\",\"process manager\":\"static\","
    "\"state\":\"failing\",\"reason\":\"exec: no such file\",\"listen\":\"@x\"}]}";

static const char want_plain[] =
    "POOL    STATE    KIND  PM      IDLE  BUSY  TOTAL  MAX  QUEUE  REQUESTS  FAILED  LISTEN\n"
    "git     running  cgi   static     3     1      4    4      0     12345       6  "
    "/run/git.sock\n"
    "w\xc3\xa4sche  failing  cgi   static     0     0      0    0      0         0       0  @x\n"
    "    exec: no such file\n";

static char *print(const char *json, bool full, bool colour)
{
    struct summary s;
    struct bytes out;
    bytes_init(&out, 1 << 20);
    assert_int_equal(summary_parse(&s, json, strlen(json), NULL), 0);
    assert_int_equal(table_print(&s, full, colour, &out), 0);
    char *text = strdup(bytes_string(&out));
    summary_clear(&s);
    bytes_clear(&out);
    assert_non_null(text);
    return text;
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
    assert_non_null(strstr(text, "git     \033[32mrunning\033[0m  cgi "));
    assert_non_null(strstr(text, "\033[31mfailing\033[0m  cgi "));
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_and_reason), cmocka_unit_test(test_workers),
        cmocka_unit_test(test_colour_does_not_move_columns), cmocka_unit_test(test_no_pools),
        cmocka_unit_test(test_long_text)};
    return cmocka_run_group_tests_name("ctl-table", tests, NULL, NULL);
}
