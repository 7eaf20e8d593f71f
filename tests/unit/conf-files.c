/* SPDX-License-Identifier: Apache-2.0 */
/* What is no configuration file: each gets a sentence with its place, and nothing waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conf/conf.h"

static char folder[] = "/tmp/ganger-files-XXXXXX";

static void put(const char *name, const void *data, size_t length)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    close(fd);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* Loading `name` must fail, and `want` be part of one of the complaints. */
static void refuse(const char *name, const char *want)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    bool found = false;
    assert_int_equal(conf_load(&conf, name, &complaints), CONF_INVALID);
    assert_null(conf);
    for (size_t i = 0; i < complaints.count; i++)
        found = found || strstr(complaints.items[i].text, want) != NULL;
    for (size_t i = 0; !found && i < complaints.count; i++)
        print_error("%s\n", complaints.items[i].text);
    if (!found)
        fail_msg("%s: nothing says: %s", name, want);
    conf_complaints_clear(&complaints);
}

static void accept_file(const char *name)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    int r = conf_load(&conf, name, &complaints);
    for (size_t i = 0; r != 0 && i < complaints.count; i++)
        print_error("%s\n", complaints.items[i].text);
    assert_int_equal(r, 0);
    conf_complaints_clear(&complaints);
    conf_free(conf);
}

static void test_special(void **unused)
{
    (void)unused;
    refuse("missing.conf", "missing.conf: cannot be opened: No such file or directory");
    refuse(folder, "is a directory; a regular file is needed");
    refuse("/dev/null", "is a character device; a regular file is needed");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    refuse("fifo", "is a FIFO; a regular file is needed");
    put_text("includes", "log_level = debug\ninclude(fifo)\ninclude(\"/dev/zero\")\n");
    refuse("includes", "includes:2: fifo is a FIFO");
    refuse("includes", "includes:3: /dev/zero is a character device");
    assert_int_equal(symlink("loop", "loop"), 0);
    refuse("loop", "Too many levels of symbolic links");
}

static void test_size(void **unused)
{
    (void)unused;
    put_text("big", "");
    assert_int_equal(truncate("big", (off_t)2 << 30), 0);
    refuse("big", "holds 2147483648 bytes; at most 16777216 are read");
    assert_int_equal(truncate("big", (off_t)(16u << 20) + 1), 0);
    refuse("big", "at most 16777216 are read");
    put_text("empty", "");
    accept_file("empty");
    put_text("blank", "\n\n");
    accept_file("blank");
    put_text("no-newline", "log_level = debug");
    accept_file("no-newline");
    put_text("crlf", "log_level = debug\r\n# x\r\npool a {\r\n listen = /run/a\r\n"
                     " pm.max_children = 1\r\n command = \"/bin/true\"\r\n}\r\n");
    accept_file("crlf");
    put_text("mark", "\xef\xbb\xbflog_level = debug\n");
    accept_file("mark");
}

static void test_bytes(void **unused)
{
    (void)unused;
    put("nul", "log_level = debug\n\0pid = x\n", 26);
    refuse("nul", "nul:2: a NUL byte");
    put_text("latin", "# gr\xfc\xdf\nlog_levl = x\n");
    refuse("latin", "latin:1: bytes that are not UTF-8");
    refuse("latin", "latin:2: unknown option log_levl"); /* and it goes on */
    put_text("overlong", "\n\npid = \"/\xc0\xaf\"\n");
    refuse("overlong", "overlong:3: bytes that are not UTF-8");
    put_text("escape", "error_log = \"/tmp/\x1b[2J\"\n");
    refuse("escape", "escape:1: a control character");
    put_text("spelt", "error_log = \"/tmp/\\e[2J\"\npool \"\\001\" { }\n");
    refuse("spelt", "spelt:1: error_log: /tmp/\\x1b[2J is not allowed");
    put_text("alone", "pool \"\\001\" { }\n");
    refuse("alone", "alone:1: a pool's name holds no control characters");
    put_text("valid", "syslog.ident = \"grüße\" # ✓\n");
    accept_file("valid");
}

