/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a request runs: one row per case, in a folder made for the test. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "serve/launch.h"
#include "serve/script.h"

static char base[64] = "/tmp/ganger-script-XXXXXX";
static char root[96];
static char link_root[96];

static char *at(char *out, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", base, name);
    return out;
}

static void make_file(const char *name, mode_t mode)
{
    char path[PATH_MAX];
    int fd = open(at(path, name), O_CREAT | O_WRONLY | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void make_link(const char *target, const char *name)
{
    char path[PATH_MAX];
    assert_int_equal(symlink(target, at(path, name)), 0);
}

static void make_folder(const char *name)
{
    char path[PATH_MAX];
    assert_int_equal(mkdir(at(path, name), 0755), 0);
}

static int setup(void **state)
{
    char path[PATH_MAX];

    (void)state;
    assert_non_null(mkdtemp(base));
    make_folder("root");
    make_folder("root/dir");
    make_folder("root-evil");
    make_file("root/x.cgi", 0755);
    make_file("root/dir/y.pl", 0755);
    make_file("root/plain.cgi", 0644);
    make_file("root/.cgi", 0755);
    make_file("root-evil/x.cgi", 0755);
    make_file("outside", 0755);
    make_link("x.cgi", "root/inside.cgi");
    make_link("../outside", "root/out.cgi");
    make_link("loop.cgi", "root/loop.cgi");
    make_link("/proc/self/exe", "root/magic.cgi");
    make_link("nothing", "root/dangling.cgi");
    make_link("root", "link");
    assert_int_equal(mkfifo(at(path, "root/fifo.cgi"), 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    snprintf(root, sizeof root, "%s/root", base);
    snprintf(link_root, sizeof link_root, "%s/link", base);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"root/x.cgi",
                                        "root/dir/y.pl",
                                        "root/plain.cgi",
                                        "root/.cgi",
                                        "root-evil/x.cgi",
                                        "outside",
                                        "root/inside.cgi",
                                        "root/out.cgi",
                                        "root/loop.cgi",
                                        "root/magic.cgi",
                                        "root/fifo.cgi",
                                        "root/dangling.cgi",
                                        "link",
                                        "root/dir",
                                        "root",
                                        "root-evil",
                                        ""};
    char path[PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)remove(at(path, names[i]));
    return 0;
}

static enum script_outcome resolve(struct script *s, const char *original, char *const *extensions)
{
    char *roots[] = {"/nonexistent-root", root, NULL};
    return script_resolve(s, original, roots, extensions);
}

static void test_rows(void **state)
{
    static const struct {
        const char *name; /* beneath the base */
        enum script_outcome outcome;
        const char *script; /* when found */
        const char *info;
    } rows[] = {
        {"root/x.cgi", SCRIPT_FOUND, "root/x.cgi", ""},
        {"root/x.cgi/", SCRIPT_FOUND, "root/x.cgi", "/"},
        {"root/x.cgi/a/b", SCRIPT_FOUND, "root/x.cgi", "/a/b"},
        {"root/x.cgi//a", SCRIPT_FOUND, "root/x.cgi", "//a"},
        {"root//x.cgi", SCRIPT_FOUND, "root//x.cgi", ""},
        {"root/./x.cgi", SCRIPT_FOUND, "root/./x.cgi", ""},
        {"root/dir/y.pl/z", SCRIPT_FOUND, "root/dir/y.pl", "/z"},
        {"root/inside.cgi/i", SCRIPT_FOUND, "root/inside.cgi", "/i"},
        {"link/x.cgi", SCRIPT_FOUND, "link/x.cgi", ""},
        {"root/x.cg", SCRIPT_ABSENT, NULL, NULL},
        {"root/x.cgix/a", SCRIPT_ABSENT, NULL, NULL},
        {"root/dir/none", SCRIPT_ABSENT, NULL, NULL},
        {"root/dangling.cgi", SCRIPT_ABSENT, NULL, NULL},
        {"root/dir", SCRIPT_FOLDER, NULL, NULL},
        {"root/dir/", SCRIPT_FOLDER, NULL, NULL},
        {"root", SCRIPT_OUTSIDE, NULL, NULL},
        {"root/plain.cgi", SCRIPT_NOT_EXECUTABLE, NULL, NULL},
        {"root/fifo.cgi", SCRIPT_SPECIAL, NULL, NULL},
        {"root/out.cgi", SCRIPT_OUTSIDE, NULL, NULL},
        {"outside", SCRIPT_OUTSIDE, NULL, NULL},
        {"root-evil/x.cgi", SCRIPT_OUTSIDE, NULL, NULL},
        {"root/../root/x.cgi", SCRIPT_DOTS, NULL, NULL},
        {"root/x.cgi/..", SCRIPT_DOTS, NULL, NULL},
        {"root/loop.cgi", SCRIPT_UNREADABLE, NULL, NULL},
    };
    static struct script s;
    char original[PATH_MAX], want[PATH_MAX], whole[PATH_MAX * 2];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum script_outcome outcome = resolve(&s, at(original, rows[i].name), NULL);
        if (outcome != rows[i].outcome)
            fail_msg("%s: outcome %d, not %d", rows[i].name, outcome, rows[i].outcome);
        if (outcome != SCRIPT_FOUND)
            continue;
        snprintf(whole, sizeof whole, "%s%s", s.path, s.path_info);
        assert_string_equal(whole, original); /* nothing is lost and nothing invented */
        assert_string_equal(s.path, at(want, rows[i].script));
        assert_string_equal(s.path_info, rows[i].info);
    }
}

static void test_what_is_run_has_no_links(void **state)
{
    static struct script s;
    char original[PATH_MAX], want[PATH_MAX];

    (void)state;
    assert_int_equal(resolve(&s, at(original, "link/inside.cgi"), NULL), SCRIPT_FOUND);
    assert_string_equal(s.real, at(want, "root/x.cgi"));
    assert_string_equal(s.path, at(want, "link/inside.cgi"));
    assert_string_equal(s.folder, at(want, "link"));
}

static void test_odd_texts(void **state)
{
    static struct script s;
    char *empty[] = {NULL};
    char *through_link[] = {link_root, NULL};
    char *all[] = {"/", NULL};
    char *slashed[] = {strcat(root, "/"), NULL};
    char original[PATH_MAX];
    char long_text[PATH_MAX + 2];

    (void)state;
    at(original, "root/x.cgi");
    assert_int_equal(script_resolve(&s, original, NULL, NULL), SCRIPT_NO_ROOT);
    assert_int_equal(script_resolve(&s, original, empty, NULL), SCRIPT_NO_ROOT);
    assert_int_equal(script_resolve(&s, original, through_link, NULL), SCRIPT_FOUND);
    assert_int_equal(script_resolve(&s, original, all, NULL), SCRIPT_FOUND);
    assert_int_equal(script_resolve(&s, original, slashed, NULL), SCRIPT_FOUND);
    root[strlen(root) - 1] = '\0';
    assert_int_equal(resolve(&s, "", NULL), SCRIPT_ABSENT);
    assert_int_equal(resolve(&s, "/", NULL), SCRIPT_OUTSIDE);
    assert_int_equal(resolve(&s, "x.cgi", NULL), SCRIPT_ABSENT);
    assert_int_equal(resolve(&s, "/dev/null", NULL), SCRIPT_OUTSIDE);
    /* How a magic link is refused depends on the kernel's openat2. */
    assert_int_equal(script_outcome_status(resolve(&s, "/dev/fd/0", NULL)), 403);
    assert_int_equal(script_outcome_status(resolve(&s, "/proc/self/exe", NULL)), 403);
    at(original, "root/magic.cgi");
    assert_int_equal(script_outcome_status(resolve(&s, original, NULL)), 403);
    memset(long_text, '/', sizeof long_text);
    long_text[PATH_MAX + 1] = '\0';
    assert_int_equal(resolve(&s, long_text, NULL), SCRIPT_ABSENT);
    memset(long_text + 1, 'x', 300);
    long_text[301] = '\0';
    assert_int_equal(resolve(&s, long_text, NULL), SCRIPT_ABSENT);
}

static void test_extensions(void **state)
{
    static struct script s;
    char *cgi[] = {".pl", ".cgi", NULL};
    char *pl[] = {".pl", NULL};
    char original[PATH_MAX];

    (void)state;
    assert_int_equal(resolve(&s, at(original, "root/x.cgi/a.php"), cgi), SCRIPT_FOUND);
    assert_int_equal(resolve(&s, at(original, "root/x.cgi/a.pl"), pl), SCRIPT_EXTENSION);
    /* An ending alone is no name. */
    assert_int_equal(resolve(&s, at(original, "root/.cgi"), cgi), SCRIPT_EXTENSION);
}

static void test_every_outcome_has_words(void **state)
{
    (void)state;
    for (enum script_outcome o = SCRIPT_ABSENT; o <= SCRIPT_TROUBLE; o++) {
        unsigned status = script_outcome_status(o);
        assert_true(status == 403 || status == 404 || status == 503);
        assert_true(strlen(script_outcome_text(o)) > 5);
    }
}

static void test_script_name(void **state)
{
    (void)state;
    assert_int_equal(script_name_length("/cgi/x/a/b", "/a/b"), 6);
    assert_int_equal(script_name_length("/cgi/x", "/a/b"), 6);
    assert_int_equal(script_name_length("/a/b", "/a/b"), 0);
    assert_int_equal(script_name_length("b", "/a/b"), 1);
    assert_int_equal(script_name_length("/cgi", ""), 4);
}

static void test_status_of_a_failed_start(void **state)
{
    static const struct {
        int number;
        bool exec_step, command, there;
        unsigned status;
    } rows[] = {
        {ENOENT, true, false, false, 404}, {ENOENT, true, false, true, 503},
        {ENOENT, true, true, false, 503},  {ENOENT, false, false, false, 503},
        {EACCES, true, false, true, 403},  {EACCES, false, false, true, 403},
        {EPERM, true, false, true, 403},   {EACCES, true, true, true, 503},
        {E2BIG, true, false, true, 431},   {E2BIG, true, true, true, 431},
        {ENOEXEC, true, false, true, 503}, {ETXTBSY, true, false, true, 503},
        {EAGAIN, false, false, true, 503}, {EMFILE, false, false, true, 503},
        {ENOMEM, false, false, true, 503},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(
            launch_status(rows[i].number, rows[i].exec_step, rows[i].command, rows[i].there),
            rows[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_is_run_has_no_links),
        cmocka_unit_test(test_odd_texts),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_every_outcome_has_words),
        cmocka_unit_test(test_script_name),
        cmocka_unit_test(test_status_of_a_failed_start),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
