/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told, in which order, and what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/log.h"
#include "master/keep.h"
#include "master/notify.h"

struct manager {
    int fd;
    sd_event *loop;
    struct notify notify;
};

static int setup(void **state)
{
    struct manager *m = calloc(1, sizeof *m);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct error err = ERROR_NONE;
    char name[64];

    assert_non_null(m);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)snprintf(name, sizeof name, "@ganger-unit-notify-%d", (int)getpid());
    memcpy(un.sun_path + 1, name + 1, strlen(name) - 1);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&un,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(setenv("FDSTORE", "2", 1), 0);
    assert_int_equal(sd_event_new(&m->loop), 0);
    assert_int_equal(notify_open(&m->notify, m->loop, &err), 0);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct manager *m = *state;

    notify_close(&m->notify);
    (void)sd_event_unref(m->loop);
    close(m->fd);
    free(m);
    return 0;
}

/* The next message; "" when there is none.  A descriptor that came with it is closed. */
static const char *heard(struct manager *m, bool *ret_fd)
{
    static char text[512];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(m->fd, &message, MSG_CMSG_CLOEXEC);

    *ret_fd = false;
    text[n < 0 ? 0 : n] = '\0';
    for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&message); c != NULL;
         c = CMSG_NXTHDR(&message, c)) {
        int fd;
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        *ret_fd = true;
        close(fd);
    }
    return text;
}

static void expect(struct manager *m, const char *wanted, bool with)
{
    bool fd;
    const char *text = heard(m, &fd);

    if (strncmp(text, wanted, strlen(wanted)) != 0 || (wanted[0] == '\0') != (text[0] == '\0'))
        fail_msg("heard \"%s\", not \"%s\"", text, wanted);
    assert_int_equal(fd, with);
}

static void test_words(void **state)
{
    struct manager *m = *state;
    const struct crew_count count = {.pools = 2, .workers = 5};
    const struct crew_count ill = {.pools = 2, .workers = 5, .failing = 1};

    notify_ready(&m->notify, &count);
    expect(m, "READY=1\nSTATUS=2 pools, 5 workers", false);
    notify_changes(&m->notify, &count);
    expect(m, "", false);
    notify_changes(&m->notify, &ill);
    expect(m, "STATUS=2 pools, 5 workers; 1 failing, 0 failed", false);
    notify_reloading(&m->notify);
    expect(m, "RELOADING=1\nMONOTONIC_USEC=", false);
    notify_ready(&m->notify, &count);
    expect(m, "READY=1\n", false);
    notify_stopping(&m->notify, "bye", 40000000);
    expect(m, "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000\nSTATUS=bye", false);
    expect(m, "", false);
}

/* While nobody reads: descriptors wait in order, and of the states the last alone. */
static void test_c90_full(void **state)
{
    struct manager *m = *state;
    const struct crew_count count = {.pools = 1};
    unsigned filled = 0;

    while (m->notify.first == NULL) {
        notify_unstore(&m->notify, "filler");
        filled++;
        assert_true(filled < 100000);
    }
    notify_ready(&m->notify, &count);
    notify_store(&m->notify, "a", 0);
    notify_reloading(&m->notify);
    notify_ready(&m->notify, &count);
    for (; filled > 1; filled--)
        expect(m, "FDSTOREREMOVE=1\nFDNAME=filler", false);
    while (m->notify.first != NULL)
        assert_true(sd_event_run(m->loop, 5000000) > 0);
    expect(m, "FDSTOREREMOVE=1\nFDNAME=filler", false);
    expect(m, "FDSTORE=1\nFDPOLL=0\nFDNAME=a", true);
    expect(m, "READY=1\n", false);
    expect(m, "", false);
}

static struct address address_of(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(&a, text, NULL), 0);
    return a;
}

/* A socket is kept from its first user to its last. */
static void test_c92_kept(void **state)
{
    struct manager *m = *state;
    const struct address a = address_of("/run/a"), b = address_of("/run/b"), c = address_of("@c");
    struct keep k;

    keep_open(&k, &m->notify);
    assert_true(keep_active(&k));
    const struct port_keeper *keeper = &k.keeper;
    int one = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int two = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int same = dup(one);

    keeper->keep(k.keeper.cookie, &a, one, true);
    expect(m, "FDSTOREREMOVE=1\nFDNAME=listen=/run/a", false); /* an older one of the name */
    expect(m, "FDSTORE=1\nFDPOLL=0\nFDNAME=listen=/run/a", true);
    assert_true(keep_holds(&k, "listen=/run/a"));
    keeper->keep(k.keeper.cookie, &a, same, false); /* the next generation */
    keeper->drop(k.keeper.cookie, &a, one);
    expect(m, "", false);
    keeper->keep(k.keeper.cookie, &a, two, true); /* the address was bound anew */
    expect(m, "FDSTOREREMOVE=1\nFDNAME=listen=/run/a", false);
    expect(m, "FDSTORE=1\nFDPOLL=0\nFDNAME=listen=/run/a", true);
    keeper->drop(k.keeper.cookie, &a, same); /* the old one is of no interest */
    expect(m, "", false);
    keeper->keep(k.keeper.cookie, &b, one, false);
    expect(m, "FDSTORE=1\nFDPOLL=0\nFDNAME=listen=/run/b", true);
    keeper->keep(k.keeper.cookie, &c, same, true); /* the store takes two */
    expect(m, "", false);
    keeper->drop(k.keeper.cookie, &c, same);
    expect(m, "", false);
    keeper->drop(k.keeper.cookie, &b, one);
    expect(m, "FDSTOREREMOVE=1\nFDNAME=listen=/run/b", false);
    keep_stop(&k);
    keeper->drop(k.keeper.cookie, &a, two);
    expect(m, "", false);
    keep_close(&k);
    close(one);
    close(two);
    close(same);
}

static void test_no_store(void **state)
{
    static const char *const values[] = {"0", "", "x", "-1", "99999999999"};
    struct manager *m = *state;
    struct keep k;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(setenv("FDSTORE", values[i], 1), 0);
        keep_open(&k, &m->notify);
        assert_false(keep_active(&k));
        keep_close(&k);
    }
    assert_int_equal(unsetenv("FDSTORE"), 0);
    keep_open(&k, &m->notify);
    assert_false(keep_active(&k));
    assert_int_equal(setenv("FDSTORE", "9", 1), 0);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    keep_open(&k, &m->notify);
    assert_false(keep_active(&k));
    notify_store(&m->notify, "a", 0); /* to nobody: nothing waits */
    assert_null(m->notify.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_c90_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_c92_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_store, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
