/* SPDX-License-Identifier: Apache-2.0 */

/* What a process has left after capability_keep_needed(), asked of the kernel in a child. */

#include "host/capability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static int count_mistakes(void)
{
    struct error err = ERROR_NONE;
    int mistakes = 0;

    cap_t before = cap_get_proc();
    if (capability_keep_needed(&err) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 100;
    }
    cap_t after = cap_get_proc();
    for (cap_value_t value = 0; value < cap_max_bits(); value++) {
        char *name = cap_to_name(value);
        cap_flag_value_t had;
        cap_flag_value_t has;
        int needed = 0;

        for (size_t i = 0; capability_needed(i) != NULL; i++)
            needed |= strcmp(capability_needed(i), name) == 0;
        (void)cap_free(name);
        (void)cap_get_flag(before, value, CAP_PERMITTED, &had);
        (void)cap_get_flag(after, value, CAP_PERMITTED, &has);
        mistakes += (has == CAP_SET) != (had == CAP_SET && needed);
        (void)cap_get_flag(after, value, CAP_INHERITABLE, &has);
        mistakes += has == CAP_SET;
        if (geteuid() == 0 && !needed)
            mistakes += cap_get_bound(value) == 1;
    }
    (void)cap_free(before);
    (void)cap_free(after);
    return mistakes;
}

static void keeps_what_is_needed_and_nothing_else(void **state)
{
    int status = 0;

    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(count_mistakes());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void names_are_the_kernels(void **state)
{
    (void)state;
    for (size_t i = 0; capability_needed(i) != NULL; i++) {
        cap_value_t value;
        assert_int_equal(cap_from_name(capability_needed(i), &value), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_needed_and_nothing_else),
        cmocka_unit_test(names_are_the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
