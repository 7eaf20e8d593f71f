/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The catalogue of CGI output: one row per case, its number first.  Each row runs whole, one byte
 * at a time and cut in two at every place (case G45), and must come out the same.  What a row means
 * for the request when the program dies, or keeps its output open, is judged elsewhere.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/response.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* What is read is what is sent on; a text with '\0' inside is given with its length. */
#define IN(literal) literal, sizeof(literal) - 1
enum { MALFORMED = 10, HEAD = 1 };
#define CT "Content-Type: text/plain\r\n"

static const struct row {
    const char *name;
    const char *input;
    size_t length;
    int end;          /* response_finish(), or MALFORMED */
    const char *want; /* what is put out; for MALFORMED what must stand in the error, or NULL */
    unsigned status;
    unsigned dropped;
    bool head;
    bool authorizer;
} rows[] = {
    {"G01 CRLF", IN(CT "\r\nbody"), 0, CT "\r\nbody", 200},
    {"G02 LF", IN("Content-Type: text/plain\n\nbody"), 0, CT "\r\nbody", 200},
    {"G03 mixed line ends", IN("A: 1\r\nContent-Type: text/plain\nB: 2\n\r\nbody"), 0,
     "A: 1\r\n" CT "B: 2\r\n\r\nbody", 200},
    {"G04 CR as line end", IN("Content-Type: text/plain\r\rbody"), RESPONSE_NO_HEADER, NULL},
    {"G04 CR as line end, LF in the body", IN("Content-Type: text/plain\r\rbody\n"), MALFORMED,
     "control byte"},
    {"G05 text without a header", IN("hello, world\nand more\n"), MALFORMED, NULL},
    {"G06 empty output", IN(""), RESPONSE_EMPTY, NULL},
    {"G07 no blank line", IN(CT "A: b\r\n"), RESPONSE_NO_HEADER, NULL},
    {"G07 no blank line, cut inside a line", IN(CT "A: b"), RESPONSE_NO_HEADER, NULL},
    {"G07 a CR is no blank line", IN(CT "\r"), RESPONSE_NO_HEADER, NULL},
    {"G08 a blank line first", IN("\r\n" CT "\r\nbody"), MALFORMED, "blank line"},
    {"G09 extension fields only", IN("X-A: 1\r\n\r\nbody"), MALFORMED,
     "none of Content-Type, Location and Status"},
    {"G10 Status without Content-Type", IN("Status: 201 Created\nX-A: 1\n\n"), 0,
     "Status: 201 Created\r\nX-A: 1\r\n\r\n", 201},
    {"G11 Status", IN(CT "Status: 404 Not Found\r\n\r\nbody"), 0,
     "Status: 404 Not Found\r\n" CT "\r\nbody", 404},
    {"G11 the program's own reason", IN("Status: 404   Lost  it \n\n"), 0,
     "Status: 404 Lost  it\r\n\r\n", 404},
    {"G12 Status without a reason", IN("Status: 404\n\n"), 0, "Status: 404 Not Found\r\n\r\n", 404},
    {"G12 and without a known one", IN("Status: 477 \n\n"), 0, "Status: 477 Unknown\r\n\r\n", 477},
    {"G13 Status abc", IN("Status: abc\n\n"), MALFORMED, "final HTTP status"},
    {"G13 Status 20", IN("Status: 20\n\n"), MALFORMED, "final HTTP status"},
    {"G13 Status 2000", IN("Status: 2000\n\n"), MALFORMED, "final HTTP status"},
    {"G13 Status -200", IN("Status: -200\n\n"), MALFORMED, "final HTTP status"},
    {"G13 Status empty", IN("Status:\n\n"), MALFORMED, "final HTTP status"},
    {"G13 Status 200OK", IN("Status: 200OK\n\n"), MALFORMED, "final HTTP status"},
    {"G14 Status 999", IN("Status: 999 X\n\n"), MALFORMED, "200 to 599"},
    {"G14 Status 600", IN("Status: 600 X\n\n"), MALFORMED, "200 to 599"},
    {"G14 Status 599", IN("Status: 599 X\n\n"), 0, "Status: 599 X\r\n\r\n", 599},
    {"G15 Status 100", IN("Status: 100 Continue\n\n"), MALFORMED, "final"},
    {"G15 Status 101", IN("Status: 101 Switching Protocols\n\n"), MALFORMED, "final"},
    {"G15 Status 103", IN("Status: 103 Early Hints\n\n"), MALFORMED, "final"},
    {"G16 CR in the reason", IN("Status: 200 OK\rX: y\n\n"), MALFORMED, "control byte"},
    {"G17 Status twice", IN("Status: 200 OK\nStatus: 404 No\n\n"), MALFORMED, "Status twice"},
    {"G17 Status twice, equal", IN("Status: 200 OK\nstatus: 200 OK\n\n"), MALFORMED,
     "Status twice"},
    {"G18 Content-Type twice", IN(CT CT "\r\n"), MALFORMED, "Content-Type twice"},
    {"G19 Location twice", IN("Location: /a\nLOCATION: /b\n\n"), MALFORMED, "Location twice"},
    {"G20 204 with a body", IN("Status: 204 No Content\nContent-Length: 4\nX-A: b\n\nbody"), 0,
     "Status: 204 No Content\r\nX-A: b\r\n\r\n", 204, 4},
    {"G21 304 with a body", IN("Status: 304 Not Modified\nContent-Length: 4\n\nbody"), 0,
     "Status: 304 Not Modified\r\nContent-Length: 4\r\n\r\n", 304, 4},
    {"G22 HEAD", IN(CT "Content-Length: 9\n\nbody"), 0, CT "Content-Length: 9\r\n\r\n", 200, 4,
     HEAD},
    {"G23 Location with a host", IN("Location: http://e.com/\n\n"), 0,
     "Status: 302 Found\r\nLocation: http://e.com/\r\n\r\n", 302},
    {"G24 Location with a path", IN("Location: /path?q\n\n"), 0,
     "Status: 302 Found\r\nLocation: /path?q\r\n\r\n", 302},
    {"G25 Location with a path and more", IN("Location: /p\nX-A: 1\n" CT "\nbody"), 0,
     "Status: 302 Found\r\nLocation: /p\r\nX-A: 1\r\n" CT "\r\nbody", 302},
    {"G26 301 with a document", IN("Status: 301 Moved\nLocation: http://e/\n" CT "\nbody"), 0,
     "Status: 301 Moved\r\nLocation: http://e/\r\n" CT "\r\nbody", 301},
    {"G27 Location with Status 201", IN("Location: /new\nStatus: 201 Created\n\n"), 0,
     "Status: 201 Created\r\nLocation: /new\r\n\r\n", 201},
    {"G28 Location empty", IN("Location:\n\n"), MALFORMED, "Location"},
    {"G28 Location with a space", IN("Location: /a b\n\n"), MALFORMED, "Location"},
    {"G28 Location with a CR", IN("Location: /a\rX: y\n\n"), MALFORMED, "control byte"},
    {"G28 Location relative", IN("Location: other.html\n\n"), 0,
     "Status: 302 Found\r\nLocation: other.html\r\n\r\n", 302},
    {"G29 more body than Content-Length", IN(CT "Content-Length: 2\n\nbody"), 0,
     CT "Content-Length: 2\r\n\r\nbo", 200, 2},
    {"G29 a body where Content-Length is 0", IN(CT "Content-Length: 0\n\nbody"), 0,
     CT "Content-Length: 0\r\n\r\n", 200, 4},
    {"G30 less body than Content-Length", IN(CT "Content-Length: 20\n\nbody"), RESPONSE_TRUNCATED,
     CT "Content-Length: 20\r\n\r\nbody", 200},
    {"G31 Content-Length twice, equal", IN("Content-Length: 4\n" CT "content-length: 04\n\nbody"),
     0, "Content-Length: 4\r\n" CT "\r\nbody", 200},
    {"G31 Content-Length twice, different",
     IN("Content-Length: 4\nContent-Length: 5\n" CT "\nbody"), MALFORMED, "two different"},
    {"G31 Content-Length 4, 4", IN("Content-Length: 4, 4\n" CT "\nbody"), MALFORMED,
     "not a number"},
    {"G31 Content-Length +4", IN("Content-Length: +4\n" CT "\nbody"), MALFORMED, "not a number"},
    {"G31 Content-Length 0x4", IN("Content-Length: 0x4\n" CT "\nbody"), MALFORMED, "not a number"},
    {"G31 Content-Length empty", IN("Content-Length:\n" CT "\nbody"), MALFORMED, "not a number"},
    {"G31 Content-Length too large", IN("Content-Length: 18446744073709551620\n" CT "\nbody"),
     MALFORMED, "not a number"},
    {"G32 Transfer-Encoding", IN(CT "Transfer-Encoding: chunked\n\n4\r\nbody\r\n0\r\n\r\n"), 0,
     CT "\r\n4\r\nbody\r\n0\r\n\r\n", 200},
    {"G33 hop-by-hop fields",
     IN(CT "Connection: close\nKeep-Alive: x\nProxy-Connection: x\nUPGRADE: h2\nTE: x\ntrailer: x\n"
           "X-A: 1\n\nbody"),
     0, CT "X-A: 1\r\n\r\nbody", 200},
    {"G34 a continuation line", IN(CT "X-A: 1\n 2\n\n"), MALFORMED, "continuation"},
    {"G34 a continuation line with a tab", IN(CT "X-A: 1\n\t2\n\n"), MALFORMED, "continuation"},
    {"G35 NUL in a value", IN(CT "X-A: a\0b\n\n"), MALFORMED, "control byte"},
    {"G36 CR in a value", IN(CT "X-A: a\rX-B: injected\n\n"), MALFORMED, "control byte"},
    {"G36 ESC and DEL in a value", IN(CT "X-A: a\x1b\x7f\n\n"), MALFORMED, "\\x1b"},
    {"G36 a tab in a value", IN(CT "X-A: \ta\tb\t \n\n"), 0, CT "X-A: a\tb\r\n\r\n", 200},
    {"G37 a blank before the colon", IN(CT "X-A : 1\n\n"), MALFORMED, "blank in the name"},
    {"G38 a blank in the name", IN(CT "X A: 1\n\n"), MALFORMED, "blank in the name"},
    {"G38 a byte above 127 in the name", IN(CT "X\xe4: 1\n\n"), MALFORMED, "name"},
    {"G39 a blank before the first field", IN(" " CT "\r\n"), MALFORMED, "begins with a blank"},
    {"G40 an empty name", IN(CT ": v\n\n"), MALFORMED, "without a name"},
    {"G41 a line without a colon", IN(CT "hello\n\n"), MALFORMED, "without a colon"},
    {"G47 an HTTP status line", IN("HTTP/1.1 202 Accepted\r\n" CT "\r\nbody"), MALFORMED, "nph"},
    {"G49 internal redirects are passed", IN(CT "X-Accel-Redirect: /i\nX-Sendfile: /f\n\n"), 0,
     CT "X-Accel-Redirect: /i\r\nX-Sendfile: /f\r\n\r\n", 200},
    {"G50 X-CGI-* is passed", IN(CT "X-CGI-A: 1\n\n"), 0, CT "X-CGI-A: 1\r\n\r\n", 200},
    {"G51 Set-Cookie, in order", IN(CT "Set-Cookie: a=1\nSet-Cookie: b=2\nSet-Cookie: a=1\n\n"), 0,
     CT "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: a=1\r\n\r\n", 200},
    {"G52 bytes above 127 in a value", IN(CT "X-A: \xe4\xff\n\n"), 0, CT "X-A: \xe4\xff\r\n\r\n",
     200},
    {"G57 an empty value", IN(CT "X-A:\n\n"), 0, CT "X-A: \r\n\r\n", 200},
    {"G58 no body", IN(CT "\r\n"), 0, CT "\r\n", 200},
    {"G58 a body of line ends", IN(CT "\r\n\r\n\n"), 0, CT "\r\n\r\n\n", 200},
    {"G62 FastCGI records", IN("\x01\x06\x00\x01\x00\x1a\x06\x00" CT "\r\n"), MALFORMED,
     "native FastCGI program"},
    {"G62 the first bytes of one", IN("\x01\x06"), MALFORMED, "native FastCGI program"},
    {"G62 half of that", IN("\x01"), RESPONSE_NO_HEADER, NULL},
    {"an authorizer that grants", IN("Status: 200 OK\nVariable-USER: joe\n\n"), 0,
     "Status: 200 OK\r\nVariable-USER: joe\r\n\r\n", 200, 0, 0, true},
    {"an authorizer that does not say so", IN("Variable-USER: joe\n\n"), MALFORMED, NULL, 0, 0, 0,
     true},
};

