/* SPDX-License-Identifier: Apache-2.0 */
/* Abstract and TCP sockets, and connecting with a deadline (FAULTS C83). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include "host/socket.h"

#define PATIENCE 20000000 /* microseconds, for what a busy machine does in a moment */

static struct socket_plan plan_for(const char *text)
{
    struct socket_plan plan = {
        .backlog = -1, .owner = (uid_t)-1, .group = (gid_t)-1, .mode = 0660, .nonblock = false};
    struct error err = ERROR_NONE;
    if (address_parse(&plan.address, text, &err) != 0)
        fail_msg("%s", err.text);
    return plan;
}

/* A port that was free a moment ago, and that the kernel gives to no client. */
static unsigned free_port(int family)
{
    struct sockaddr_in6 any;
    memset(&any, 0, sizeof any);
    any.sin6_family = (sa_family_t)family; /* the port is at the same place in both */
    for (unsigned i = 0; i < 200; i++) {
        unsigned port = 10000 + ((unsigned)getpid() * 17 + i * 131) % 10000;
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return 0;
        any.sin6_port = htons((uint16_t)port);
        int r = bind(fd, (struct sockaddr *)&any,
                     family == AF_INET ? sizeof(struct sockaddr_in) : sizeof any);
        close(fd);
        if (r == 0)
            return port;
    }
    fail_msg("no port is free");
    return 0;
}

static void test_c83_tcp(void **unused)
{
    static const char *const hosts[] = {"127.0.0.1:%u", "localhost:%u", "[::1]:%u", "%u",
                                        "[::]:%u"};
    (void)unused;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char text[64];
        struct error err = ERROR_NONE;
        int fd = -1, second = -1;
        unsigned port = free_port(hosts[i][0] == '[' ? AF_INET6 : AF_INET);
        if (port == 0) {
            print_message("no IPv6 here: %s is not tried\n", hosts[i]);
            continue;
        }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, hosts[i], port);
#pragma GCC diagnostic pop
        struct socket_plan plan = plan_for(text);
        plan.nonblock = i % 2 == 0;
        if (socket_listen(&plan, &fd, &err) != 0)
            fail_msg("%s", err.text);
        assert_true(fd >= 3);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, plan.nonblock);
        assert_true(socket_still_there(&plan.address, fd));
        assert_int_equal(socket_listen(&plan, &second, &err), SOCKET_IN_USE);
        assert_int_equal(second, -1);
        assert_non_null(strstr(err.text, plan.address.text));
        int client = socket_connect(&plan.address, PATIENCE, &err);
        if (client < 0)
            fail_msg("%s", err.text);
        assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
        struct pollfd waiting = {.fd = fd, .events = POLLIN}; /* the last word of TCP's three */
        assert_int_equal(poll(&waiting, 1, PATIENCE / 1000), 1);
        int server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(server >= 0);
        /* An IPv6 socket leaves the IPv4 port of the same number to others. */
        if (i == 4) {
            snprintf(text, sizeof text, "%u", port);
            struct socket_plan v4 = plan_for(text);
            int other = -1;
            assert_int_equal(socket_listen(&v4, &other, &err), 0);
            close(other);
        }
        /* Our side closes first, and leaves TIME_WAIT behind: the port can be had again. */
        close(server);
        close(client);
        close(fd);
        assert_int_equal(socket_listen(&plan, &fd, &err), 0);
        close(fd);
        assert_int_equal(socket_connect(&plan.address, PATIENCE, &err), -ECONNREFUSED);
        assert_non_null(strstr(err.text, "nobody listens"));
    }
}

static void test_c83_what_cannot_be_had(void **unused)
{
    struct socket_plan plan = plan_for("192.0.2.77:9000");
    struct error err = ERROR_NONE;
    int fd = -1;
    (void)unused;
    assert_int_equal(socket_listen(&plan, &fd, &err), -EADDRNOTAVAIL);
    assert_non_null(strstr(err.text, "no interface"));
    plan = plan_for("systemd:git");
    assert_int_equal(socket_listen(&plan, &fd, &err), -EINVAL);
    assert_int_equal(socket_connect(&plan.address, 1000, &err), -EINVAL);
    if (geteuid() == 0) {
        pid_t helper = fork();
        if (helper == 0) {
            plan = plan_for("127.0.0.1:81");
            if (setresuid(54321, 54321, 54321) < 0)
                _exit(2);
            int r = socket_listen(&plan, &fd, &err);
            _exit(r == 0 ? 3 : r == -EACCES && strstr(err.text, "CAP_NET_BIND") != NULL ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(helper, &status, 0), helper);
        if (WEXITSTATUS(status) == 3)
            print_message("ports below 1024 are free for all here (ip_unprivileged_port_start)\n");
        else
            assert_int_equal(status, 0);
    }
    assert_int_equal(fd, -1);
}

static void test_abstract(void **unused)
{
    char text[64];
    struct error err = ERROR_NONE;
    int fd = -1, second = -1;
    (void)unused;
    snprintf(text, sizeof text, "@ganger-test-%d", (int)getpid());
    struct socket_plan plan = plan_for(text);
    assert_int_equal(socket_listen(&plan, &fd, &err), 0);
    assert_int_equal(socket_listen(&plan, &second, &err), SOCKET_IN_USE);
    assert_non_null(strstr(err.text, text));
    int client = socket_connect(&plan.address, PATIENCE, &err);
    assert_true(client >= 0);
    close(client);
    socket_unlink(&plan.address, fd);
    assert_true(socket_still_there(&plan.address, fd));
    close(fd);
    assert_int_equal(socket_connect(&plan.address, PATIENCE, &err), -ECONNREFUSED);
    plan = plan_for("/nonexistent/s");
    assert_int_equal(socket_connect(&plan.address, PATIENCE, &err), -ENOENT);
    assert_false(socket_still_there(&plan.address, 0));
    socket_unlink(&plan.address, 0);
}

/* A full TCP backlog swallows the connection request: only the deadline ends the wait. */
static void test_tcp_deadline(void **unused)
{
    char text[64];
    struct error err = ERROR_NONE;
    int fd = -1, waiting[8], timed_out = 0;
    (void)unused;
    snprintf(text, sizeof text, "127.0.0.1:%u", free_port(AF_INET));
    struct socket_plan plan = plan_for(text);
    plan.backlog = 0;
    assert_int_equal(socket_listen(&plan, &fd, &err), 0);
    for (int i = 0; i < 8; i++) {
        waiting[i] = socket_connect(&plan.address, 20000, &err);
        timed_out += waiting[i] == -ETIMEDOUT;
    }
    assert_true(timed_out > 0);
    for (int i = 0; i < 8; i++)
        if (waiting[i] >= 0)
            close(waiting[i]);
    close(fd);
}

static void test_backlog_limit(void **unused)
{
    unsigned limit = 0;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    (void)unused;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &limit), 1);
    fclose(file);
    assert_int_equal(socket_backlog_limit(), limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c83_tcp),       cmocka_unit_test(test_c83_what_cannot_be_had),
        cmocka_unit_test(test_abstract),      cmocka_unit_test(test_tcp_deadline),
        cmocka_unit_test(test_backlog_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
