/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every tests/cases/NAME.conf against NAME.want: the complaints, one a line, then, when there is no
 * error among them, a line "----" and the effective configuration.  And whatever loads reads
 * back equal from its dump.  WRITE_WANT=1 writes the .want files anew, to be read before they are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bytes.h"
#include "conf/conf.h"

#define TEXT_MAX (1u << 20)

/* What loading `path` says, as a .want file holds it; the caller frees. */
static char *describe(const char *path)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL, *again = NULL;
    struct bytes text, dump;
    bytes_init(&text, TEXT_MAX);
    bytes_init(&dump, TEXT_MAX);
    int r = conf_load(&conf, path, &complaints);
    assert_true(r == 0 || r == CONF_INVALID);
    assert_int_equal(r == 0, conf != NULL);
    for (size_t i = 0; i < complaints.count; i++)
        assert_int_equal(bytes_printf(&text, "%s%s\n",
                                      complaints.items[i].warning ? "warning: " : "",
                                      complaints.items[i].text),
                         0);
    conf_complaints_clear(&complaints);
    if (conf != NULL) {
        assert_int_equal(conf_dump(conf, &dump), 0);
        assert_int_equal(bytes_printf(&text, "----\n%s", bytes_string(&dump)), 0);
        assert_int_equal(conf_load_text(&again, "dump", bytes_string(&dump), &complaints), 0);
        assert_true(conf_equal(conf, again));
        conf_complaints_clear(&complaints);
    }
    char *copy = strdup(bytes_string(&text));
    assert_non_null(copy);
    bytes_clear(&text);
    bytes_clear(&dump);
    conf_free(conf);
    conf_free(again);
    return copy;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return strdup("");
    char *text = calloc(1, TEXT_MAX);
    assert_non_null(text);
    size_t n = fread(text, 1, TEXT_MAX - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_cases(void **unused)
{
    glob_t cases;
    unsigned bad = 0;
    (void)unused;
    assert_int_equal(glob("*.conf", 0, NULL, &cases), 0);
    for (size_t i = 0; i < cases.gl_pathc; i++) {
        char want_path[256];
        const char *path = cases.gl_pathv[i];
        snprintf(want_path, sizeof want_path, "%.*s.want", (int)(strlen(path) - 5), path);
        char *got = describe(path);
        if (getenv("WRITE_WANT") != NULL)
            write_file(want_path, got);
        char *want = read_file(want_path);
        if (strcmp(got, want) != 0) {
            bad++;
            print_error("%s: got\n%s\nbut %s holds\n%s\n", path, got, want_path, want);
        }
        free(got);
        free(want);
    }
    assert_true(cases.gl_pathc >= 12);
    globfree(&cases);
    assert_int_equal(bad, 0);
}

static void check_silent(const char *path)
{
    char *got = describe(path);
    if (strncmp(got, "----\n", 5) != 0)
        fail_msg("%s", got);
    free(got);
}

static void test_samples(void **unused)
{
    glob_t samples;
    (void)unused;
    assert_int_equal(glob("../../pools.d/*.conf", 0, NULL, &samples), 0);
    for (size_t i = 0; i < samples.gl_pathc; i++)
        check_silent(samples.gl_pathv[i]);
    assert_true(samples.gl_pathc >= 7);
    globfree(&samples);
}

/* All of them together, as they are installed. */
static void test_installed(void **unused)
{
    char folder[] = "/tmp/ganger-conf-XXXXXX", path[64], pools[64];
    (void)unused;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ganger.conf", folder);
    snprintf(pools, sizeof pools, "%s/pools.d", folder);
    char *sample = read_file("../../etc/ganger.conf"), *from = realpath("../../pools.d", NULL);
    assert_non_null(from);
    assert_int_equal(symlink(from, pools), 0);
    write_file(path, sample);
    check_silent(path);
    unlink(path);
    unlink(pools);
    rmdir(folder);
    free(sample);
    free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_installed),
    };
    /* Samples leave the folder to ganger; an ordinary user's is that of the session. */
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    /* Complaints name files as they were given, so the cases are loaded from where they are. */
    if (chdir("tests/cases") < 0) {
        perror("tests/cases (run this from the top of the source)");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
