/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a worker's descriptor 2, however they arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "pool/output.h"

#define NOW (5 * CLOCK_SEC)

struct heard {
    unsigned held;
    unsigned lines;
    size_t longest;
    char text[65536]; /* the lines, each ended by '|' */
    size_t used;
};

static void hear(void *cookie, const char *line, size_t length, bool held)
{
    struct heard *h = cookie;

    if (held)
        h->held++;
    else
        h->lines++;
    if (length > h->longest)
        h->longest = length;
    assert_null(memchr(line, '\n', length));
    if (h->used + length + 2 < sizeof(h->text)) {
        memcpy(h->text + h->used, line, length);
        h->used += length;
        h->text[h->used++] = '|';
        h->text[h->used] = '\0';
    }
}

static void begin(struct output *o, int *fd, struct heard *h)
{
    memset(h, 0, sizeof(*h));
    output_init(o);
    assert_int_equal(output_open(o, fd, NULL), 0);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_lines_split_at_every_byte(void **unused)
{
    static const char text[] = "one\n\ntwo words\nlast";
    struct heard h;
    struct output o;
    int fd;

    (void)unused;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        begin(&o, &fd, &h);
        assert_int_equal(write(fd, text, cut), cut);
        assert_int_equal(output_read(&o, NOW, hear, &h), OUTPUT_MORE);
        say(fd, text + cut);
        assert_int_equal(output_read(&o, NOW, hear, &h), OUTPUT_MORE);
        assert_string_equal(h.text, "one||two words|");
        close(fd);
        assert_int_equal(output_read(&o, NOW, hear, &h), OUTPUT_END);
        output_close(&o, hear, &h);
        assert_string_equal(h.text, "one||two words|last|");
        assert_int_equal(o.fd, -1);
    }
}

/* As long as a line of the log may be, and no longer. */
static void test_a_long_line_is_cut_once(void **unused)
{
    static const size_t limits[] = {512, 1024, 4095, 30000};
    static char text[60000];
    struct heard h;
    struct output o;
    int fd;

    (void)unused;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        log_set_limit(limits[i]);
        begin(&o, &fd, &h);
        memset(text, 'x', sizeof(text) - 1);
        say(fd, text);
        (void)output_read(&o, NOW, hear, &h);
        assert_int_equal(h.lines, 0);
        assert_in_range(bytes_held(&o.line), 1, limits[i]);
        say(fd, text);
        say(fd, "\nnext\n");
        (void)output_read(&o, NOW, hear, &h);
        assert_int_equal(h.lines, 2);
        assert_int_equal(h.longest, limits[i] + 3);
        if (limits[i] < sizeof(h.text) / 2)
            assert_string_equal(h.text + h.used - 9, "...|next|");
        else
            assert_string_equal(h.text + h.used - 5, "next|");
        close(fd);
        output_close(&o, hear, &h);
    }
    log_set_limit(LOG_LIMIT_DEFAULT);
}

static void test_any_byte_passes(void **unused)
{
    struct heard h;
    struct output o;
    int fd;

    (void)unused;
    begin(&o, &fd, &h);
    assert_int_equal(write(fd, "a\0\x1b\r\n", 5), 5);
    (void)output_read(&o, NOW, hear, &h);
    assert_int_equal(h.lines, 1);
    assert_memory_equal(h.text, "a\0\x1b\r|", 5);
    close(fd);
    output_close(&o, hear, &h);
}

/* Write lines "N\n" from `from` on until `bytes` are in the pipe; the number behind the last one. */
static unsigned number_lines(int fd, unsigned from, size_t bytes)
{
    char line[16];
    size_t written = 0;

    while (written < bytes) {
        int n = snprintf(line, sizeof(line), "%u\n", from++);

        assert_int_equal(write(fd, line, (size_t)n), n);
        written += (size_t)n;
    }
    return from;
}

/* Lines of a flood are given out as long as they may be, the others are counted exactly, and the last of
 * them is told, wherever reads cut them. */
