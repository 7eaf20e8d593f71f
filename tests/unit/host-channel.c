/* SPDX-License-Identifier: Apache-2.0 */
/* The channel between master and worker, with a hostile other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/handover.h"
#include "host_probe.h"

static struct channel_message message_of(uint32_t word, const char *name)
{
    struct channel_message m = {.word = word, .number = 17};
    snprintf(m.name, sizeof m.name, "%s", name);
    return m;
}

static void test_words_go_both_ways(void **unused)
{
    int ends[2], descriptor = 99;
    struct channel_message got, m = message_of(CHANNEL_LEVEL, "git");
    (void)unused;
    assert_int_equal(channel_pair(ends, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
        assert_true((fcntl(ends[i], F_GETFL) & O_NONBLOCK) != 0);
        assert_int_equal(channel_receive(ends[i], &got, &descriptor), CHANNEL_EMPTY);
        assert_int_equal(descriptor, -1);
        assert_int_equal(channel_send(ends[i], &m, -1), 0);
        assert_int_equal(channel_receive(ends[1 - i], &got, &descriptor), 0);
        assert_memory_equal(&got, &m, sizeof m);
        assert_int_equal(descriptor, -1);
    }
    close(ends[0]);
    assert_int_equal(channel_receive(ends[1], &got, &descriptor), CHANNEL_CLOSED);
    assert_int_equal(channel_send(ends[1], &m, -1), -EPIPE); /* and no SIGPIPE */
    close(ends[1]);
}

static void test_end_with_unread_words(void **unused)
{
    int ends[2], descriptor;
    struct channel_message got, m = message_of(CHANNEL_DRAIN, "");
    (void)unused;
    assert_int_equal(channel_pair(ends, NULL), 0);
    assert_int_equal(channel_send(ends[0], &m, -1), 0);
    assert_int_equal(channel_send(ends[1], &m, -1), 0);
    close(ends[0]); /* with a message unread: the other end sees a reset */
    int r;
    while ((r = channel_receive(ends[1], &got, &descriptor)) == 0)
        ;
    assert_int_equal(r, CHANNEL_CLOSED);
    close(ends[1]);
}

static void test_descriptor_travels(void **unused)
{
    int ends[2], descriptor = -1;
    struct stat sent, received;
    struct channel_message got, m = message_of(CHANNEL_BOARD, "git");
    (void)unused;
    size_t before = probe_count_descriptors();
    assert_int_equal(channel_pair(ends, NULL), 0);
    int file = memfd_create("x", MFD_CLOEXEC);
    assert_int_equal(channel_send(ends[0], &m, file), 0);
    assert_int_equal(channel_receive(ends[1], &got, &descriptor), 0);
    assert_true(descriptor >= 3 && descriptor != file);
    assert_int_equal(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fstat(file, &sent), 0);
    assert_int_equal(fstat(descriptor, &received), 0);
    assert_int_equal(sent.st_ino, received.st_ino);
    assert_int_equal(channel_send(ends[0], &m, 987), -EBADF);
    close(descriptor);
    close(file);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(probe_count_descriptors(), before);
}

static void test_full(void **unused)
{
    int ends[2], descriptor, sent = 0, r, received = 0;
    struct channel_message got, m = message_of(CHANNEL_READY, "");
    (void)unused;
    assert_int_equal(channel_pair(ends, NULL), 0);
    while ((r = channel_send(ends[0], &m, -1)) == 0 && sent < 100000)
        sent++;
    assert_int_equal(r, CHANNEL_FULL);
    while (channel_receive(ends[1], &got, &descriptor) == 0)
        received++;
    assert_int_equal(received, sent);
    close(ends[0]);
    close(ends[1]);
}

/* Send `length` bytes and `count` descriptors by hand. */
static void send_raw(int fd, const void *data, size_t length, const int *descriptors, size_t count)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * 253)];
    } control;
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    memset(&control, 0, sizeof control);
    if (count > 0) {
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    assert_int_equal(sendmsg(fd, &packet, MSG_NOSIGNAL), (ssize_t)length);
}

