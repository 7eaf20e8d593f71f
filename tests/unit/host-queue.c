/* SPDX-License-Identifier: Apache-2.0 */
/* What waits in a backlog, as the kernel counts it (unix and TCP). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include "host/queue.h"
#include "host_folder.h"
#include "host_socket.h"

static struct queue *must_open(void)
{
    struct error err = ERROR_NONE;
    struct queue *q = NULL;
    if (queue_open(&q, &err) < 0)
        fail_msg("%s", err.text);
    return q;
}

static void expect(struct queue *q, int fd, unsigned waiting, unsigned limit)
{
    struct queue_length length;
    /* The last word of TCP's three may be on its way. */
    for (int i = 0; i < 5000 && queue_ask(q, fd, &length) == 0 && length.waiting < waiting; i++)
        (void)poll(NULL, 0, 1);
    int r = queue_ask(q, fd, &length);
    if (r != 0)
        fail_msg("not told: %s", strerror(-r));
    assert_int_equal(length.waiting, waiting);
    assert_int_equal(length.limit, limit);
}

static void accept_one(int fd)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 20000), 1);
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(client >= 0);
    close(client);
}

static void test_unix(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct queue *q = must_open();
    int fd = must_listen(&plan);
    (void)unused;
    expect(q, fd, 0, 5);
    for (unsigned i = 1; i <= 3; i++) {
        must_connect(&plan); /* gone again at once: it waits all the same */
        expect(q, fd, i, 5);
    }
    accept_one(fd);
    expect(q, fd, 2, 5);
    close(fd);
    assert_null(queue_free(q));
}

static void test_two_sockets_by_turns(void **unused)
{
    struct socket_plan a = plan_for("a"), b = plan_for("b");
    struct queue *q = must_open();
    int fd_a = must_listen(&a), fd_b = must_listen(&b);
    (void)unused;
    must_connect(&a);
    must_connect(&b);
    must_connect(&b);
    for (int i = 0; i < 100; i++) {
        expect(q, fd_a, 1, 5);
        expect(q, fd_b, 2, 5);
    }
    close(fd_a);
    close(fd_b);
    (void)queue_free(q);
}

/* `plan` at a free port of its address; whoever asks gets it in *plan. */
static int listen_tcp(struct socket_plan *plan, const char *host)
{
    struct error err = ERROR_NONE;
    char text[64];
    for (int i = 0; i < 50; i++) {
        int fd = -1;
        snprintf(text, sizeof text, "%s:%d", host, 20000 + (int)((getpid() * 7 + i * 131) % 9000));
        assert_int_equal(address_parse(&plan->address, text, NULL), 0);
        int r = socket_listen(plan, &fd, &err);
        if (r == 0)
            return fd;
        if (r != SOCKET_IN_USE)
            break;
    }
    return -1;
}

static void test_tcp(void **unused)
{
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct socket_plan plan = plan_for("unused");
        plan.backlog = 7;
        int fd = listen_tcp(&plan, hosts[i]);
        if (fd < 0) {
            print_message("no %s here\n", hosts[i]);
            continue;
        }
        expect(NULL, fd, 0, 7); /* needs no netlink */
        must_connect(&plan);
        must_connect(&plan);
        expect(NULL, fd, 2, 7);
        accept_one(fd);
        expect(NULL, fd, 1, 7);
        close(fd);
    }
}

static void test_refused(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct queue *q = must_open();
    struct queue_length length = {.waiting = 9, .limit = 9};
    int fd = must_listen(&plan);
    int pair[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(queue_ask(NULL, fd, &length), -EOPNOTSUPP);
    assert_int_equal(length.waiting, 0);
    assert_int_equal(length.limit, 0);
    assert_int_equal(queue_ask(q, pair[0], &length), -EINVAL);
    assert_int_equal(queue_ask(q, null, &length), -ENOTSOCK);
    assert_int_equal(queue_ask(q, -1, &length), -EBADF);
    expect(q, fd, 0, 5); /* and nothing is spoilt */
    close(fd);
    close(pair[0]);
    close(pair[1]);
    close(null);
    (void)queue_free(q);
    assert_null(queue_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_unix),
        IN_FOLDER(test_two_sockets_by_turns),
        IN_FOLDER(test_tcp),
        IN_FOLDER(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
