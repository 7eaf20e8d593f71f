/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody is started by a plan that failed: it has no identity, and the master may be root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "pool/plan.h"

static void test_plan_that_failed(void **unused)
{
    static char name[] = "p", user[] = "ganger-has-no-such-user";
    static char *environment[] = {NULL};
    const struct conf_pool pool = {.name = name,
                                   .user = user,
                                   .kind = CONF_KIND_FASTCGI,
                                   .process_priority = CONF_UNSET,
                                   .rlimit_files = CONF_UNSET,
                                   .rlimit_core = CONF_UNSET};
    const struct pool_context context = {
        .root = true, .worker_fd = -1, .worker_path = "/bin/true", .environment = environment};
    const struct ports ports = {0};
    struct plan plan;
    struct spawned child = {.pid = 0, .pidfd = -1, .report_fd = -1};
    struct error err = ERROR_NONE;

    (void)unused;
    assert_true(plan_make(&plan, &pool, &context, &ports, &err) < 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(null >= 0);
    const struct plan_case c = {.pid = getpid(), .pidfd = null, .log = null};
    const struct plan_fds fds = {.output = null, .board = null, .bell = null, .channel = null};
    assert_int_equal(plan_examine(&plan, &c, &child, &err), -EPERM);
    assert_int_equal(plan_spawn(&plan, &ports, &fds, 0, 1, &child, &err), -EPERM);
    assert_int_equal(child.pid, 0);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    plan_clear(&plan);
    descriptor_close(&null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plan_that_failed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
