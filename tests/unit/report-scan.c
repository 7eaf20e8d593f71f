/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in passing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "report/scan.h"

/* ---- whole documents: stepped over when they are JSON, refused when not ---- */

static const struct {
    const char *json;
    bool valid;
} documents[] = {
    {"1", true},
    {" {} ", true},
    {"[]", true},
    {"[1,2.5,-3,0,-0,1e5,1E-5,0.1e+10]", true},
    {"{\"a\":{\"b\":[{},[],[[]]]},\"c\":null,\"d\":true,\"e\":false}", true},
    {"\"\\u00e4\\n\\\"\\\\\"", true},
    {"\t\r\n[ 1 , 2 ]\n", true},
    {"", false},
    {" ", false},
    {"{", false},
    {"}", false},
    {"[", false},
    {"]", false},
    {"[}", false},
    {"{]", false},
    {"[1,]", false},
    {"[,1]", false},
    {"[1 2]", false},
    {"[1]]", false},
    {"{}{}", false},
    {"{\"a\"}", false},
    {"{\"a\":}", false},
    {"{\"a\":1,}", false},
    {"{,\"a\":1}", false},
    {"{\"a\" 1}", false},
    {"{a:1}", false},
    {"{1:1}", false},
    {"{\"a\":1 \"b\":2}", false},
    {"\"", false},
    {"\"a", false},
    {"\"\\", false},
    {"\"\\\"", false},
    {"\"a\nb\"", false},
    {"tru", false},
    {"truee", false},
    {"nul", false},
    {"01", false},
    {"-", false},
    {"1.", false},
    {".5", false},
    {"1e", false},
    {"1e+", false},
    {"+1", false},
    {"0x10", false},
    {"1 2", false},
    {"NaN", false},
};

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        /* In memory of its own, so that a step beyond the end is seen. */
        size_t length = strlen(documents[i].json);
        char *copy = malloc(length > 0 ? length : 1);
        assert_non_null(copy);
        memcpy(copy, documents[i].json, length);
        struct scan s;
        scan_init(&s, copy, length);
        scan_skip(&s);
        if ((scan_end(&s) == 0) != documents[i].valid)
            fail_msg("%s is taken for %s", documents[i].json, documents[i].valid ? "none" : "JSON");
        free(copy);
    }
}

static void test_depth(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth < 3 * SCAN_DEPTH_MAX; depth++) {
        char json[8 * SCAN_DEPTH_MAX];
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        struct scan s;
        scan_init(&s, json, (size_t)2 * depth);
        scan_skip(&s);
        assert_int_equal(scan_end(&s) == 0, depth <= SCAN_DEPTH_MAX);
    }
}

/* ---- values ---- */

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool whole, number;
        uint64_t integer;
        double decimal;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"18446744073709551615", true, true, UINT64_MAX, 18446744073709551615.0},
        {"18446744073709551616", false, true, 7, 18446744073709551616.0},
        {"-1", false, true, 7, -1},
        {"2.5", false, true, 7, 2.5},
        {"1e3", false, true, 7, 1000},
        {"1e999", false, false, 7, 7},
        {"\"5\"", false, false, 7, 7},
        {"null", false, false, 7, 7},
        {"[5]", false, false, 7, 7},
        {"{\"a\":5}", false, false, 7, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scan s;
        uint64_t integer = 7;
        double decimal = 7;
        scan_init(&s, cases[i].json, strlen(cases[i].json));
        assert_int_equal(scan_whole(&s, &integer), cases[i].whole);
        assert_int_equal(scan_end(&s), 0);
        assert_true(integer == cases[i].integer);
        scan_init(&s, cases[i].json, strlen(cases[i].json));
        assert_int_equal(scan_number(&s, &decimal), cases[i].number);
        assert_int_equal(scan_end(&s), 0);
        assert_true(decimal == cases[i].decimal);
    }
}

static void test_members_and_elements(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":[1,{\"x\":2},3],\"b\":{},\"c\":\"t\"}";
    struct scan s;
    struct scan_span name;
    uint64_t value = 0;
    scan_init(&s, json, strlen(json));
    assert_false(scan_array(&s));
    assert_true(scan_object(&s));
    assert_true(scan_member(&s, &name) && name.length == 1 && *name.text == 'a');
    assert_true(scan_array(&s));
    assert_true(scan_element(&s) && scan_whole(&s, &value) && value == 1);
    assert_true(scan_element(&s));
    scan_skip(&s);
    assert_true(scan_element(&s) && scan_whole(&s, &value) && value == 3);
    assert_false(scan_element(&s));
    assert_true(scan_member(&s, &name) && *name.text == 'b');
    assert_true(scan_object(&s));
    assert_false(scan_member(&s, &name));
    assert_true(scan_member(&s, &name) && *name.text == 'c');
    assert_true(scan_string(&s, &name) && name.length == 1 && *name.text == 't');
    assert_false(scan_member(&s, &name));
    assert_int_equal(scan_end(&s), 0);
    assert_false(scan_member(&s, &name)); /* nothing comes behind the end */
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"plain", "plain"},
        {"\\u0041\\u00e4\\u20ac", "A\xc3\xa4\xe2\x82\xac"},
        {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"},
        {"\\ud83d!", "???"
                     "!"},
        {"\\ude00\\ud83d", "??????"},
        {"\\u0000\\n\\t\\b", "????"},
        {"\\\"\\\\\\/", "\"\\/"},
        {"\\x\\u12", "??12"},
        {"\xff\xc3", "??"},
        {"\\u202e\\u200f\\ufeff", "?????????"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scan_span span = {cases[i].json, strlen(cases[i].json)};
        char out[64];
        assert_int_equal(scan_text(&span, out), strlen(cases[i].want));
        assert_string_equal(out, cases[i].want);
        assert_true(strlen(out) <= span.length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documents),
                                       cmocka_unit_test(test_depth), cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_members_and_elements),
                                       cmocka_unit_test(test_texts)};
    return cmocka_run_group_tests_name("report-scan", tests, NULL, NULL);
}
