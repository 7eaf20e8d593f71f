/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that were handed over: their names, what is refused, and who gets which (FAULTS C91, C94). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/inherited.h"
#include "host_folder.h"

static struct socket_plan plan_for(const char *text)
{
    struct socket_plan plan = {
        .backlog = -1, .owner = (uid_t)-1, .group = (gid_t)-1, .mode = 0660, .nonblock = true};
    struct error err = ERROR_NONE;

    if (address_parse(&plan.address, text, &err) != 0)
        fail_msg("%s", err.text);
    return plan;
}

static int listen_at(const char *text)
{
    struct socket_plan plan = plan_for(text);
    struct error err = ERROR_NONE;
    int fd = -1;

    if (socket_listen(&plan, &fd, &err) != 0)
        fail_msg("%s", err.text);
    return fd;
}

static void must_add(struct inherited *l, const char *name, int fd)
{
    struct error err = ERROR_NONE;

    if (inherited_add(l, name, fd, &err) < 0)
        fail_msg("%s: %s", name, err.text);
}

/* As ports do: 0 and the descriptor closed again, or what inherited_take() says. */
static int take(struct inherited *l, const char *text, bool *foreign, struct error *err)
{
    struct socket_plan plan = plan_for(text);
    int fd = -1;
    int r = inherited_take(l, &plan, &fd, foreign, err);

    if (r == 0) {
        assert_true(fd >= 3);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        close(fd);
    }
    return r;
}

static void test_names(void **unused)
{
    static const struct {
        const char *address, *name; /* NULL: none */
    } rows[] = {
        {"/run/a.sock", "listen=/run/a.sock"},   {"127.0.0.1:9000", "listen=127.0.0.1%3A9000"},
        {"[::1]:80", "listen=[%3A%3A1]%3A80"},   {"@a:b c%", "listen=@a%3Ab%20c%25"},
        {"/run/\xc3\xa4", "listen=/run/%C3%A4"},
    };
    char name[INHERITED_NAME_MAX + 1];

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct socket_plan plan = plan_for(rows[i].address);
        assert_int_equal(inherited_name(name, &plan.address), 0);
        assert_string_equal(name, rows[i].name);
    }
    /* 100 bytes that take three each do not fit. */
    char text[102] = "@";
    memset(text + 1, ':', 100);
    text[101] = '\0';
    struct socket_plan plan = plan_for(text);
    assert_true(inherited_name(name, &plan.address) < 0);
}

/* The name says whether it is one of ours; only what we would write is. */
static void test_c94_which_names_are_ours(void **unused)
{
    static const struct {
        const char *name;
        bool stored;
    } rows[] = {
        {"listen=/run/a.sock", true},
        {"listen=127.0.0.1%3A9000", true},
        {"listen=@x", true},
        {"listen=/run//a.sock", false},
        {"listen=/run/a%2Esock", false},
        {"listen=/run/a%", false},
        {"listen=/run/a%2", false},
        {"listen=/run/a%zz", false},
        {"listen=/run/a%00b", false},
        {"listen=systemd%3Aweb", false},
        {"listen=", false},
        {"listen", false},
        {"stored", false},
        {"", false},
        {"listen=127.0.0.1%3a9000", false},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inherited l = {0};
        must_add(&l, rows[i].name, listen_at("@ganger-unit-inherited"));
        if (l.items[0].stored != rows[i].stored)
            fail_msg("%s", rows[i].name);
        inherited_clear(&l);
    }
}

static void test_c91_what_is_refused(void **unused)
{
    struct inherited l = {0};
    int ends[2];
    struct {
        int fd;
        const char *said;
    } rows[] = {
        {open("/dev/null", O_RDWR | O_CLOEXEC), "no socket"},
        {socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "no stream socket"},
        {socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "does not listen"},
        {socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "no stream socket"},
        {socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), "neither of unix nor of the internet"},
        {-1, "does not listen"},
        {1000000, "no socket"},
    };

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    rows[5].fd = ends[0];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_NONE;

        assert_true(inherited_add(&l, "x", rows[i].fd, &err) < 0);
        if (strstr(err.text, rows[i].said) == NULL)
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(l.count, 0);
        if (rows[i].fd != 1000000)
            assert_int_equal(close(rows[i].fd), 0); /* it is still ours */
    }
    close(ends[1]);
    inherited_clear(&l);
}

