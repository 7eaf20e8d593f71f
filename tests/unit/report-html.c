/* SPDX-License-Identifier: Apache-2.0 */
/* The page for browsers: what a pool says of itself is text there, whatever it is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "report/assets.h"
#include "report/html.h"
#include "report_sample.h"

#define EVIL "\"><img src=x onerror=alert(1)><script>alert('2')</script>&amp;"
#define TAMED                                                                                      \
    "&#34;&#62;&#60;img src=x onerror=alert(1)&#62;&#60;script&#62;alert(&#39;2&#39;)&#60;/"       \
    "script&#62;&#38;amp;"

static char *page(struct report *r, bool full)
{
    struct bytes out;
    bytes_init(&out, 8 << 20);
    assert_int_equal(report_html(r, full, NULL, &out), 0);
    char *text = strdup(bytes_string(&out));
    assert_non_null(text);
    assert_int_equal(strlen(text), bytes_held(&out));
    bytes_clear(&out);
    report_free(r);
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t found = 0;
    while ((text = strstr(text, what)) != NULL) {
        found++;
        text += strlen(what);
    }
    return found;
}

/* What the page brings with it is not what is looked at: the table alone. */
static char *between(const char *text, const char *from, const char *to)
{
    const char *start = strstr(text, from);
    assert_non_null(start);
    const char *end = strstr(start, to);
    assert_non_null(end);
    return strndup(start, (size_t)(end - start));
}

static char *body(struct report *r, bool full)
{
    char *text = page(r, full);
    char *inner = between(text, "<main", "<script");
    free(text);
    return inner;
}

static void test_escape(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"plain \xc3\xa9", "plain \xc3\xa9"},
        {"<", "&#60;"},
        {"a&b<c>d\"e'f", "a&#38;b&#60;c&#62;d&#34;e&#39;f"},
        {"&lt;", "&#38;lt;"},
        {"&&", "&#38;&#38;"},
        {EVIL, TAMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes out;
        bytes_init(&out, 4096);
        assert_int_equal(html_escape(&out, cases[i].in), 0);
        assert_string_equal(bytes_string(&out), cases[i].out);
        bytes_clear(&out);
    }
    struct bytes tight;
    bytes_init(&tight, 6);
    assert_int_equal(html_escape(&tight, "ab<"), -ENOBUFS);
    bytes_clear(&tight);
}

static void test_evil_strings_are_text(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct board_snapshot s = sample_honest();
        snprintf(s.card.reason, sizeof s.card.reason, "%s", EVIL);
        snprintf(s.card.listen, sizeof s.card.listen, "%s", EVIL);
        snprintf(s.card.kind, sizeof s.card.kind, "%s", "\"><script>");
        snprintf(s.views[0].request.uri, sizeof s.views[0].request.uri, "%s", EVIL);
        snprintf(s.views[0].request.method, sizeof s.views[0].request.method, "%s", "<script>'\"");
        snprintf(s.views[0].request.script, sizeof s.views[0].request.script, "%s", EVIL);
        snprintf(s.views[0].request.user, sizeof s.views[0].request.user, "%s", "</td><script>");
        char *text = body(sample_report(s, EVIL), full == 1);
        assert_null(strstr(text, "<script"));
        assert_null(strstr(text, "<img"));
        assert_null(strstr(text, "alert('"));
        assert_non_null(strstr(text, "<b>" TAMED "</b>"));
        assert_true(count(text, TAMED) >= (full == 1 ? 5u : 2u));
        free(text);
    }
}

/* No quote of a pool's ends an attribute: the page has as many of its own as without it. */
static void test_attributes_hold(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct board_snapshot evil = sample_honest();
        memset(evil.card.reason, '"', sizeof evil.card.reason);
        memset(evil.views[1].request.uri, '\'', sizeof evil.views[1].request.uri);
        memset(evil.views[1].request.method, '>', sizeof evil.views[1].request.method);
        char *tame = body(sample_report(sample_honest(), "git"), full == 1);
        char *text = body(sample_report(evil, "\"'<>&"), full == 1);
        assert_int_equal(count(text, "\""), count(tame, "\""));
        assert_int_equal(count(text, "'"), count(tame, "'"));
        assert_int_equal(count(text, "<"), count(tame, "<"));
        assert_int_equal(count(text, ">"), count(tame, ">"));
        free(tame);
        free(text);
    }
}

static void test_hostile_board(void **state)
{
    (void)state;
    char *text = body(sample_report(sample_hostile(), "liar"), true);
    for (const char *c = text; *c != '\0'; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
    assert_non_null(strstr(text, "data-state=\"unknown\""));
    assert_non_null(strstr(text, "<h2>liar</h2>"));
    free(text);
}

/* Every element is closed, in order: a table that is torn shows nothing. */
static void check_nesting(const char *text)
{
    static const char *const empty[] = {"meta", "link", "br", NULL};
    char open[64][16];
    size_t depth = 0;
    while ((text = strchr(text, '<')) != NULL) {
        bool closes = *++text == '/';
        text += closes;
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");
        assert_in_range(length, 1, 15);
        char name[16];
        memcpy(name, text, length);
        name[length] = '\0';
        bool leaf = false;
        for (size_t i = 0; empty[i] != NULL; i++)
            leaf |= strcmp(name, empty[i]) == 0;
        if (closes) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (!leaf) {
            assert_true(depth < 64);
            memcpy(open[depth++], name, sizeof name);
        }
    }
    assert_int_equal(depth, 0);
}

static void test_nesting(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct report *r = sample_report(sample_honest(), EVIL);
        struct board_snapshot second = sample_hostile();
        assert_int_equal(report_add(r, "b", &second), 0);
        char *text = body(r, full == 1);
        check_nesting(text);
        free(text);
        text = body(report_new(1, 1), full == 1);
        check_nesting(text);
        assert_non_null(strstr(text, "No pools."));
        free(text);
    }
}

