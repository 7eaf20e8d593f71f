/* SPDX-License-Identifier: Apache-2.0 */
/* Log files opened by a master that may be root: what is followed, and what the descriptors are good for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/append.h"

#define STRANGER 54321u

static char folder[] = "/tmp/ganger-append-XXXXXX";

static int make_folder(void **unused)
{
    (void)unused;
    return mkdtemp(folder) == NULL || chdir(folder) < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_folder(void **unused)
{
    (void)unused;
    return chdir("/") < 0 ? -1 : nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *below(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* 0, or the errno value that it is refused with, by a check as well. */
static int try_path(const char *name)
{
    struct error err = ERROR_NONE;
    const char *path = below(name);
    int keep = 0;
    int checked = append_check(path, &err);
    int fd = append_open(path, &keep, &err);

    assert_int_equal(checked < 0, fd < 0);
    if (fd < 0) {
        assert_int_equal(keep, -1);
        assert_non_null(strstr(err.text, path));
        return err.number;
    }
    assert_true(fd > 2);
    assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
                     O_WRONLY | O_APPEND | O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    descriptor_close(&fd);
    descriptor_close(&keep);
    return 0;
}

static void put(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    descriptor_close(&fd);
}

static void test_paths(void **unused)
{
    (void)unused;
    assert_int_equal(mkdir("real", 0755), 0);
    assert_int_equal(mkdir("real/deep", 0755), 0);
    assert_int_equal(symlink("real", "near"), 0);
    assert_int_equal(symlink(below("near/deep/"), "far"), 0); /* through another one */
    assert_int_equal(symlink("../real/../far", "real/up"), 0);
    assert_int_equal(symlink("round", "round"), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    put("file");
    put("twice");
    assert_int_equal(link("twice", "real/once"), 0);
    assert_int_equal(symlink("../file", "real/link"), 0);
    const struct {
        const char *name;
        int number;
    } cases[] = {
        {"a.log", 0},
        {"real/deep/b.log", 0},
        {"real//./deep/../c.log", 0},
        {"near/d.log", 0},
        {"far/e.log", 0},
        {"real/up/f.log", 0},
        {"none/g.log", ENOENT},
        {"dangling/g.log", ENOENT},
        {"round/g.log", ELOOP},
        {"file/g.log", ENOTDIR},
        {"real/link/g.log", ENOTDIR},
        {"real/link", ELOOP},
        {"real/once", EMLINK},
        {"real/", EISDIR},
        {"real/..", EISDIR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (try_path(cases[i].name) != cases[i].number)
            fail_msg("%s", cases[i].name);
    }
    assert_int_equal(access("real/deep/e.log", F_OK), 0);
    assert_int_equal(access("real/deep/f.log", F_OK), 0);
}

/* Whoever may write to a folder on the way cannot lead us elsewhere, nor by way of a link of ours. */
static void test_links_of_others(void **unused)
{
    (void)unused;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir("victim", 0755), 0);
    assert_int_equal(mkdir("theirs", 0755), 0);
    assert_int_equal(mkdir("theirs/logs", 0755), 0);
    assert_int_equal(symlink("../victim", "theirs/bad"), 0);
    assert_int_equal(chown("theirs", STRANGER, STRANGER), 0);
    assert_int_equal(lchown("theirs/bad", STRANGER, STRANGER), 0);
    assert_int_equal(symlink("theirs/logs", "good"), 0);
    assert_int_equal(symlink("theirs/bad", "ours"), 0);
    assert_int_equal(try_path("theirs/logs/a.log"), 0);
    assert_int_equal(try_path("good/b.log"), 0);
    assert_int_equal(try_path("theirs/bad/c.log"), ELOOP);
    assert_int_equal(try_path("ours/c.log"), ELOOP);
    assert_int_equal(access("victim/c.log", F_OK), -1);
}

static void test_a_fifo(void **unused)
{
    struct error err = ERROR_NONE;
    char text[16];
    int keep = -1;

    (void)unused;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    for (int reader = -1, i = 0; i < 2; i++) { /* nobody reads it; somebody does */
        int fd = append_open(below("fifo"), &keep, &err);

        assert_true(fd > 2 && keep > 2);
        assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
        assert_int_equal(read(fd, text, sizeof text), -1);
        assert_int_equal(fcntl(keep, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(keep, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        assert_int_equal(write(fd, "line\n", 5), 5);
        descriptor_close(&reader);
        reader = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_int_equal(read(reader, text, sizeof text), 5); /* it has waited */
        descriptor_close(&fd);
        descriptor_close(&keep);
        if (i == 1)
            descriptor_close(&reader);
    }
}

static void test_streams(void **unused)
{
    struct error err = ERROR_NONE;
    int keep = 0;
    int fd = append_open("/dev/stderr", &keep, &err);

    (void)unused;
    assert_true(fd > 2);
    assert_int_equal(keep, -1);
    descriptor_close(&fd);
    assert_true(append_open("relative", &keep, &err) < 0);
    assert_int_equal(keep, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_links_of_others),
        cmocka_unit_test(test_a_fifo),
        cmocka_unit_test(test_streams),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
