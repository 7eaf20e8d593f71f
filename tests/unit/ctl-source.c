/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies from a text, a file and a pipe. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/source.h"

static char path[64];

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/ctl-source-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || write(fd, "0123456789", 10) != 10 || close(fd) < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void read_all(struct source *s, const char *want)
{
    char held[64];
    size_t used = 0;
    ssize_t got;
    while ((got = source_read(s, held + used, 3, NULL)) > 0)
        used += (size_t)got;
    assert_int_equal(got, 0);
    assert_int_equal(used, strlen(want));
    assert_memory_equal(held, want, used);
}

static void test_text(void **state)
{
    (void)state;
    struct source *s;
    uint64_t length;
    assert_int_equal(source_open(&s, "a=b&c", NULL), 0);
    assert_true(source_length(s, &length));
    assert_int_equal(length, 5);
    assert_int_equal(source_fd(s), -1);
    read_all(s, "a=b&c");
    assert_int_equal(source_rewind(s, NULL), 0);
    read_all(s, "a=b&c");
    source_free(s);
    assert_int_equal(source_open(&s, "", NULL), 0);
    read_all(s, "");
    source_free(s);
}

static void test_file(void **state)
{
    (void)state;
    struct source *s;
    uint64_t length;
    char name[80];
    snprintf(name, sizeof name, "@%s", path);
    assert_int_equal(source_open(&s, name, NULL), 0);
    assert_true(source_length(s, &length));
    assert_int_equal(length, 10);
    read_all(s, "0123456789");
    assert_int_equal(source_rewind(s, NULL), 0);
    read_all(s, "0123456789");

    /* It grows: no more than was announced.  It shrinks: an error, not a short body. */
    assert_int_equal(source_rewind(s, NULL), 0);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("more", f);
    fclose(f);
    read_all(s, "0123456789");
    assert_int_equal(source_rewind(s, NULL), 0);
    assert_int_equal(truncate(path, 4), 0);
    char held[64];
    struct error err = ERROR_NONE;
    assert_int_equal(source_read(s, held, sizeof held, &err), 4);
    assert_int_equal(source_read(s, held, sizeof held, &err), -EIO);
    assert_non_null(strstr(err.text, path));
    source_free(s);
}

/* Standard input in the middle of a file begins there. */
static void test_standard_input(void **state)
{
    (void)state;
    struct source *s;
    uint64_t length;
    int pipes[2];
    int kept = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(write(pipes[1], "pipe", 4), 4);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(source_open(&s, "-", NULL), 0);
    assert_false(source_length(s, &length));
    assert_int_equal(source_fd(s), STDIN_FILENO);
    read_all(s, "pipe");
    assert_int_equal(source_rewind(s, NULL), -ESPIPE);
    source_free(s);

    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), 10), 0);
    assert_int_equal(dup2(fileno(f), STDIN_FILENO), STDIN_FILENO);
    fclose(f);
    assert_int_equal(lseek(STDIN_FILENO, 7, SEEK_SET), 7);
    assert_int_equal(source_open(&s, "@-", NULL), 0);
    assert_true(source_length(s, &length));
    assert_int_equal(length, 3);
    source_free(s);
    assert_int_equal(lseek(STDIN_FILENO, 0, SEEK_CUR), 7); /* still open: not ours to close */
    dup2(kept, STDIN_FILENO);
    close(kept);
}

/* A file of /proc says that it is empty. */
static void test_file_without_a_size(void **state)
{
    (void)state;
    struct source *s;
    uint64_t length;
    char held[8];
    assert_int_equal(source_open(&s, "@/proc/version", NULL), 0);
    assert_false(source_length(s, &length));
    assert_int_equal(source_spool(s, NULL), 0);
    for (unsigned round = 0; round < 2; round++) {
        assert_true(source_length(s, &length));
        assert_true(length > 6);
        assert_int_equal(source_read(s, held, 6, NULL), 6);
        assert_memory_equal(held, "Linux ", 6);
        assert_int_equal(source_rewind(s, NULL), 0);
    }
    source_free(s);
    /* One that is. */
    assert_int_equal(truncate(path, 0), 0);
    char name[80];
    snprintf(name, sizeof name, "@%s", path);
    assert_int_equal(source_open(&s, name, NULL), 0);
    assert_int_equal(source_spool(s, NULL), 0);
    assert_true(source_length(s, &length));
    assert_int_equal(length, 0);
    assert_true(source_modified(s) > 0);
    source_free(s);
}

static void test_refused(void **state)
{
    (void)state;
    struct source *s;
    struct error err = ERROR_NONE;
    assert_int_equal(source_open(&s, "@/no/such/file", &err), -ENOENT);
    assert_non_null(strstr(err.text, "/no/such/file"));
    assert_int_equal(source_open(&s, "@/tmp", &err), -EISDIR);
    assert_int_equal(source_open(&s, "@", &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_file),
                                       cmocka_unit_test(test_standard_input),
                                       cmocka_unit_test(test_file_without_a_size),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("ctl-source", tests, make_file, remove_file);
}
