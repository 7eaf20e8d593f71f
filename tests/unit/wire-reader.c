/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The catalogue of bad (and odd but legal) FastCGI streams, as far as it is pure protocol: one row
 * per case, its number first.  Each row runs whole, one byte at a time, and cut in two at every
 * place, with paddings of 0, 1, 7, 8 and 255; what is heard must always be the same.  Deadlines,
 * CONTENT_LENGTH and what becomes of a program are judged elsewhere.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "wire_stream.h"

/* Rows leave out what they do not need. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct reader_limits small = {
    .params = {.total = 64, .name = 16, .value = 32, .count = 4},
    .params_pending = 1024,
    .requests = 2,
    .idle_records = 4,
    .values_content = 64,
    .params_records = 5,
};

static const struct row {
    const char *name;
    const char *stream;
    const char *want;
    const struct reader_limits *limits;
    const char *error; /* must stand in the error's text */
} rows[] = {
    {"D01 nothing at all", "", " idle"},
    {"D02 a header cut short", "!01010001000800", ""},
    {"D03 one byte", "!01", ""},
    {"D05 two requests pipelined, same id", "B1f1 P1:A=b P1. S1. E1 B1f1 P1:C=d P1. S1. E1",
     " began1r1f1 request1{A=b} over1 began1r1f1 request1{C=d} over1 idle"},
    {"D05 two requests pipelined, both running", "B1f1 P1:A=b P1. S1. B2f1 P2:C=d P2. S2. E1 E2",
     " began1r1f1 request1{A=b} over1 began2r1f1 request2{C=d} over2 idle"},
    {"D06 version 0", "!0001000100080000 !0001000000000000", " error", NULL, "version"},
    {"D07 version 2", "!0201000100080000 !0001000000000000", " error", NULL,
     "byte 0 of the connection (header 02 01 00 01 00 08 00 00)"},
    {"D08 version 255 in a running request", "B1 P1:A=b P1. S1:x !ff05000100000000",
     " began1 request1{A=b} body1:x error", NULL, "version"},
    {"D09 reserved bytes 0xff", "B1 P1:A=b P1. S1. E1", " began1 request1{A=b} over1 idle"},
    {"D10 HTTP", "!\"GET / HTTP/1.1\r\n~", " error", NULL, "HTTP (or TLS) on a FastCGI socket?"},
    {"D10 HTTP with a long method", "!\"PROPFIND / HTTP/1.1\r\n~", " error", NULL, "HTTP (or TLS)"},
    {"D10 TLS", "!1603010200010001 !fc0303", " error", NULL, "HTTP (or TLS) on a FastCGI socket?"},
    {"D11 BEGIN with padding", "B1 P1:A=b P1. S1:x S1. E1",
     " began1 request1{A=b} body1:x over1 idle"},
    {"D12 empty records with padding end streams", "B1 P1:A=b P1. S1. E1",
     " began1 request1{A=b} over1 idle"},
    {"D13 65535 bytes of content and padding", "B1 P1*65535 P1. S1*65535 S1. E1",
     " began1 request1{N=<65529>} body1:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx<65535> over1 "
     "idle"},
    {"D14 padding that looks like records", "B1 P1:A=b P1. S1:x S1. E1 B1",
     " began1 request1{A=b} body1:x over1 began1"},
    {"D15 a record cut short in PARAMS", "B1 h4,1,65535 !*10", " began1"},
    {"D16 idle records up to the limit", "S7. S7. S7. S7.", " idle", &small},
    {"D16 one idle record too many", "S7. S7. S7. S7. S7.", " error", &small, "no progress"},
    {"D16 progress starts the count again", "S7. S7. S7. B1 S7. S7. S7. P1:A=b S7. S7. S7. S7.",
     " began1", &small},
    {"D17 records of every small length",
     "B1 P1:A= P1:A=b P1:A=bc P1:A=bcd P1:A=bcde P1. S1:1 S1:22 S1:333 S1:4444 S1:7777777 S1. E1",
     " began1 request1{A,A=b,A=bc,A=bcd,A=bcde} body1:12233344447777777 over1 idle"},
    {"D18 BEGIN with id 0", "B0", " error", NULL, "request id 0"},
    {"D19 id 65535", "B65535 P65535:A=b P65535. S65535. E65535",
     " began65535 request65535{A=b} over65535 idle"},
    {"D20 records of an inactive id", "P7:A=b P7. S7:x S7. A7 D7:x D7.", " idle"},
    {"D21 PARAMS of another id", "B1 P2:A=b P2.", " began1"},
    {"D22 two requests at once", "B1 P1:A=b P1. B2 P2:C=d P2. S1:one S2:two S1. S2. E2 E1",
     " began1 request1{A=b} began2 request2{C=d} body1:one body2:two over1 over2 idle"},
    {"D22 one request more than may run at once", "B1 P1. B2 B3 P3:A=b P3. S1:x",
     " began1 request1{} began2 refused3/1/0 body1:x", &small},
    {"D23 BEGIN twice for an active id", "B1 P1. B1", " began1 request1{} error", NULL,
     "id that is active"},
    {"D23 BEGIN twice inside PARAMS", "B1 P1:A=b B1", " began1 error", NULL, "id that is active"},
    {"D23 BEGIN for an id whose body is over", "B1 P1. S1. B1", " began1 request1{} over1 error"},
    {"D24 BEGIN inside the PARAMS of another", "B1 P1:A=b B2 P2:C=d P1:E=f P1. P2.",
     " began1 began2 request1{A=b,E=f} request2{C=d}"},
    {"D27 STDIN of an inactive id inside a body", "B1 P1. S1:a S2:b S1:c S1. E1",
     " began1 request1{} body1:ac over1 idle"},
    {"D28 ABORT of an inactive id", "B1 P1. A2 S1. E1", " began1 request1{} over1 idle"},
    {"D29 ids change between PARAMS records", "B1 P1:A=b P9:X=y P1:C=d P9. P1.",
     " began1 request1{A=b,C=d}"},
    {"D30 role 0", "B1r0 P1:A=b P1. S1. B1", " refused1/3/0 began1"},
    {"D30 role 4", "B1r4", " refused1/3/0 idle"},
    {"D30 role 9", "B1r9", " refused1/3/0 idle"},
    {"D30 role 65535", "B1r65535", " refused1/3/0 idle"},
    {"D31 Authorizer", "B1r2 P1:A=b P1. S1. E1", " began1r2f0 request1{A=b} over1 idle"},
    {"D32 Filter", "B1r3 P1:A=b P1. S1. D1:x D1.", " refused1/3/0 idle"},
    {"D33 BEGIN with 7 bytes", "T1,1*7", " error", NULL, "not 8 bytes"},
    {"D33 BEGIN with no bytes", "T1,1.", " error", NULL, "not 8 bytes"},
    {"D34 BEGIN with 16 bytes", "T1,1*16", " error", NULL, "not 8 bytes"},
    {"D35 unknown flags", "B1f254", " began1r1f254"},
    {"D36 unknown flags and KEEP_CONN", "B1f255", " began1r1f255"},
    {"D37 reserved bytes of BEGIN", "!0101000100080000 !000101aabbccddee", " began1r1f1"},
    {"D38 BEGIN while the body drains", "B1 P1. S1:x E1 S1:y B1",
     " began1 request1{} body1:x error", NULL, "body has not ended"},
    {"D38 a BEGIN inside the content of a drained body",
     "B1 P1. h5,1,16 E1 !0101000100080000 !0001000000000000 S1. B1",
     " began1 request1{} drained1 began1"},
    {"D38 BEGIN for another id while one drains", "B1 P1. E1 B2 P2:A=b P2. S1:x S1. S2. E2",
     " began1 request1{} began2 request2{A=b} drained1 over2 idle"},
    {"D40 pairs in records of one byte", "B1 p1:NAME=value,X=yz,E=,=v P1.",
     " began1 request1{NAME=value,X=yz,E,=v}"},
    {"D40 a long length in records of one byte", "B1 p1*300 P1.", " began1 request1{N=<294>}"},
    {"D41 no parameters", "B1 P1. S1. E1", " began1 request1{} over1 idle"},
    {"D42 no empty PARAMS record", "B1 P1:A=b", " began1"},
    {"D43 STDIN before the empty PARAMS record", "B1 P1:A=b S1:x", " began1 error", NULL, "STDIN"},
    {"D43 empty STDIN before the empty PARAMS record", "B1 P1:A=b S1.", " began1 error"},
    {"D44 an unknown type inside PARAMS", "B1 P1:A=b T77,1:zz P1:C=d P1.",
     " began1 request1{A=b,C=d}"},
    {"D45 GET_VALUES inside PARAMS", "B1 P1#0101 G0:FCGI_MAX_CONNS P1#4162 P1.",
     " began1 values{FCGI_MAX_CONNS} request1{A=b}"},
    {"D46 the empty PARAMS record twice", "B1 P1:A=b P1. P1.", " began1 request1{A=b} error", NULL,
     "PARAMS after the end"},
    {"D46 the empty PARAMS record again while draining", "B1 P1. E1 P1.",
     " began1 request1{} error"},
    {"D47 PARAMS after the empty PARAMS record", "B1 P1:A=b P1. P1:C=d",
     " began1 request1{A=b} error", NULL, "PARAMS after the end"},
    {"D49 long lengths for short texts", "B1 P1#80000001800000014162 P1.", " began1 request1{A=b}"},
    {"D50 both lengths at their largest", "B1 P1#ffffffffffffffff", " began1"},
    {"D50 both lengths at their largest, then the end", "B1 P1#ffffffffffffffff P1.",
     " began1 error", NULL, "inside a name-value pair"},
    {"D51 a name of 2 GiB that never comes", "B1 P1#ffffffff00 P1.", " began1 error", NULL,
     "inside a name-value pair"},
    {"D52 cut after the first length", "B1 P1#05 P1.", " began1 error", NULL, "inside a name"},
    {"D52 cut inside a long length", "B1 P1#800000 P1.", " began1 error"},
    {"D52 cut after both lengths", "B1 P1#0505 P1.", " began1 error"},
    {"D52 cut inside the name", "B1 P1#05054142 P1.", " began1 error"},
    {"D52 cut inside the value", "B1 P1:A=b P1#0105414243 P1.", " began1 error"},
    {"D53 one byte less than announced", "B1 P1#01054162636465 P1.", " began1 error"},
    {"D54 a value past its limit", "B1 P1:A=b P1*36 P1:C=d P1. S1:x S1. E1",
     " began1 large1 body1:x over1 idle", &small},
    {"D54 a value at its limit", "B1 P1*35 P1.",
     " began1 request1{N=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}", &small},
    {"D54 a name past its limit", "B1 P1:AAAABBBBCCCCDDDDE=1 P1.", " began1 large1", &small},
    {"D54 all together past the limit", "B1 P1*35 P1*34 P1. E1 S1. B1",
     " began1 large1 drained1 began1", &small},
    {"D54 a large stream that is cut short", "B1 P1*36 P1#05 P1.", " began1 error", &small},
    {"D55 too many pairs", "B1 P1#00000000000000000000 P1.", " began1 large1", &small},
    {"D55 as many pairs as may be", "B1 P1#0000000000000000 P1.", " began1 request1{,,,}", &small},
    {"D55 too many PARAMS records", "B1 p1:A=bc P1:B= P1.", " began1 error", &small, "too many"},
    {"D55 as many PARAMS records as may be", "B1 p1:A=bc P1.", " began1 request1{A=bc}", &small},
    {"D56-D66 odd names are handed on", "B1 P1:=v,A=,A=b=c,(){_:;}=x,path_info=1 P1.",
     " began1 request1{=v,A,A=b=c,(){_:;}=x,path_info=1}"},
    {"D72 no STDIN record at all", "B1 P1:A=b P1.", " began1 request1{A=b}"},
    {"D73 a body and its end", "B1 P1:CONTENT_LENGTH=5 P1. S1:hello S1. E1",
     " began1 request1{CONTENT_LENGTH=5} body1:hello over1 idle"},
    {"D74 a body shorter than CONTENT_LENGTH", "B1 P1:CONTENT_LENGTH=9 P1. S1:hello S1.",
     " began1 request1{CONTENT_LENGTH=9} body1:hello over1"},
    {"D76 a body without CONTENT_LENGTH", "B1 P1:A=b P1. S1:hel S1:lo S1. E1",
     " began1 request1{A=b} body1:hello over1 idle"},
    {"D77 STDIN after the empty STDIN", "B1 P1. S1. S1:x", " began1 request1{} over1 error", NULL,
     "STDIN after the end"},
    {"D77 the empty STDIN twice", "B1 P1. S1. S1. E1", " began1 request1{} over1 idle"},
    {"D77 STDIN after the end of the request", "B1 P1. S1. E1 S1:x S1. B1",
     " began1 request1{} over1 began1"},
    {"D78 the rest of a body is swallowed", "B1 P1. S1:a E1 S1:b S1:c S1. B1",
     " began1 request1{} body1:a drained1 began1"},
    {"D78 ended in the middle of a record", "B1 P1. h5,1,10 !\"abcd~ E1 !\"efghij~ S1. B1",
     " began1 request1{} body1:abcd drained1 began1"},
    {"D78 a long rest is no idleness", "B1 P1. E1 s1*20 S1.", " began1 request1{} drained1 idle",
     &small},
    {"D79 a body that is made of records",
     "B1f1 P1:A=b P1. S1#010100020008000000010000000000000104000200050000 S1. E1",
     " began1r1f1 request1{A=b} body1:........................ over1 idle"},
    {"D79 an unread body that is made of records",
     "B1f1 P1:A=b P1. E1 S1#010100020008000000010000000000000104000200050000 S1. B2",
     " began1r1f1 request1{A=b} drained1 began2"},
    {"D80 a body in records of one byte", "B1 P1. s1*1000 S1. E1",
     " began1 request1{} body1:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx<1000> over1 idle"},
    {"D83 DATA for a Responder", "B1 D1:x P1:A=b D1:y P1. D1:z D1. S1. E1",
     " began1 request1{A=b} over1 idle"},
    {"D84 ABORT in PARAMS", "B1 P1:A=b A1 P1. B1 P1:C=d P1.",
     " began1 refused1/0/1 began1 request1{C=d}"},
    {"D85 ABORT while running", "B1 P1. A1 S1:x S1. E1",
     " began1 request1{} abort1 body1:x over1 idle"},
    {"D85 ABORT after the body", "B1 P1. S1. A1 E1", " began1 request1{} over1 abort1 idle"},
    {"D85 ABORT, then the rest is drained", "B1 P1. A1 A1 E1 S1:x S1.",
     " began1 request1{} abort1 drained1 idle"},
    {"D86 ABORT with content", "B1 P1. T2,1*8 S1. E1", " began1 request1{} abort1 over1 idle"},
    {"D87 ABORT after the end", "B1 P1. S1. E1 A1 B1", " began1 request1{} over1 began1"},
    {"D87 ABORT while draining", "B1 P1. E1 A1 S1.", " began1 request1{} drained1 idle"},
    {"D90 the stream stops inside the body", "B1 P1. h5,1,10 !*4", " began1 request1{} body1:xxxx"},
    {"D91 END_REQUEST from the web server", "B1 P1:A=b T3,1*8", " began1 error", NULL,
     "only applications send"},
    {"D91 STDOUT from the web server", "B1 P1:A=b O1:x", " began1 error"},
    {"D91 STDERR from the web server", "B1 P1. X1.", " began1 request1{} error"},
    {"D91 STDOUT for an inactive id", "O7:x", " error"},
    {"D91 STDOUT with id 0", "O0:x", " error"},
    {"D92 answers from the web server", "T10,0:x T11,0*8", " idle"},
    {"D93 GET_VALUES alone", "G0:FCGI_MAX_CONNS,FCGI_MAX_REQS,FCGI_MPXS_CONNS",
     " values{FCGI_MAX_CONNS,FCGI_MAX_REQS,FCGI_MPXS_CONNS} idle"},
    {"D94 GET_VALUES with an unknown name", "G0:FCGI_FOO G0.", " values{FCGI_FOO} values{} idle"},
    {"D95 GET_VALUES with values, duplicates, long lengths",
     "G0:FCGI_MAX_CONNS=7,FCGI_MAX_CONNS T9,0#80000001800000014162",
     " values{FCGI_MAX_CONNS=7,FCGI_MAX_CONNS} values{A=b} idle"},
    {"D96 GET_VALUES cut inside a pair", "T9,0#0500414243", " error", NULL, "GET_VALUES ends"},
    {"D97 GET_VALUES too long", "G0*65", " error", &small, "too long"},
    {"D97 GET_VALUES with too many names", "T9,0#00000000000000000000", " error", &small},
    {"D98 GET_VALUES with an inactive id", "G7:A", " idle"},
    {"D98 GET_VALUES with an active id", "B1 G1:A", " began1 error", NULL, "id of a request"},
    {"D99 unknown management records", "T0,0 T12,0:x T77,0*8 T255,0.",
     " unknown0 unknown12 unknown77 unknown255 idle"},
    {"D100 unknown management records without end", "T77,0. T77,0. T77,0. T77,0. T77,0.",
     " unknown77 unknown77 unknown77 unknown77 error", &small, "no progress"},
    {"D101 PARAMS with id 0", "P0:A=b", " error", NULL, "request id 0"},
    {"D101 STDIN with id 0", "S0:x", " error"},
    {"D101 ABORT with id 0", "A0", " error"},
    {"D101 DATA with id 0", "D0:x", " error"},
    {"§9.9 no second request before the first body ended, the same id twice in a row",
     "B1f1 P1:A=b P1. S1:x E1 S1. B1f1 P1:C=d P1. S1:y S1. E1",
     " began1r1f1 request1{A=b} body1:x drained1 began1r1f1 request1{C=d} body1:y over1 idle"},
    {"given up inside PARAMS, in the middle of a record",
     "B1 h4,1,4 !0101 E1 !4162 P1. B1 P1:C=d P1.", " began1 began1 request1{C=d}"},
    {"many ids share a budget for parameters", "B1 B2 P1*35 P2*35 P1*10 P2. P1.",
     " began1 began2 request2{N=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx} large1",
     &(const struct reader_limits){.params = {.total = 128, .name = 16, .value = 64, .count = 40},
                                   .params_pending = 1100,
                                   .requests = 2,
                                   .idle_records = 4,
                                   .values_content = 64,
                                   .params_records = 5}},
};

