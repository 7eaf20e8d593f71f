/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of records of a connection, and the probe that borrows a byte of the next one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "serve/output.h"
#include "wire/record.h"

struct pair {
    int ours, theirs;
    struct output output;
};

static int setup(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    int fds[2];

    assert_non_null(p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    p->ours = fds[0];
    p->theirs = fds[1];
    output_init(&p->output);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    output_clear(&p->output);
    close(p->ours);
    if (p->theirs >= 0)
        close(p->theirs);
    free(p);
    return 0;
}

static size_t received(struct pair *p, uint8_t *out, size_t size)
{
    ssize_t n = recv(p->theirs, out, size, 0);
    return n < 0 ? 0 : (size_t)n;
}

static void test_a_probe_is_the_first_byte_of_the_next_record(void **state)
{
    struct pair *p = *state;
    uint8_t got[64];
    bool moved;

    assert_int_equal(output_probe(&p->output, p->ours), 0);
    assert_true(p->output.probed);
    assert_int_equal(received(p, got, sizeof got), 1);
    assert_int_equal(got[0], FCGI_VERSION_1);
    /* A second one would be a byte too many. */
    assert_int_equal(output_probe(&p->output, p->ours), 0);
    assert_int_equal(received(p, got, sizeof got), 0);

    assert_int_equal(output_stream(&p->output, FCGI_STDOUT, 7, "hello", 5), 0);
    assert_false(p->output.probed);
    assert_int_equal(output_end_request(&p->output, 7, 3, 0), 0);
    assert_int_equal(output_flush(&p->output, p->ours, &moved), 0);
    assert_true(moved);
    got[0] = FCGI_VERSION_1;
    assert_int_equal(received(p, got + 1, sizeof got - 1), 31);

    struct record_header h;
    record_decode(got, &h);
    assert_int_equal(h.type, FCGI_STDOUT);
    assert_int_equal(h.id, 7);
    assert_memory_equal(got + 8, "hello", 5);
    record_decode(got + 16, &h);
    assert_int_equal(h.type, FCGI_END_REQUEST);
    assert_int_equal(p->output.queued, 32);
    assert_int_equal(p->output.sent, 32);
}

static void test_no_probe_in_the_middle_of_a_record(void **state)
{
    struct pair *p = *state;
    uint8_t got[64];

    assert_int_equal(output_stream(&p->output, FCGI_STDOUT, 1, "x", 1), 0);
    assert_int_equal(output_probe(&p->output, p->ours), 0);
    assert_false(p->output.probed);
    assert_int_equal(received(p, got, sizeof got), 0);
}

static void test_a_full_socket_is_no_failure(void **state)
{
    struct pair *p = *state;
    static uint8_t block[65536];
    uint64_t taken;
    bool moved;

    for (int i = 0; i < 32; i++)
        assert_int_equal(output_stream(&p->output, FCGI_STDOUT, 1, block, sizeof block), 0);
    assert_true(output_full(&p->output));
    assert_int_equal(output_flush(&p->output, p->ours, &moved), 0);
    assert_true(moved);
    taken = p->output.sent;
    assert_int_equal(taken + bytes_held(&p->output.queue), p->output.queued);
    assert_int_equal(output_flush(&p->output, p->ours, &moved), 0);
    assert_false(moved);
    assert_int_equal(p->output.sent, taken);
}

static void test_the_limit_is_told_and_nothing_is_torn(void **state)
{
    struct pair *p = *state;
    static uint8_t block[65528];
    size_t held;
    int r;

    do {
        held = bytes_held(&p->output.queue);
        r = output_stream(&p->output, FCGI_STDOUT, 1, block, sizeof block);
    } while (r == 0);
    assert_true(r < 0);
    assert_int_equal(bytes_held(&p->output.queue), held);
    assert_int_equal(p->output.queued, held);
    assert_true(held <= OUTPUT_MAX);
}

static void test_a_peer_that_is_gone_is_an_error(void **state)
{
    struct pair *p = *state;
    bool moved;

    close(p->theirs);
    p->theirs = -1;
    assert_true(output_probe(&p->output, p->ours) < 0);
    assert_false(p->output.probed);
    assert_int_equal(output_stream(&p->output, FCGI_STDOUT, 1, "x", 1), 0);
    assert_true(output_flush(&p->output, p->ours, &moved) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_probe_is_the_first_byte_of_the_next_record, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_no_probe_in_the_middle_of_a_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_socket_is_no_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_limit_is_told_and_nothing_is_torn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_peer_that_is_gone_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