static unsigned told;
static void count(void *cookie, const struct inherited_socket *s)
{
    (void)cookie;
    (void)s;
    told++;
}

static void test_c91_who_gets_which(void **unused)
{
    struct inherited l = {0};
    struct error err = ERROR_NONE;
    bool foreign = false;
    char mine[256], theirs[256], name[300];

    (void)unused;
    (void)snprintf(mine, sizeof mine, "%s/mine.sock", folder);
    (void)snprintf(theirs, sizeof theirs, "%s/theirs.sock", folder);
    (void)snprintf(name, sizeof name, "listen=%s", mine);
    must_add(&l, name, listen_at(mine));
    must_add(&l, "web", listen_at(theirs));
    must_add(&l, "web", listen_at("@ganger-unit-second"));
    must_add(&l, "gone", listen_at("@ganger-unit-gone"));

    assert_int_equal(take(&l, "systemd:web", &foreign, &err), 0);
    assert_true(foreign);
    assert_int_equal(take(&l, theirs, &foreign, &err), 0); /* by its address: the same one */
    assert_true(foreign);
    assert_int_equal(take(&l, "@ganger-unit-second", &foreign, &err), 0);
    assert_int_equal(take(&l, mine, &foreign, &err), 0);
    assert_false(foreign);
    assert_int_equal(take(&l, "@ganger-unit-none", &foreign, &err), INHERITED_NONE);
    assert_true(take(&l, "systemd:other", &foreign, &err) < 0);
    assert_non_null(strstr(err.text, "it did: web web gone"));

    told = 0;
    inherited_close_rest(&l, count, NULL);
    assert_int_equal(told, 1);
    /* Those of systemd's that are wanted can be had again, for a pool that was stopped. */
    assert_int_equal(take(&l, "systemd:web", &foreign, &err), 0);
    assert_int_equal(take(&l, mine, &foreign, &err), INHERITED_NONE);
    assert_true(take(&l, "systemd:gone", &foreign, &err) < 0);
    inherited_clear(&l);
    assert_int_equal(access(mine, F_OK), 0);
    (void)unlink(mine);
    (void)unlink(theirs);
}

/* The path leads to another socket by now: what is in the store is not what its name says. */
static void test_c94_a_path_that_somebody_else_has(void **unused)
{
    struct inherited l = {0};
    struct error err = ERROR_NONE;
    char path[256], name[300];
    bool foreign = false;

    (void)unused;
    (void)snprintf(path, sizeof path, "%s/x.sock", folder);
    (void)snprintf(name, sizeof name, "listen=%s", path);
    must_add(&l, name, listen_at(path));
    must_add(&l, "listen=127.0.0.1%3A1", listen_at("@ganger-unit-liar"));
    assert_int_equal(unlink(path), 0);
    int other = listen_at(path);
    assert_int_equal(take(&l, path, &foreign, &err), INHERITED_NONE);
    assert_int_equal(take(&l, "127.0.0.1:1", &foreign, &err), INHERITED_NONE);
    told = 0;
    inherited_close_rest(&l, count, NULL);
    assert_int_equal(told, 2);
    assert_int_equal(access(path, F_OK), 0); /* not ours to unlink */
    close(other);
    (void)unlink(path);
    inherited_clear(&l);
}

/* Mode and owner of ours follow the plan; systemd's stay. */
static void test_adopted_as_planned(void **unused)
{
    struct error err = ERROR_NONE;
    struct stat st;
    char path[256];

    (void)unused;
    (void)snprintf(path, sizeof path, "%s/x.sock", folder);
    int fd = listen_at(path);
    struct socket_plan plan = plan_for(path);
    plan.mode = 0600;
    plan.nonblock = false;
    assert_int_equal(socket_adopt(&plan, fd, false, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(socket_adopt(&plan, fd, true, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(socket_is_far(fd));
    struct socket_plan elsewhere = plan_for("@ganger-unit-elsewhere");
    assert_int_equal(socket_adopt(&elsewhere, fd, true, &err), SOCKET_OTHER);
    close(fd);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_c94_which_names_are_ours),
        cmocka_unit_test(test_c91_what_is_refused),
        IN_FOLDER(test_c91_who_gets_which),
        IN_FOLDER(test_c94_a_path_that_somebody_else_has),
        IN_FOLDER(test_adopted_as_planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
