/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name and number (FAULTS C80). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/identity.h"

static void test_c80_unknown_and_wrong_names(void **unused)
{
    static const char *const names[] = {"no-such-thing", "-1", "+1",     " 0",
                                        "0x0",           "",   "1.5",    "4294967295",
                                        "4294967296",    "0 ", "root\n", "18446744073709551616",
                                        "\x1b[31mroot"};
    char longest[5000];
    (void)unused;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
        const char *name = i < sizeof names / sizeof names[0] ? names[i] : longest;
        struct identity id;
        struct error err = ERROR_NONE;
        uid_t uid = 77;
        gid_t gid = 77;
        assert_int_equal(identity_user(name, &uid, &err), IDENTITY_UNKNOWN);
        assert_non_null(strstr(err.text, "user"));
        assert_null(strchr(err.text, '\x1b'));
        assert_null(strchr(err.text, '\n'));
        assert_int_equal(identity_group(name, &gid, &err), IDENTITY_UNKNOWN);
        assert_non_null(strstr(err.text, "group"));
        assert_int_equal(uid, 77);
        assert_int_equal(gid, 77);
        assert_int_equal(identity_resolve(&id, name, NULL, &err), IDENTITY_UNKNOWN);
        assert_int_equal(identity_resolve(&id, "root", name, &err), IDENTITY_UNKNOWN);
        assert_non_null(strstr(err.text, "group"));
    }
}

static void test_numbers_need_no_entry(void **unused)
{
    struct identity id;
    (void)unused;
    assert_int_equal(identity_resolve(&id, "3999999999", NULL, NULL), 0);
    assert_int_equal(id.uid, 3999999999u);
    assert_int_equal(id.gid, 3999999999u);
    assert_int_equal(id.group_count, 0);
    assert_string_equal(id.name, "3999999999");
    identity_clear(&id);
    identity_clear(&id);
    assert_int_equal(identity_resolve(&id, "4294967294", "123456", NULL), 0);
    assert_int_equal(id.uid, 4294967294u);
    assert_int_equal(id.gid, 123456);
    assert_int_equal(id.group_count, 0);
    identity_clear(&id);
}

/* Every user of this machine, by name and by number, against what the system's own functions say. */
static void test_every_user_here(void **unused)
{
    struct passwd *pw;
    (void)unused;
    setpwent();
    while ((pw = getpwent()) != NULL) {
        char name[256], number[16];
        gid_t groups[1024];
        int count = 1024;
        snprintf(name, sizeof name, "%s", pw->pw_name);
        snprintf(number, sizeof number, "%u", pw->pw_uid);
        assert_true(getgrouplist(name, pw->pw_gid, groups, &count) >= 0);
        struct passwd *first = getpwuid(pw->pw_uid);
        bool alias = strcmp(first->pw_name, name) != 0;
        pw = getpwnam(name);
        const char *const spellings[] = {name, number};
        for (int i = 0; i < (alias ? 1 : 2); i++) {
            struct identity id;
            assert_int_equal(identity_resolve(&id, spellings[i], NULL, NULL), 0);
            assert_int_equal(id.uid, pw->pw_uid);
            assert_int_equal(id.gid, pw->pw_gid);
            for (size_t g = 1; g < id.group_count; g++)
                assert_true(id.groups[g - 1] < id.groups[g]);
            for (int g = 0; g < count; g++) {
                bool found = false;
                for (size_t k = 0; k < id.group_count; k++)
                    found = found || id.groups[k] == groups[g];
                assert_true(found);
            }
            assert_true(id.group_count <= (size_t)count);
            identity_clear(&id);
        }
    }
    endpwent();
}

static void test_group_given(void **unused)
{
    struct identity id;
    struct group *games = getgrnam("games");
    (void)unused;
    assert_non_null(games);
    assert_int_equal(identity_resolve(&id, "daemon", "games", NULL), 0);
    assert_int_equal(id.gid, games->gr_gid);
    /* The main group is the given one; the user's own primary group does not come along. */
    assert_int_equal(id.group_count, 1);
    assert_int_equal(id.groups[0], games->gr_gid);
    identity_clear(&id);
    assert_int_equal(identity_resolve(&id, "root", "0", NULL), 0);
    assert_int_equal(id.uid, 0);
    identity_clear(&id);
}

/* In a mount namespace of its own: a group file in which daemon is in 70 groups, the first of them
 * with 20000 members.  The exit status tells. */
static int with_crowded_groups(const char *file)
{
    struct identity id;
    gid_t gid = 0;
    FILE *out = fopen(file, "we");
    if (out == NULL)
        return 2;
    fprintf(out, "root:x:0:\ndaemon:x:1:\ncrowd:x:5000:");
    for (int i = 0; i < 20000; i++)
        fprintf(out, "member%d,", i);
    fprintf(out, "daemon\n");
    for (int i = 69; i > 0; i--)
        fprintf(out, "extra%d:x:%d:nobody,daemon\n", i, 5000 + i);
    if (fclose(out) != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(file, "/etc/group", "none", MS_BIND, NULL) < 0)
        return 3;
    if (identity_group("crowd", &gid, NULL) != 0 || gid != 5000)
        return 4;
    if (identity_resolve(&id, "daemon", NULL, NULL) != 0 || id.group_count != 71)
        return 5;
    for (size_t i = 0; i < 70; i++)
        if (id.groups[i + 1] != 5000 + i)
            return 6;
    identity_clear(&id);
    return 0;
}

static void test_c80_user_with_70_groups(void **unused)
{
    char file[] = "/tmp/ganger-group-XXXXXX";
    int status = 0;
    (void)unused;
    if (geteuid() != 0) {
        print_message("not root: cannot put another group file in place\n");
        skip();
    }
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    pid_t helper = fork();
    if (helper == 0)
        _exit(with_crowded_groups(file));
    assert_int_equal(waitpid(helper, &status, 0), helper);
    unlink(file);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
        print_message("no mount namespace to be had here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_names_of_numbers(void **unused)
{
    char *text = identity_user_name(0);
    (void)unused;
    assert_string_equal(text, "root");
    free(text);
    text = identity_group_name(0);
    assert_string_equal(text, "root");
    free(text);
    text = identity_user_name(3999999999u);
    assert_string_equal(text, "3999999999");
    free(text);
    text = identity_group_name(3999999999u);
    assert_string_equal(text, "3999999999");
    free(text);
    assert_int_equal(identity_is_root(), geteuid() == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c80_unknown_and_wrong_names),
        cmocka_unit_test(test_numbers_need_no_entry),
        cmocka_unit_test(test_every_user_here),
        cmocka_unit_test(test_group_given),
        cmocka_unit_test(test_c80_user_with_70_groups),
        cmocka_unit_test(test_names_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