static void compare(const struct row *row, struct heard *h, const struct error *err,
                    const char *how, unsigned padding, size_t place)
{
    const char *heard = bytes_string(&h->text);

    if (strcmp(heard, row->want) != 0 ||
        (row->error != NULL && strstr(err->text, row->error) == NULL)) {
        print_error("%s (%s %zu, padding %u)\n  want:%s\n  got: %s\n  %s\n", row->name, how, place,
                    padding, row->want, heard, err->text);
        fail();
    }
    bytes_clear(&h->text);
}

static void test_row(void **state)
{
    static const unsigned paddings[] = {0, 1, 7, 8, 255};
    const struct row *row = *state;
    struct heard h;

    for (size_t p = 0; p < sizeof paddings / sizeof paddings[0]; p++) {
        struct error err = ERROR_NONE;
        struct stream s;

        stream_build(&s, row->stream, paddings[p]);
        size_t total = bytes_held(&s.bytes);

        heard_run(&h, &s, row->limits, 0, 0, &err);
        compare(row, &h, &err, "whole", paddings[p], 0);
        heard_run(&h, &s, row->limits, 0, 1, &err);
        compare(row, &h, &err, "bytes of", paddings[p], 1);
        for (size_t split = 1; split < total && total <= 1200; split++) {
            heard_run(&h, &s, row->limits, split, 0, &err);
            compare(row, &h, &err, "split at", paddings[p], split);
        }
        stream_clear(&s);
    }
}