/* Feed in pieces: cut at `split`, or `step` bytes each; the first outcome that is not OK. */
static int run(const struct row *row, const struct response_rules *rules, size_t split, size_t step,
               struct bytes *out, struct response **ret, struct error *err)
{
    struct response *r = response_new(rules);
    int e = RESPONSE_OK;

    bytes_init(out, rules->header_limit + row->length);
    for (size_t at = 0; at < row->length && e == RESPONSE_OK;) {
        size_t stop = step == 0 || row->length - at < step ? row->length : at + step;

        if (split > at && split < stop)
            stop = split;
        uint8_t *piece = malloc(stop - at);

        memcpy(piece, row->input + at, stop - at);
        e = response_feed(r, piece, stop - at, out, err);
        free(piece);
        at = stop;
    }
    *ret = r;
    return e;
}

static void check(const struct row *row, size_t split, size_t step)
{
    struct response_rules rules = response_default_rules;
    struct response *r;
    struct bytes out;
    struct error err = ERROR_NONE;

    rules.head = row->head;
    rules.authorizer = row->authorizer;
    int e = run(row, &rules, split, step, &out, &r, &err);
    const char *want = row->end == MALFORMED || row->want == NULL ? "" : row->want;
    bool good = strcmp(bytes_string(&out), want) == 0;

    if (row->end == MALFORMED) {
        good = good && e == RESPONSE_MALFORMED && err.text[0] != '\0' &&
               (row->want == NULL || strstr(err.text, row->want) != NULL) &&
               !response_header_sent(r) && response_status(r) == 0 &&
               response_finish(r) == RESPONSE_NO_HEADER &&
               response_feed(r, CT "\r\n", sizeof(CT "\r\n") - 1, &out, NULL) == RESPONSE_MALFORMED;
    } else {
        good = good && e == RESPONSE_OK && response_finish(r) == row->end &&
               response_status(r) == row->status && response_dropped(r) == row->dropped &&
               response_header_sent(r) == (row->status != 0);
    }
    if (!good) {
        print_error("%s (split %zu, step %zu): outcome %d, finish %d, status %u, \"%s\", %s\n",
                    row->name, split, step, e, response_finish(r), response_status(r),
                    bytes_string(&out), err.text);
        fail();
    }
    response_free(r);
    bytes_clear(&out);
}

