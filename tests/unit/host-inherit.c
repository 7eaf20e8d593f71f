/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of descriptor claimed as every kind: only what is right passes, and only once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/inherit.h"

enum kind { READER, WRITER, CHANNEL, TCP, ABSTRACT, PROCESS, FILE_, STREAM, NULL_, KINDS };

struct world {
    int fds[KINDS];
    pid_t child;
    struct address tcp, abstract;
    char path[64];
};

static void make_sockets(struct world *w)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(in);
    char text[64];
    struct error err = ERROR_NONE;

    w->fds[TCP] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fds[TCP], (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(w->fds[TCP], 5), 0);
    assert_int_equal(getsockname(w->fds[TCP], (struct sockaddr *)&in, &length), 0);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(in.sin_port));
    assert_int_equal(address_parse(&w->tcp, text, &err), 0);
    (void)snprintf(text, sizeof(text), "@ganger-inherit-%d", (int)getpid());
    assert_int_equal(address_parse(&w->abstract, text, &err), 0);
    const struct socket_plan plan = {
        .address = w->abstract, .backlog = 5, .owner = (uid_t)-1, .group = (gid_t)-1};
    assert_int_equal(socket_listen(&plan, &w->fds[ABSTRACT], &err), 0);
}

static int begin(void **state)
{
    static struct world w;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    w.fds[READER] = ends[0];
    w.fds[WRITER] = ends[1];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    w.fds[CHANNEL] = ends[0]; /* whose worker is gone */
    close(ends[1]);
    make_sockets(&w);
    w.child = fork();
    if (w.child == 0) {
        (void)pause();
        _exit(0);
    }
    w.fds[PROCESS] = pidfd_open(w.child, 0);
    (void)snprintf(w.path, sizeof(w.path), "/tmp/ganger-inherit-XXXXXX");
    w.fds[FILE_] = mkostemp(w.path, O_CLOEXEC);
    w.fds[STREAM] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    w.fds[NULL_] = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < KINDS; i++)
        assert_true(w.fds[i] >= 3);
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    (void)kill(w->child, SIGKILL);
    (void)waitpid(w->child, NULL, 0);
    (void)unlink(w->path);
    for (int i = 0; i < KINDS; i++)
        descriptor_close(&w->fds[i]);
    return 0;
}

static int claim_as(struct world *w, struct inherit *in, enum kind as, int fd)
{
    struct error err = ERROR_NONE;
    int r = -1;

    switch (as) {
    case READER:
    case WRITER:
        r = inherit_pipe(in, fd, as == READER, &err);
        break;
    case CHANNEL:
        r = inherit_channel(in, fd, &err);
        break;
    case TCP:
        r = inherit_listener(in, fd, &w->tcp, &err);
        break;
    case ABSTRACT:
        r = inherit_listener(in, fd, &w->abstract, &err);
        break;
    case PROCESS:
        r = inherit_process(in, fd, w->child, &err);
        break;
    case FILE_:
        r = inherit_file(in, fd, w->path, &err);
        break;
    default:
        break;
    }
    assert_int_equal(r < 0, err.number != 0);
    return r;
}

static void test_every_kind_as_every_kind(void **state)
{
    struct world *w = *state;

    for (int is = 0; is < KINDS; is++) {
        for (int as = READER; as <= FILE_; as++) {
            struct inherit in = {0};

            assert_int_equal(descriptor_cloexec(w->fds[is], false), 0);
            int r = claim_as(w, &in, (enum kind)as, w->fds[is]);
            if ((r == 0) != (is == as))
                fail_msg("kind %d claimed as %d: %d", is, as, r);
            assert_int_equal((fcntl(w->fds[is], F_GETFD) & FD_CLOEXEC) != 0, is == as);
            if (r == 0) /* once, and no more */
                assert_true(claim_as(w, &in, (enum kind)as, w->fds[is]) < 0);
            inherit_clear(&in);
        }
        assert_int_equal(descriptor_cloexec(w->fds[is], true), 0);
    }
}

static void test_no_descriptors(void **state)
{
    struct world *w = *state;
    const int wrong[] = {-1, 0, 1, 2, 999999, 2147483647};
    struct inherit in = {0};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        for (int as = READER; as <= FILE_; as++)
            assert_true(claim_as(w, &in, (enum kind)as, wrong[i]) < 0);
    }
    assert_null(in.claimed);
}

static void test_others(void **state)
{
    struct world *w = *state;
    struct inherit in = {0};
    struct address other = w->tcp;
    struct error err = ERROR_NONE;

    struct sockaddr_in in4;
    memcpy(&in4, &other.storage, sizeof(in4));
    in4.sin_port ^= 1;
    memcpy(&other.storage, &in4, sizeof(in4));
    assert_true(inherit_listener(&in, w->fds[TCP], &other, &err) < 0);
    assert_non_null(strstr(err.text, "does not listen at 127.0.0.1"));
    assert_true(inherit_process(&in, w->fds[PROCESS], getpid(), &err) < 0);
    int status;
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    __attribute__((cleanup(descriptor_cleanup))) int pidfd = pidfd_open(dead, 0);
    assert_int_equal(waitpid(dead, &status, 0), dead);
    assert_true(inherit_process(&in, pidfd, dead, &err) < 0);
    in.copies = true;
    assert_true(inherit_process(&in, w->fds[PROCESS], getpid(), &err) < 0);
    assert_int_equal(inherit_process(&in, pidfd, dead, &err), 0);
    assert_true(inherit_file(&in, w->fds[FILE_], "/dev/null", &err) < 0);
    assert_true(inherit_file(&in, w->fds[FILE_], "/nonexistent", &err) < 0);
    inherit_clear(&in);
}

/* What an exec let through and nobody claimed is closed; what is claimed, or never was let through,
 * is not. */
static void test_the_rest(void **state)
{
    struct world *w = *state;
    struct inherit in = {0};
    struct error err = ERROR_NONE;
    int stray = dup(w->fds[NULL_]);

    assert_true(stray >= 3);
    assert_int_equal(descriptor_cloexec(w->fds[READER], false), 0);
    assert_int_equal(inherit_pipe(&in, w->fds[READER], true, &err), 0);
    assert_int_equal(descriptor_cloexec(w->fds[READER], false), 0);
    assert_true(inherit_close_rest(&in) >= 1);
    assert_int_equal(fcntl(stray, F_GETFD), -1);
    for (int i = 0; i < KINDS; i++)
        assert_true(fcntl(w->fds[i], F_GETFD) >= 0);
    assert_int_equal(descriptor_cloexec(w->fds[READER], true), 0);
    inherit_clear(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_as_every_kind),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_the_rest),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