static void test_permission(void **unused)
{
    (void)unused;
    if (geteuid() == 0) /* root reads everything */
        assert_int_equal(seteuid(65534), 0);
    put_text("locked", "");
    assert_int_equal(chmod("locked", 0), 0);
    refuse("locked", "Permission denied");
    unlink("locked");
    /* An ordinary user's folder is the session's, and never one under /tmp. */
    accept_file("valid");
    unsetenv("XDG_RUNTIME_DIR");
    refuse("valid", "valid: runtime_directory is not set");
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    refuse("valid", "valid: runtime_directory is not set");
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void test_depth(void **unused)
{
    (void)unused;
    char name[64], text[128];
    put_text("self", "include(self)\n");
    refuse("self", "self:1: include: self is being read already");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "deep%d", i);
        snprintf(text, sizeof text, "include(\"deep%d\")\n", i + 1);
        put_text(name, text);
    }
    refuse("deep0", "deep16:1: include: deep17: more than 16 files deep");
    put_text("deep3", "log_level = debug\n");
    accept_file("deep0");
    /* Each file twice: 2^14 readings, were they not counted. */
    for (int i = 0; i < 14; i++) {
        snprintf(name, sizeof name, "fan%d", i);
        snprintf(text, sizeof text, "include(fan%d, fan%d)\n", i + 1, i + 1);
        put_text(name, text);
    }
    put_text("fan14", "");
    refuse("fan0", "include: more than 4096 files");
    char *braces = malloc(64u << 10);
    assert_non_null(braces);
    memset(braces, '{', 64u << 10);
    put("braces", braces, 64u << 10);
    refuse("braces", "braces:1:");
    for (size_t i = 0; i < 8; i++)
        braces[i] = "pool a {"[i];
    put("braces", braces, 64u << 10);
    refuse("braces", "braces:1:");
    free(braces);
}

static void test_order(void **unused)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    (void)unused;
    assert_int_equal(mkdir("d", 0755), 0);
    static const char *const names[] = {"b", "a", "10", "9", "B", "_"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[32], text[128];
        snprintf(path, sizeof path, "d/%s.conf", names[i]);
        snprintf(text, sizeof text, "pool %s { listen = @%s command = /x pm.max_children = 1 }",
                 names[i], names[i]);
        put_text(path, text);
    }
    put_text("d/.hidden.conf", "rubbish");
    put_text("d/a.conf~", "rubbish");
    put_text("order",
             "runtime_directory = /run/x\ninclude(\"d/*.conf\")\npool last { listen = @last "
             "command = /x pm.max_children = 1 }\n");
    assert_int_equal(conf_load(&conf, "order", &complaints), 0);
    static const char *const want[] = {"10", "9", "B", "_", "a", "b", "last", "status"};
    assert_int_equal(conf->pool_count, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < conf->pool_count; i++)
        assert_string_equal(conf->pools[i].name, want[i]);
    assert_string_equal(conf_find(conf, "9")->file, "d/9.conf");
    assert_int_equal(conf_find(conf, "last")->line, 3);
    assert_null(conf_find(conf, "c"));
    assert_int_equal(complaints.count, 0);
    conf_free(conf);
    /* No pool of that folder touched the working directory: relative means beside the file. */
    put_text("d/inner", "include(\"a.conf\")\n");
    put_text("outer", "include(\"d/inner\")\n");
    accept_file("outer");
}

static void test_memory(void **unused)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    (void)unused;
    assert_int_equal(conf_load_text(&conf, "text", "\ninclude(\"valid\")\n", &complaints),
                     CONF_INVALID);
    assert_int_equal(complaints.count, 1);
    assert_string_equal(complaints.items[0].text, "text:2: include is possible in files only");
    conf_complaints_clear(&complaints);
    conf_complaints_clear(&complaints);
    assert_null(conf_free(NULL));
}

static int enter(void **unused)
{
    (void)unused;
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1); /* for an ordinary user */
    return mkdtemp(folder) == NULL || chmod(folder, 0777) < 0 || chdir(folder) < 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int leave(void **unused)
{
    (void)unused;
    return chdir("/") < 0 || nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special), cmocka_unit_test(test_size),
        cmocka_unit_test(test_bytes),   cmocka_unit_test(test_permission),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_order),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
