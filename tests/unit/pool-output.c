/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a worker's descriptor 2, however they arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bytes.h"
#include "pool/output.h"

struct heard {
    unsigned lines;
    size_t longest;
    char text[8192]; /* the lines, each ended by '|' */
    size_t used;
};

static void hear(void *cookie, const char *line, size_t length)
{
    struct heard *h = cookie;

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
        assert_int_equal(output_read(&o, hear, &h), OUTPUT_MORE);
        say(fd, text + cut);
        assert_int_equal(output_read(&o, hear, &h), OUTPUT_MORE);
        assert_string_equal(h.text, "one||two words|");
        close(fd);
        assert_int_equal(output_read(&o, hear, &h), OUTPUT_END);
        output_close(&o, hear, &h);
        assert_string_equal(h.text, "one||two words|last|");
        assert_int_equal(o.fd, -1);
    }
}

static void test_a_long_line_is_cut_once(void **unused)
{
    static char text[3 * OUTPUT_LINE_MAX];
    struct heard h;
    struct output o;
    int fd;

    (void)unused;
    begin(&o, &fd, &h);
    memset(text, 'x', sizeof(text) - 1);
    say(fd, text);
    say(fd, text);
    (void)output_read(&o, hear, &h);
    assert_int_equal(h.lines, 0);
    assert_in_range(bytes_held(&o.line), 1, OUTPUT_LINE_MAX);
    say(fd, "\nnext\n");
    (void)output_read(&o, hear, &h);
    assert_int_equal(h.lines, 2);
    assert_int_equal(h.longest, OUTPUT_LINE_MAX + 3);
    assert_string_equal(h.text + h.used - 9, "...|next|");
    close(fd);
    output_close(&o, hear, &h);
}

static void test_any_byte_passes(void **unused)
{
    struct heard h;
    struct output o;
    int fd;

    (void)unused;
    begin(&o, &fd, &h);
    assert_int_equal(write(fd, "a\0\x1b\r\n", 5), 5);
    (void)output_read(&o, hear, &h);
    assert_int_equal(h.lines, 1);
    assert_memory_equal(h.text, "a\0\x1b\r|", 5);
    close(fd);
    output_close(&o, hear, &h);
}

/* A worker that writes faster than it is read must not keep the reader. */
static void test_a_flood_is_read_in_turns(void **unused)
{
    struct heard h;
    struct output o;
    int fd;
    char block[65536];

    (void)unused;
    begin(&o, &fd, &h);
    memset(block, '\n', sizeof(block));
    assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    assert_int_equal(output_read(&o, hear, &h), OUTPUT_MORE);
    assert_in_range(h.lines, 1, OUTPUT_TURN + 16384);
    close(fd);
    output_close(&o, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_split_at_every_byte),
        cmocka_unit_test(test_a_long_line_is_cut_once),
        cmocka_unit_test(test_any_byte_passes),
        cmocka_unit_test(test_a_flood_is_read_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
