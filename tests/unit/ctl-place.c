/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may type where a socket is wanted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/place.h"

static char folder[] = "/tmp/ctl-place-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) < 0)
        return -1;
    int fd = open("9000", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    return fd < 0 || close(fd) < 0 || symlink("9000", "link") < 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("9000");
    unlink("link");
    return chdir("/") < 0 || rmdir(folder) < 0;
}

static const struct {
    const char *text;
    const char *want; /* "./" stands for the folder; NULL: refused */
} rows[] = {
    {"/run/x.sock", "/run/x.sock"},
    {"/run//./x.sock", "/run/x.sock"},
    {"@name", "@name"},
    {"@a/../b", "@a/../b"},
    {"127.0.0.1:9001", "127.0.0.1:9001"},
    {"localhost:9001", "127.0.0.1:9001"},
    {"[::1]:9001", "[::1]:9001"},
    {"9000", "./9000"}, /* an existing file comes before a port */
    {"./9000", "./9000"},
    {"link", "./9000"},
    {"./no/such", NULL},
    {"no.such", NULL},
    {"systemd:web", NULL},
    {"", NULL},
    {"/", NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a;
        struct error err = ERROR_NONE;
        char want[128] = "";
        int rc = place_parse(&a, rows[i].text, &err);
        if ((rc < 0) != (rows[i].want == NULL))
            fail_msg("\"%s\" gave %d: %s", rows[i].text, rc, err.text);
        if (rc < 0) {
            assert_true(err.text[0] != '\0');
            continue;
        }
        bool here = strncmp(rows[i].want, "./", 2) == 0;
        snprintf(want, sizeof want, "%s%s", here ? folder : "", rows[i].want + (here ? 1 : 0));
        assert_string_equal(a.text, want);
    }
}

static void test_dots_and_long_names(void **state)
{
    (void)state;
    struct address a;
    char text[300];
    char want[64];
    snprintf(text, sizeof text, "%s/../%s/9000", folder, folder + 5);
    snprintf(want, sizeof want, "%s/9000", folder);
    assert_int_equal(place_parse(&a, text, NULL), 0);
    assert_string_equal(a.text, want);
    memset(text, 'a', sizeof text - 1);
    text[0] = '/';
    text[sizeof text - 1] = '\0';
    assert_true(place_parse(&a, text, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_dots_and_long_names)};
    return cmocka_run_group_tests_name("ctl-place", tests, set_up, tear_down);
}