static void test_what_is_no_message(void **unused)
{
    static const struct {
        size_t length, descriptors;
        int outcome;
    } table[] = {
        {sizeof(struct channel_message), 0, 0},
        {sizeof(struct channel_message), 1, 0},
        {sizeof(struct channel_message), 2, -EPROTO},
        {sizeof(struct channel_message), 253, -EPROTO},
        {sizeof(struct channel_message) - 1, 0, -EPROTO},
        {sizeof(struct channel_message) - 1, 1, -EPROTO},
        {sizeof(struct channel_message) + 1, 0, -EPROTO},
        {sizeof(struct channel_message) + 1, 1, -EPROTO},
        {1, 0, -EPROTO},
        {1, 253, -EPROTO},
        {60000, 3, -EPROTO},
        {0, 1, -EPROTO},
        {0, 0, CHANNEL_CLOSED},
    };
    static char bytes[60000];
    int ends[2], files[253];
    (void)unused;
    assert_int_equal(channel_pair(ends, NULL), 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < 253; i++)
        files[i] = null;
    size_t before = probe_count_descriptors();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct channel_message got;
        int descriptor = 99;
        send_raw(ends[0], bytes, table[i].length, files, table[i].descriptors);
        int r = channel_receive(ends[1], &got, &descriptor);
        if (r != table[i].outcome)
            fail_msg("case %zu: %d", i, r);
        assert_int_equal(descriptor >= 0, r == 0 && table[i].descriptors == 1);
        descriptor_close(&descriptor);
        assert_int_equal(probe_count_descriptors(), before);
        if (r != CHANNEL_CLOSED)
            assert_int_equal(channel_receive(ends[1], &got, &descriptor), CHANNEL_EMPTY);
    }
    /* A name without an end, both ways. */
    struct channel_message endless = message_of(CHANNEL_BOARD, ""), got;
    int descriptor;
    memset(endless.name, 'x', sizeof endless.name);
    assert_int_equal(channel_send(ends[0], &endless, -1), -EINVAL);
    send_raw(ends[0], &endless, sizeof endless, files, 1);
    assert_int_equal(channel_receive(ends[1], &got, &descriptor), -EPROTO);
    assert_int_equal(probe_count_descriptors(), before);
    close(ends[0]);
    close(ends[1]);
    close(null);
}

/* A receiver with no room for the descriptor gets the refusal, not half a message. */
static void test_no_descriptor_to_spare(void **unused)
{
    int ends[2], descriptor = -1;
    struct rlimit limit, tight;
    struct channel_message got, m = message_of(CHANNEL_BOARD, "git");
    (void)unused;
    if (probe_valgrind())
        skip();
    assert_int_equal(channel_pair(ends, NULL), 0);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(channel_send(ends[0], &m, file), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int r = channel_receive(ends[1], &got, &descriptor);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(r, -EPROTO);
    assert_int_equal(descriptor, -1);
    close(file);
    close(ends[0]);
    close(ends[1]);
}

static void test_the_master_takes_no_descriptor(void **unused)
{
    int ends[2], file = memfd_create("x", MFD_CLOEXEC);
    struct channel_message got, m = message_of(CHANNEL_READY, "");
    (void)unused;
    size_t before = probe_count_descriptors();
    assert_int_equal(channel_pair(ends, NULL), 0);
    assert_int_equal(channel_hear(ends[0], &got), CHANNEL_EMPTY);
    assert_int_equal(channel_send(ends[1], &m, -1), 0);
    assert_int_equal(channel_hear(ends[0], &got), 0);
    assert_memory_equal(&got, &m, sizeof m);
    assert_int_equal(channel_send(ends[1], &m, file), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(channel_hear(ends[0], &got), CHANNEL_FOREIGN);
    assert_int_equal(probe_count_descriptors(), before + 2);
    channel_close(&ends[0]);
    assert_int_equal(ends[0], -1);
    int r = channel_send(ends[1], &m, file); /* by whether the last close has happened yet */
    assert_true(r == -EPIPE || r == -ECONNRESET);
    int status = -1;
    assert_true(wait(&status) > 0); /* the child that closed it */
    assert_int_equal(status, 0);
    close(ends[1]);
    assert_int_equal(probe_count_descriptors(), before);
    close(file);
}

static void test_the_master_closes_what_holds_words_alone(void **unused)
{
    int ends[2];
    struct channel_message m = message_of(CHANNEL_READY, "");
    (void)unused;
    assert_int_equal(channel_pair(ends, NULL), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(channel_send(ends[1], &m, -1), 0);
    assert_int_equal(send(ends[1], "short", 5, 0), 5);
    channel_close(&ends[0]);
    channel_close(&ends[0]);          /* again: nothing */
    assert_int_equal(wait(NULL), -1); /* no child was needed */
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_go_both_ways),
        cmocka_unit_test(test_end_with_unread_words),
        cmocka_unit_test(test_descriptor_travels),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_what_is_no_message),
        cmocka_unit_test(test_no_descriptor_to_spare),
        cmocka_unit_test(test_the_master_takes_no_descriptor),
        cmocka_unit_test(test_the_master_closes_what_holds_words_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