/* ---- what needs numbers rather than a row ----------------------------------------------- */

static unsigned feed_count(struct reader *r, const struct bytes *b, enum reader_event_type type)
{
    const uint8_t *data = bytes_front(b);
    size_t length = bytes_held(b);
    struct reader_event ev;
    unsigned count = 0;

    do {
        assert_int_equal(reader_next(r, &data, &length, &ev, NULL), 0);
        count += ev.type == type;
        params_free(ev.params);
    } while (ev.type != READER_MORE);
    return count;
}

static void test_all_ids(void **state)
{
    (void)state;
    struct reader *r = reader_new(NULL);
    struct bytes b;

    bytes_init(&b, 1u << 24);
    for (unsigned id = 1; id <= 65535; id++)
        assert_int_equal(record_begin(&b, (uint16_t)id, FCGI_RESPONDER, 0), 0);
    assert_int_equal(feed_count(r, &b, READER_REFUSED), 65535 - 64);
    assert_int_equal(reader_active(r), 64);
    bytes_clear(&b);
    reader_free(r);
}

static void test_many_requests(void **state)
{
    (void)state;
    struct reader *r = reader_new(NULL);
    struct bytes b;

    bytes_init(&b, 4096);
    assert_false(reader_began(r));
    record_begin(&b, 9, FCGI_RESPONDER, FCGI_KEEP_CONN);
    record_stream_end(&b, FCGI_PARAMS, 9);
    record_stream_end(&b, FCGI_STDIN, 9);
    for (unsigned i = 0; i < 10001; i++) {
        assert_int_equal(feed_count(r, &b, READER_REQUEST), 1);
        assert_true(reader_body_over(r, 9));
        reader_end(r, 9);
        assert_true(reader_is_idle(r));
    }
    assert_true(reader_began(r));
    bytes_clear(&b);
    reader_free(r);
}

