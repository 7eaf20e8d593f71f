/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's configuration against the host, with a master that is root and one that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pool/check.h"

static char folder[] = "/tmp/ganger-check-XXXXXX";
static char program[64], plain[64], missing[64];

static struct pool_context context(bool root)
{
    return (struct pool_context){.root = root,
                                 .uid = root ? 0 : 12345,
                                 .gid = root ? 0 : 12345,
                                 .runtime_directory = "/nonexistent/run",
                                 .files = {1024, 4096}};
}

/* Findings about a pool with these lines, joined by newlines; the caller frees. */
static char *findings(bool root, const char *lines, int *ret_errors)
{
    struct conf_complaints complaints = {0};
    struct pool_context c = context(root);
    struct conf *conf = NULL;
    char text[2048];
    char *out = calloc(1, 8192);

    (void)snprintf(text, sizeof(text),
                   "runtime_directory = \"/nonexistent/run\" pool p {\n kind = cgi\n pm = static\n "
                   "pm.max_children = 1\n%s\n}\n",
                   lines);
    if (conf_load_text(&conf, "t.conf", text, &complaints) != 0)
        fail_msg("%s: %s", text, complaints.count > 0 ? complaints.items[0].text : "?");
    conf_complaints_clear(&complaints);
    complaints = (struct conf_complaints){0};
    *ret_errors = pool_check(&conf->pools[0], &c, &complaints);
    for (size_t i = 0; i < complaints.count; i++) {
        (void)strncat(out, complaints.items[i].text, 8000 - strlen(out));
        (void)strcat(out, complaints.items[i].warning ? " (warning)\n" : "\n");
    }
    conf_complaints_clear(&complaints);
    (void)conf_free(conf);
    return out;
}

static const struct {
    bool root;
    const char *lines; /* @program, @plain, @missing, @folder stand for paths */
    int errors;
    const char *says; /* part of the findings; NULL: there are none */
} rows[] = {
    {true, "listen = \"@x\"\n user = \"nobody\"\n command = {\"@program\"}", 0, NULL},
    {true, "listen = \"@x\"\n command = {\"@program\"}", 0, "`user' is not set"},
    {true, "listen = \"@x\"\n user = \"nosuchuser\"\n command = {\"@program\"}", 1, "nosuchuser"},
    {true,
     "listen = \"@x\"\n user = \"nobody\"\n group = \"nosuchgroup\"\n command = {\"@program\"}", 1,
     "nosuchgroup"},
    {true, "listen = \"@x\"\n user = \"root\"\n command = {\"@program\"}", 1, "allow_root"},
    {true, "listen = \"@x\"\n user = \"0\"\n command = {\"@program\"}", 1, "allow_root"},
    {true, "listen = \"@x\"\n user = \"nobody\"\n group = \"root\"\n command = {\"@program\"}", 1,
     "group = \"root\""},
    {true, "listen = \"@x\"\n user = \"root\"\n allow_root = yes\n command = {\"@program\"}", 0,
     NULL},
    {true, "listen = \"@x\"\n user = \"nobody\"\n command = {\"@missing\"}", 1, "No such file"},
    {true, "listen = \"@x\"\n user = \"nobody\"\n command = {\"@folder\"}", 1, "is not a file"},
    {true, "listen = \"@x\"\n user = \"nobody\"\n command = {\"@plain\"}", 1, "chmod +x"},
    {true, "listen = \"@x\"\n user = \"nobody\"\n script_root = {\"@plain\", \"@folder\"}", 1,
     "is not a folder"},
    {true,
     "listen = \"@x\"\n user = \"nobody\"\n script_root = {\"@missing\"}\n chdir = \"@missing\"", 2,
     "chdir"},
    {true, "listen = \"@missing/sock\"\n user = \"nobody\"\n command = {\"@program\"}", 1,
     "the folder"},
    {true,
     "listen = \"/nonexistent/run/sock\"\n listen.group = \"nogroup\"\n user = \"nobody\"\n "
     "command = "
     "{\"@program\"}",
     0, NULL},
    {true, "listen = \"/nonexistent/run/sock\"\n user = \"nobody\"\n command = {\"@program\"}", 0,
     "only root can connect"},
    {true,
     "listen = \"/nonexistent/run/sock\"\n listen.group = \"nogroup\"\n listen.mode = 0600\n user "
     "= "
     "\"nobody\"\n command = {\"@program\"}",
     0, "only root can connect"},
    {true,
     "listen = \"/nonexistent/run/sock\"\n listen.mode = 0666\n user = \"nobody\"\n command = "
     "{\"@program\"}",
     0, NULL},
    {false, "listen = \"/nonexistent/run/sock\"\n command = {\"@program\"}", 0, NULL},
    {true,
     "listen = \"@x\"\n user = \"nobody\"\n listen.owner = \"nosuchowner\"\n command = "
     "{\"@program\"}",
     1, "listen.owner"},
    {true,
     "listen = \"@x\"\n user = \"nobody\"\n listen.backlog = 1000000\n command = {\"@program\"}", 0,
     "somaxconn"},
    {false, "listen = \"@x\"\n command = {\"@program\"}", 0, NULL},
    {false, "listen = \"@x\"\n user = \"12345\"\n command = {\"@program\"}", 0, NULL},
    {false, "listen = \"@x\"\n user = \"nobody\"\n command = {\"@program\"}", 1,
     "start ganger as root"},
    {false, "listen = \"@x\"\n group = \"root\"\n command = {\"@program\"}", 1, "group = \"root\""},
    {false, "listen = \"@x\"\n rlimit_files = 100000\n command = {\"@program\"}", 1,
     "rlimit_files"},
    {false, "listen = \"@x\"\n process.priority = -5\n command = {\"@program\"}", 1,
     "process.priority"},
};

