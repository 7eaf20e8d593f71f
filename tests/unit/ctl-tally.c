/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a bench, letter by letter. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "ctl/tally.h"

static struct tally *sample(void)
{
    static struct tally t;
    memset(&t, 0, sizeof t);
    t.socket = "/run/a \"b\"\\\x1b.sock";
    t.path = "/x?y";
    t.connections = 8;
    t.keep = true;
    t.answered = 1000;
    t.unanswered = t.faults[TALLY_CLOSED] = 2;
    t.faults[TALLY_STATUS_5] = 3;
    t.classes[2] = 997;
    t.classes[5] = 3;
    t.cut_off = 4;
    t.oldest = 1500000000;
    t.backlog_retries = 5;
    t.connects = 9;
    t.sent = 999;
    t.received = 12345678;
    t.elapsed = 2000000000;
    for (unsigned i = 0; i < 1000; i++)
        histogram_add(&t.latency, 1000000);
    histogram_add(&t.connect, 2500);
    return &t;
}

static void test_sums(void **unused)
{
    struct tally *t = sample();
    (void)unused;
    assert_int_equal(tally_failed(t), 5);
    assert_int_equal(tally_requests(t), 1002); /* those with an answer, and those without */
    assert_true(tally_rate(t) > 499.9 && tally_rate(t) < 500.1);
    t->elapsed = 0;
    assert_true(tally_rate(t) < 1);
}

static void check(int (*print)(const struct tally *, struct bytes *), struct tally *t,
                  const char *want)
{
    struct bytes out;
    bytes_init(&out, 65536);
    assert_int_equal(print(t, &out), 0);
    assert_string_equal(bytes_string(&out), want);
    bytes_clear(&out);
    /* What does not fit is told. */
    for (size_t room = 0; room < strlen(want); room += 7) {
        bytes_init(&out, room);
        assert_int_equal(print(t, &out), -ENOBUFS);
        bytes_clear(&out);
    }
}

static void test_text(void **unused)
{
    (void)unused;
    check(tally_print_text, sample(),
          "/run/a \"b\"\\x5c\\x1b.sock /x?y: 8 connections, kept alive, 2.00 s\n"
          "  requests         1002          500.0 /s\n"
          "  failed              5\n"
          "                      2     closed early\n"
          "                      3     status 500 and above\n"
          "  retries             5     connects tried again, the backlog was full\n"
          "  cut off             4     not yet answered at the end, the oldest after 1.500 s\n"
          "  received         12.3 MB         6.2 MB/s\n"
          "  sent            999.0 B        499.5 B/s\n"
          "  time in ms        min      mean       p50       p90       p99     p99.9       max\n"
          "  request         1.000     1.000     1.000     1.000     1.000     1.000     1.000\n"
          "  connect         0.003     0.003     0.003     0.003     0.003     0.003     0.003\n");
}

/* Of nothing there is no time, not even none. */
static void test_nothing(void **unused)
{
    static const struct tally empty = {.socket = "/s", .path = "/", .connections = 1};
    struct tally t = empty;
    (void)unused;
    check(tally_print_text, &t,
          "/s /: 1 connection, one for each request, 0.00 s\n"
          "  requests            0            0.0 /s\n"
          "  failed              0\n"
          "  received          0.0 B          0.0 B/s\n"
          "  sent              0.0 B          0.0 B/s\n"
          "  time in ms        min      mean       p50       p90       p99     p99.9       max\n"
          "  request             -         -         -         -         -         -         -\n"
          "  connect             -         -         -         -         -         -         -\n");
}

static void test_json(void **unused)
{
    struct tally *t = sample();
    (void)unused;
    t->interrupted = true;
    check(tally_print_json, t,
          "{\"socket\":\"/run/a \\\"b\\\"\\\\x5c\\\\x1b.sock\",\"path\":\"/x?y\",\"connections\":8,"
          "\"keep alive\":true,\"seconds\":2.000000,\"interrupted\":true,"
          "\"requests per second\":500.0,\"bytes received per second\":6172839.0,"
          "\"oldest cut off\":1.500000000,\"requests\":1002,\"answered\":1000,\"failed\":5,"
          "\"cut off\":4,\"connects\":9,\"backlog retries\":5,\"reconnects\":0,\"bytes sent\":999,"
          "\"bytes received\":12345678,\"failures\":{\"cannot connect\":0,\"backlog full\":0,"
          "\"timed out\":0,\"closed early\":2,\"protocol error\":0,\"request refused\":0,"
          "\"bad header\":0,\"status 500 and above\":3,\"status 400 to 499\":0,"
          "\"application status not 0\":0},\"statuses\":{\"1xx\":0,\"2xx\":997,\"3xx\":0,"
          "\"4xx\":0,\"5xx\":3,\"6xx\":0,\"7xx\":0,\"8xx\":0,\"9xx\":0},"
          "\"latency\":{\"count\":1000,\"min\":0.001000000,\"mean\":0.001000000,"
          "\"p50\":0.001000000,\"p90\":0.001000000,\"p99\":0.001000000,\"p99.9\":0.001000000,"
          "\"max\":0.001000000},\"connect\":{\"count\":1,\"min\":0.000002500,"
          "\"mean\":0.000002500,\"p50\":0.000002500,\"p90\":0.000002500,\"p99\":0.000002500,"
          "\"p99.9\":0.000002500,\"max\":0.000002500}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