static void test_row(void **state)
{
    const struct row *row = *state;

    check(row, 0, 0);
    check(row, 0, 1);
    for (size_t split = 1; split < row->length; split++)
        check(row, split, 0);
}

/* ---- limits, at their edges, for each way of cutting ------------------------------------ */

static void limit(const char *input, size_t length, const struct response_rules *rules, int want)
{
    const struct row row = {.input = input, .length = length};

    for (size_t step = 0; step < 3; step++) {
        struct response *r;
        struct bytes out;
        struct error err = ERROR_NONE;

        assert_int_equal(run(&row, rules, 0, step, &out, &r, &err), want);
        assert_int_equal(response_header_sent(r), want == RESPONSE_OK);
        response_free(r);
        bytes_clear(&out);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct response_rules rules = {.header_limit = 100, .line_limit = 30, .lines_limit = 3};

    limit(IN(CT "X-A: 67890123456789012345678901\n\n"), &rules, RESPONSE_MALFORMED);
    limit(IN(CT "X-A: 6789012345678901234567890\n\n"), &rules, RESPONSE_OK);
    limit(IN(CT "X-A: 6789012345678901234567890\r\n\r\n"), &rules, RESPONSE_OK);
    limit(IN(CT "X-A: 67890123456789012345678901\r\n\r\n"), &rules, RESPONSE_MALFORMED);
    limit(IN(CT "X-A: 678901234567890123456789012345"), &rules,
          RESPONSE_MALFORMED); /* no line end */
    limit(IN(CT "A: 1\nB: 2\n\n"), &rules, RESPONSE_OK);
    limit(IN(CT "A: 1\nB: 2\nC: 3\n\n"), &rules, RESPONSE_MALFORMED);
    /* 26 + 24 * 3 + 2 = 100 bytes, and one more */
    rules.lines_limit = 10;
    limit(
        IN(CT "A: 9012345678901234567\r\nB: 9012345678901234567\r\nC: 9012345678901234567\r\n\r\n"),
        &rules, RESPONSE_OK);
    limit(IN(CT
             "A: 9012345678901234567\r\nB: 9012345678901234567\r\nC: 90123456789012345678\r\n\r\n"),
          &rules, RESPONSE_MALFORMED);
    /* not when read but when written: a status line and the CRs are added; 100 bytes and one more */
    limit(IN("Location: /\nA: 9012345678901234567\nB: 9012345678901234567\nC: 9012345678901\n\n"),
          &rules, RESPONSE_OK);
    limit(IN("Location: /\nA: 9012345678901234567\nB: 9012345678901234567\nC: 90123456789012\n\n"),
          &rules, RESPONSE_MALFORMED);
}

/* G42, G43, G46: the default limits. */
static void test_default_limits(void **state)
{
    (void)state;
    struct bytes b;

    bytes_init(&b, 1u << 20);
    bytes_printf(&b, CT "X-A: %0*d\r\n\r\n", 15000, 1);
    limit((const char *)bytes_front(&b), bytes_held(&b), &response_default_rules, RESPONSE_OK);
    bytes_clear(&b);
    bytes_printf(&b, CT "X-A: %0*d\r\n\r\n", 20000, 1);
    limit((const char *)bytes_front(&b), bytes_held(&b), &response_default_rules,
          RESPONSE_MALFORMED);
    bytes_clear(&b);
    bytes_printf(&b, CT);
    for (unsigned i = 0; i < 199; i++)
        bytes_printf(&b, "X-%u: %u\n", i, i);
    bytes_printf(&b, "\n");
    limit((const char *)bytes_front(&b), bytes_held(&b), &response_default_rules, RESPONSE_OK);
    bytes_clear(&b);
    bytes_printf(&b, CT);
    for (unsigned i = 0; i < 2000; i++)
        bytes_printf(&b, "X-%u: %u\n", i, i);
    bytes_printf(&b, "\n");
    limit((const char *)bytes_front(&b), bytes_held(&b), &response_default_rules,
          RESPONSE_MALFORMED);
    bytes_clear(&b);
    bytes_printf(&b, CT);
    for (unsigned i = 0; i < 5; i++)
        bytes_printf(&b, "X-%u: %0*d\r\n", i, 14000, 1);
    bytes_printf(&b, "\r\n");
    limit((const char *)bytes_front(&b), bytes_held(&b), &response_default_rules,
          RESPONSE_MALFORMED);
    bytes_clear(&b);
}

/* G59: counters of 64 bits; 5 GiB of body in pieces of 1 MiB that go nowhere. */
static void test_large_body(void **state)
{
    (void)state;
    static const char header[] = CT "Content-Length: 5368709120\r\n\r\n";
    struct response *r = response_new(&response_default_rules);
    uint8_t *piece = calloc(1, 1u << 20);
    struct bytes out;

    bytes_init(&out, (1u << 20) + 200);
    assert_int_equal(response_feed(r, header, sizeof header - 1, &out, NULL), RESPONSE_OK);
    bytes_consume(&out, bytes_held(&out));
    for (unsigned i = 0; i < 5120; i++) {
        assert_false(response_body_full(r));
        assert_int_equal(response_finish(r), RESPONSE_TRUNCATED);
        assert_int_equal(response_feed(r, piece, 1u << 20, &out, NULL), RESPONSE_OK);
        assert_int_equal(bytes_held(&out), 1u << 20);
        bytes_consume(&out, bytes_held(&out));
    }
    assert_true(response_body_full(r));
    assert_int_equal(response_finish(r), RESPONSE_COMPLETE);
    assert_int_equal(response_feed(r, piece, 1, &out, NULL), RESPONSE_OK);
    assert_int_equal(response_dropped(r), 1);
    response_free(r);
    bytes_clear(&out);
    free(piece);
}

static void test_body_full(void **state)
{
    (void)state;
    struct response_rules rules = response_default_rules;
    struct response *r = response_new(&rules);
    struct bytes out;

    bytes_init(&out, 1u << 17);
    assert_false(response_body_full(r));
    response_feed(r, IN(CT "\r\nx"), &out, NULL);
    assert_false(response_body_full(r));
    response_free(r);
    rules.head = true;
    r = response_new(&rules);
    response_feed(r, IN(CT "\r\n"), &out, NULL);
    assert_true(response_body_full(r));
    response_free(r);
    assert_null(response_free(NULL));
    bytes_clear(&out);
}

/* Our own answers pass our own rules unchanged. */
static void test_error(void **state)
{
    (void)state;
    static const unsigned codes[] = {400, 403, 404, 411, 413, 431, 500, 502, 503, 504, 599};
    struct bytes b, again;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct response *r = response_new(&response_default_rules);

        bytes_init(&b, 4096);
        bytes_init(&again, 1u << 17);
        assert_int_equal(response_error(&b, codes[i], "Retry-After: 1\r\n", i % 2), 0);
        assert_int_equal(response_feed(r, bytes_front(&b), bytes_held(&b), &again, NULL), 0);
        assert_string_equal(bytes_string(&b), bytes_string(&again));
        assert_int_equal(response_status(r), codes[i]);
        assert_int_equal(response_finish(r), RESPONSE_COMPLETE);
        response_free(r);
        bytes_clear(&b);
        bytes_clear(&again);
    }
    bytes_init(&b, 4096);
    response_error(&b, 502, NULL, false);
    assert_string_equal(bytes_string(&b), "Status: 502 Bad Gateway\r\nContent-Type: text/plain; "
                                          "charset=utf-8\r\n\r\n502 Bad Gateway\n");
    size_t whole = bytes_held(&b);

    bytes_clear(&b);
    bytes_init(&b, whole - 1);
    assert_int_equal(response_error(&b, 502, NULL, false), -ENOBUFS);
    assert_int_equal(bytes_held(&b), 0);
    bytes_clear(&b);
    assert_string_equal(response_reason(504), "Gateway Timeout");
    assert_string_equal(response_reason(1), "Unknown");
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_large_body), cmocka_unit_test(test_body_full),
        cmocka_unit_test(test_error),
    };
    static struct CMUnitTest tests[ROWS + sizeof more / sizeof more[0]];

    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = test_row,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    memcpy(tests + ROWS, more, sizeof more);
    tests[ROWS + 1].name = "G42 G43 G46 the default limits";
    tests[ROWS + 2].name = "G59 a body of 5 GiB";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
