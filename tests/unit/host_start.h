/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_HOST_START_H
#define GANGER_TESTS_HOST_START_H

/* Starting programs that are expected to fail, by both launchers; after <cmocka.h>. */

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include "base/descriptor.h"
#include "host/spawn.h"
#include "host_probe.h"

static char own_path[4096];

static inline bool start_init(void)
{
    ssize_t length = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    if (length <= 0)
        return false;
    own_path[length] = '\0';
    return true;
}

static char *const probe_argv[] = {(char *)(uintptr_t) "probe", (char *)(uintptr_t)PROBE_WORD,
                                   NULL};
static char *const no_environment[] = {NULL};

static inline struct spawn_plan probe_plan(void)
{
    struct spawn_plan plan = SPAWN_PLAN_INIT;
    plan.path = own_path;
    plan.argv = probe_argv;
    plan.envp = no_environment;
    return plan;
}

static inline void assert_no_children(void)
{
    siginfo_t info;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Start by fork, wait for the result, reap.  What spawn_result() said. */
static inline int run_fork(const struct spawn_plan *plan, struct spawn_report *report,
                           struct error *err)
{
    struct spawned child;
    siginfo_t info;
    int r = spawn_fork(plan, &child, err);
    if (r != 0)
        return r;
    do {
        struct pollfd p = {.fd = child.report_fd, .events = POLLIN};
        (void)poll(&p, 1, 10000);
        r = spawn_result(child.report_fd, report, err);
    } while (r == SPAWN_PENDING);
    while (waitid(P_PIDFD, (id_t)child.pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
    if (r == SPAWN_FAILED && (info.si_code != CLD_EXITED || info.si_status != 127))
        r = -EPROTO;
    descriptor_close(&child.report_fd);
    descriptor_close(&child.pidfd);
    return r;
}

static inline void expect_failure(const struct spawn_plan *plan, enum spawn_step step, int number)
{
    size_t before = probe_count_descriptors();
    for (int by_fork = plan->identity != NULL; by_fork < 2; by_fork++) {
        struct spawn_report report = {.step = -1, .number = 0};
        struct spawned child;
        struct error err = ERROR_NONE;
        int r = by_fork ? run_fork(plan, &report, &err) : spawn_vfork(plan, &child, &report, &err);
        if (r != SPAWN_FAILED || report.step != (int)step || report.number != number)
            fail_msg("%s: outcome %d, step %s (not %s), error %d (not %d): %s",
                     by_fork ? "fork" : "vfork", r, spawn_step_name((enum spawn_step)report.step),
                     spawn_step_name(step), report.number, number, err.text);
        assert_non_null(strstr(err.text, spawn_step_name(step)));
        assert_non_null(strstr(err.text, strerror(number)));
    }
    assert_int_equal(probe_count_descriptors(), before);
    assert_no_children();
}

#endif
