/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/process.h"
#include "host/reach.h"

static char folder[] = "/tmp/ganger-reach-XXXXXX";

/* Who owns the file: us.  Others are told apart by numbers that nobody has. */
static gid_t stranger_groups[] = {4000000001u};
static const struct identity stranger = {.uid = 4000000000u, .gid = 4000000000u};
static struct identity member = {
    .uid = 4000000000u, .gid = 4000000000u, .groups = stranger_groups, .group_count = 1};

static void test_modes(void **unused)
{
    static const struct {
        mode_t folder, file;
        int others, group; /* what a stranger and a member of the file's group get */
    } rows[] = {
        {0755, 0644, 0, 0},
        {0755, 0640, -EACCES, 0},
        {0755, 0604, 0, -EACCES},
        {0750, 0644, -EACCES, 0},
        {0711, 0644, 0, 0},
        {0700, 0644, -EACCES, -EACCES},
        {0744, 0644, -EACCES, -EACCES},
    };
    char path[64];
    struct error err = ERROR_NONE;

    (void)unused;
    (void)snprintf(path, sizeof path, "%s/file", folder);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    stranger_groups[0] = getegid();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(chmod(folder, rows[i].folder), 0);
        assert_int_equal(chmod(path, rows[i].file), 0);
        assert_int_equal(reach_readable(path, NULL, &stranger, &err), rows[i].others);
        assert_int_equal(reach_readable(path, NULL, &member, &err), rows[i].group);
        assert_int_equal(reach_readable("/file", folder, &stranger, &err),
                         rows[i].folder == 0700 || rows[i].folder == 0744 || rows[i].folder == 0750
                             ? -EACCES
                             : rows[i].others);
    }
    assert_non_null(strstr(err.text, folder));
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(reach_readable(path, NULL, NULL, &err), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(reach_readable(path, NULL, NULL, &err), -ENOENT);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(reach_readable(path, NULL, &stranger, &err), -ENOENT);
}

static void test_long_paths(void **unused)
{
    static char path[8192];

    (void)unused;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    assert_int_equal(reach_readable(path, NULL, NULL, NULL), -ENAMETOOLONG);
}

static void test_siblings(void **unused)
{
    struct error err = ERROR_NONE;
    char *own = realpath("/proc/self/exe", NULL);

    (void)unused;
    char *found = process_sibling_path(strrchr(own, '/') + 1, &err);
    assert_string_equal(found, own);
    free(found);
    free(own);
    assert_null(process_sibling_path("no-such-file.so", &err));
    assert_non_null(strstr(err.text, "/no-such-file.so nor /"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_siblings),
    };

    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}