static void test_a_flood_is_counted(void **unused)
{
    struct heard h;
    struct output o;
    unsigned number = 0, told;
    uint64_t given = 0, held = 0;
    char last[16];
    int fd;

    (void)unused;
    begin(&o, &fd, &h);
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned turn = 0; turn < 4; turn++) {
            h.used = h.lines = 0;
            number = number_lines(fd, number, 50000 + 7 * turn);
            told = h.held;
            assert_int_equal(output_read(&o, NOW + second * CLOCK_SEC + turn, hear, &h),
                             OUTPUT_MORE);
            given += h.lines;
            assert_int_equal(h.lines, turn > 0 ? 0 : second == 0 ? OUTPUT_BURST : OUTPUT_LINES);
            assert_in_range(h.held - told, 1, 2); /* one for each piece that was read */
            (void)snprintf(last, sizeof(last), "%u|", number - 1);
            assert_true(h.used >= strlen(last));
            assert_string_equal(h.text + h.used - strlen(last), last);
        }
        assert_int_equal(pace_due(&o.pace), NOW + (second + 1) * CLOCK_SEC);
        held += pace_take(&o.pace);
        assert_int_equal(pace_due(&o.pace), CLOCK_NEVER);
    }
    assert_int_equal(given + held, number);
    assert_int_equal(given, OUTPUT_BURST + 2 * OUTPUT_LINES);
    close(fd);
    output_close(&o, NULL, NULL);
}

/* A line that began before those that are held back, and one that ends behind them. */
static void test_no_line_is_torn_by_a_flood(void **unused)
{
    struct heard h;
    struct output o;
    unsigned end;
    int fd;

    (void)unused;
    begin(&o, &fd, &h);
    (void)number_lines(fd, 0, 5000);
    (void)output_read(&o, NOW, hear, &h);
    assert_int_equal(h.lines, OUTPUT_BURST);
    h.used = 0;
    say(fd, "the beginning, ");
    (void)output_read(&o, NOW, hear, &h);
    say(fd, "the end\n");
    end = number_lines(fd, 0, 5000);
    say(fd, "torn");
    (void)output_read(&o, NOW, hear, &h);
    assert_null(strstr(h.text, "the end|"));
    say(fd, " in two\n");
    (void)output_read(&o, NOW + CLOCK_SEC, hear, &h);
    assert_non_null(strstr(h.text, "|torn in two|"));
    assert_true(pace_take(&o.pace) > end);
    say(fd, "held to its end"); /* no newline, no credit: still the last words */
    unsigned number = number_lines(fd, 0, 2000), shown = h.lines;
    say(fd, "fatal: why");
    (void)output_read(&o, NOW + CLOCK_SEC, hear, &h);
    close(fd);
    assert_int_equal(output_read(&o, NOW + CLOCK_SEC, hear, &h), OUTPUT_END);
    output_close(&o, hear, &h);
    assert_string_equal(h.text + h.used - 11, "fatal: why|");
    shown = h.lines - shown;
    assert_int_equal(shown + pace_take(&o.pace), number + 1); /* that one is counted, too */
}

/* A worker that writes faster than it is read must not keep the reader; its pipe holds more then. */
static void test_a_flood_is_read_in_turns(void **unused)
{
    struct heard h;
    struct output o;
    int fd;
    char block[65536];
    uint64_t lines = 0;

    (void)unused;
    begin(&o, &fd, &h);
    say(fd, "no flood\n");
    (void)output_read(&o, NOW, hear, &h);
    assert_false(o.flooding);
    memset(block, '\n', sizeof(block));
    assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    assert_int_equal(output_read(&o, NOW, hear, &h), OUTPUT_MORE);
    assert_true(o.flooding);
    lines += pace_take(&o.pace) + h.lines;
    assert_int_equal(lines, sizeof(block) + 1);
    output_enlarge(&o, true);
    if (o.enlarged) { /* not when this user has too many large ones */
        for (unsigned i = 0; i < OUTPUT_TURN / sizeof(block); i++)
            assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
        assert_int_equal(output_read(&o, NOW, hear, &h), OUTPUT_MORE);
        assert_true(o.flooding);
        assert_int_equal(pace_take(&o.pace), OUTPUT_TURN);
        output_enlarge(&o, false);
        assert_false(o.enlarged);
    }
    (void)output_read(&o, NOW, hear, &h);
    assert_false(o.flooding);
    close(fd);
    output_close(&o, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_split_at_every_byte),
        cmocka_unit_test(test_a_long_line_is_cut_once),
        cmocka_unit_test(test_any_byte_passes),
        cmocka_unit_test(test_a_flood_is_counted),
        cmocka_unit_test(test_no_line_is_torn_by_a_flood),
        cmocka_unit_test(test_a_flood_is_read_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