static void test_million_params(void **state)
{
    (void)state;
    struct reader *r = reader_new(NULL);
    struct bytes pairs, b;
    char value[100000];

    memset(value, 'v', sizeof value);
    bytes_init(&pairs, 1u << 22);
    bytes_init(&b, 1u << 22);
    for (unsigned i = 0; i < 10; i++)
        params_encode(&pairs, "HTTP_X", 6, value, sizeof value);
    for (unsigned i = 0; i < 900; i++)
        params_encode(&pairs, "HTTP_Y", 6, value, 50);
    record_begin(&b, 1, FCGI_RESPONDER, 0);
    record_stream(&b, FCGI_PARAMS, 1, bytes_front(&pairs), bytes_held(&pairs));
    record_stream_end(&b, FCGI_PARAMS, 1);
    assert_true(bytes_held(&pairs) > 1u << 20);
    assert_int_equal(feed_count(r, &b, READER_REQUEST), 1);
    bytes_clear(&pairs);
    bytes_clear(&b);
    reader_free(r);
}

static void test_dead(void **state)
{
    (void)state;
    struct reader *r = reader_new(NULL);
    struct error err = ERROR_NONE;
    struct reader_event ev;
    const uint8_t bad[16] = {9};
    const uint8_t *data = bad;
    size_t length = sizeof bad;

    assert_true(reader_next(r, &data, &length, &ev, &err) < 0);
    assert_true(reader_next(r, &data, &length, &ev, &err) < 0);
    assert_non_null(strstr(err.text, "already failed"));
    length = 0;
    assert_true(reader_next(r, &data, &length, &ev, NULL) < 0);
    reader_end(r, 1);
    reader_free(r);
    assert_null(reader_free(NULL));
}

int main(void)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(test_all_ids),
        cmocka_unit_test(test_many_requests),
        cmocka_unit_test(test_million_params),
        cmocka_unit_test(test_dead),
    };
    static struct CMUnitTest tests[ROWS + sizeof more / sizeof more[0]];

    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = test_row,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    memcpy(tests + ROWS, more, sizeof more);
    tests[ROWS].name = "D25 65535 BEGINs";
    tests[ROWS + 1].name = "D26 10001 requests on one connection";
    tests[ROWS + 2].name = "D54 1 MiB of parameters is served";
    tests[ROWS + 3].name = "a reader that has failed stays so";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