static void test_values(void **state)
{
    (void)state;
    char *text = body(sample_report(sample_honest(), "git"), true);
    assert_non_null(strstr(text, "<b>git</b><br><small>cgi, static</small>"));
    assert_non_null(strstr(text, "<b class=\"state\" data-state=\"failing\">failing</b>"));
    assert_non_null(strstr(text, "exec /usr/bin/x: No such file or directory"));
    assert_non_null(strstr(text, "2 of 3 busy"));
    assert_non_null(strstr(text, "5<br><small>peak 9, limit 511</small>"));
    assert_non_null(strstr(text, ">POST /a?b=&#34;c&#34;</td>"));
    assert_int_equal(count(text, "<td role=\"cell\" data-name=\"Pid\""), 2);
    free(text);
    text = body(sample_report(sample_honest(), "git"), false);
    assert_int_equal(count(text, "data-name=\"Pid\""), 0);
    free(text);
    struct board_snapshot fresh = sample_honest();
    memset(&fresh.views[1].request, 0, sizeof fresh.views[1].request);
    text = body(sample_report(fresh, "git"), true);
    assert_int_equal(count(text, "data-name=\"Request\">" HTML_NONE "</td>"), 1);
    free(text);
}

/* Style and script are in it as they are, and nothing of the page's is looked for elsewhere. */
static void test_document(void **state)
{
    (void)state;
    char *text = page(sample_report(sample_honest(), "git"), false);
    assert_int_equal(strncmp(text, "<!DOCTYPE html>", 15), 0);
    assert_int_equal(count(text, "<style>"), 1);
    assert_int_equal(count(text, "<script type=\"module\">"), 1);
    assert_non_null(strstr(text, "<noscript><meta http-equiv=\"refresh\""));
    assert_int_equal(strlen(assets_style), assets_style_length);
    assert_int_equal(strlen(assets_script), assets_script_length);
    assert_non_null(strstr(text, assets_style));
    assert_non_null(strstr(text, assets_script));
    assert_null(strstr(text, " src="));
    assert_null(strstr(text, "@import"));
    assert_null(strstr(text, "url("));
    assert_null(strstr(assets_script, "innerHTML"));
    free(text);
}

/* Each of the two pages leads to the other one of the same pools, and the one in which things can be
 * opened stays as it is. */
static void test_the_other_page(void **state)
{
    (void)state;
    static const struct {
        bool full;
        const char *pool, *link;
    } pages[] = {
        {false, NULL, "<a href=\"?html&amp;full\">with every worker</a>"},
        {true, "", "<a href=\"?html\">the pools alone</a>"},
        {false, "git", "<a href=\"?html&amp;full&amp;pool=git\">with"},
        {true, "a b\"&>\xff", "<a href=\"?html&amp;pool=a%20b%22%26%3E%FF\">the"},
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct report *r = sample_report(sample_honest(), "git");
        struct bytes out;
        bytes_init(&out, 8 << 20);
        assert_int_equal(report_html(r, pages[i].full, pages[i].pool, &out), 0);
        assert_non_null(strstr(bytes_string(&out), pages[i].link));
        assert_int_equal(strstr(bytes_string(&out), "http-equiv") != NULL, !pages[i].full);
        bytes_clear(&out);
        report_free(r);
    }
}

static void test_headers(void **state)
{
    (void)state;
    const char *text = report_html_headers();
    assert_int_equal(strncmp(text, "Content-Security-Policy: default-src 'none'; ", 45), 0);
    assert_non_null(strstr(text, "script-src 'sha256-"));
    assert_non_null(strstr(text, "style-src 'sha256-"));
    assert_null(strstr(text, "unsafe"));
    assert_null(strchr(text, '@'));
    /* Whole lines, each ended as HTTP ends them, and no empty one. */
    assert_int_equal(count(text, "\n"), count(text, "\r\n"));
    assert_null(strstr(text, "\r\n\r\n"));
    assert_string_equal(text + strlen(text) - 2, "\r\n");
}

static void test_too_large_is_told(void **state)
{
    (void)state;
    for (size_t maximum = 0; maximum < assets_style_length + assets_script_length + 2000;
         maximum += 997) {
        struct report *r = sample_report(sample_honest(), "git");
        struct bytes out;
        bytes_init(&out, maximum);
        assert_int_equal(report_html(r, true, NULL, &out), -ENOBUFS);
        bytes_clear(&out);
        report_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),          cmocka_unit_test(test_evil_strings_are_text),
        cmocka_unit_test(test_attributes_hold), cmocka_unit_test(test_hostile_board),
        cmocka_unit_test(test_nesting),         cmocka_unit_test(test_values),
        cmocka_unit_test(test_document),        cmocka_unit_test(test_the_other_page),
        cmocka_unit_test(test_headers),         cmocka_unit_test(test_too_large_is_told),
    };
    return cmocka_run_group_tests_name("report-html", tests, NULL, NULL);
}