/* `text` with the paths in their places. */
static void fill_in(char *out, size_t size, const char *text)
{
    const struct {
        const char *name, *value;
    } paths[] = {
        {"@program", program}, {"@plain", plain}, {"@missing", missing}, {"@folder", folder}};
    size_t used = 0;

    while (*text != '\0' && used + 1 < size) {
        size_t i = 0;
        while (i < 4 && strncmp(text, paths[i].name, strlen(paths[i].name)) != 0)
            i++;
        if (i == 4) {
            out[used++] = *text++;
            continue;
        }
        used += (size_t)snprintf(out + used, size - used, "%s", paths[i].value);
        text += strlen(paths[i].name);
    }
    out[used] = '\0';
}

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char lines[1024];
        int errors = 0;

        fill_in(lines, sizeof(lines), rows[i].lines);
        char *found = findings(rows[i].root, lines, &errors);
        if (errors != rows[i].errors ||
            (rows[i].says == NULL ? found[0] != '\0' : strstr(found, rows[i].says) == NULL) ||
            (found[0] != '\0' && strstr(found, "t.conf:1: pool p: ") == NULL))
            fail_msg("row %zu: %d errors for\n%s\n%s", i, errors, lines, found);
        free(found);
    }
}

static void test_c83_two_pools_on_one_address(void **unused)
{
    static const char text[] =
        "runtime_directory = \"/nonexistent/run\"\npool a {\n kind = cgi\n pm = static\n "
        "pm.max_children = 1\n listen = {\"@a\", "
        "\"127.0.0.1:99\"}\n"
        " script_root = {\"/\"}\n}\n"
        "pool b {\n kind = cgi\n pm = static\n pm.max_children = 1\n listen = \"localhost:99\"\n"
        " script_root = {\"/\"}\n}\n";
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;

    (void)unused;
    /* When conf finds it by itself there is nothing left for us to see. */
    if (conf_load_text(&conf, "t.conf", text, &complaints) == 0) {
        assert_int_equal(check_duplicates(conf, &conf->pools[0], &complaints), 0);
        assert_int_equal(check_duplicates(conf, &conf->pools[1], &complaints), 1);
    }
    assert_true(complaints.count > 0);
    assert_non_null(strstr(complaints.items[complaints.count - 1].text, "pool b"));
    conf_complaints_clear(&complaints);
    (void)conf_free(conf);
}

static int make_files(void **unused)
{
    (void)unused;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(program, sizeof(program), "%s/program", folder);
    (void)snprintf(plain, sizeof(plain), "%s/plain", folder);
    (void)snprintf(missing, sizeof(missing), "%s/missing", folder);
    FILE *a = fopen(program, "w");
    FILE *b = fopen(plain, "w");
    if (a == NULL || b == NULL || fclose(a) != 0 || fclose(b) != 0)
        return -1;
    return chmod(program, 0755) + chmod(plain, 0644);
}

static int remove_files(void **unused)
{
    (void)unused;
    (void)unlink(program);
    (void)unlink(plain);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_c83_two_pools_on_one_address),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
