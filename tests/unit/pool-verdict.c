/* SPDX-License-Identifier: Apache-2.0 */
/* What a death says about the pool, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include "pool/verdict.h"

#define MS UINT64_C(1000)
#define EARLY .burial = LIFECYCLE_DO_BURY_EARLY, .state = LIFECYCLE_WARMING
#define LOST .burial = LIFECYCLE_DO_BURY_LOST, .state = LIFECYCLE_SERVING
#define ASKED .burial = LIFECYCLE_DO_BURY_ASKED
#define EXIT(n) .code = CLD_EXITED, .status = (n)
#define KILL(n) .code = CLD_KILLED, .status = (n)

static const struct {
    const char *what;
    struct verdict_facts facts;
    enum verdict_blame blame;
    enum verdict_sort sort;
    bool proof;
} rows[] = {
    {"C05: exits 1 at once", {EARLY, EXIT(1)}, VERDICT_FAILED, VERDICT_ERROR, false},
    {"C05: exits 0 at once", {EARLY, EXIT(0)}, VERDICT_FAILED, VERDICT_OK, false},
    {"crashes at once", {EARLY, KILL(SIGSEGV)}, VERDICT_FAILED, VERDICT_SIGNAL, false},
    {"killed while starting, never proven",
     {EARLY, KILL(SIGKILL)},
     VERDICT_FAILED,
     VERDICT_SIGNAL,
     false},
    {"C02: killed while starting, proven pool",
     {EARLY, KILL(SIGKILL), .proven = true},
     VERDICT_DIED,
     VERDICT_SIGNAL,
     false},
    {"killed while starting, in a failing pool",
     {EARLY, KILL(SIGKILL), .proven = true, .failing = true},
     VERDICT_FAILED,
     VERDICT_SIGNAL,
     false},
    {"crashes while starting, proven pool",
     {EARLY, KILL(SIGSEGV), .proven = true},
     VERDICT_FAILED,
     VERDICT_SIGNAL,
     false},
    {"C02: killed idle and young",
     {LOST, KILL(SIGKILL), .lived = 5 * MS},
     VERDICT_DIED,
     VERDICT_SIGNAL,
     false},
    {"crashes idle and young",
     {LOST, KILL(SIGABRT), .lived = 5 * MS},
     VERDICT_FAILED,
     VERDICT_SIGNAL,
     false},
    {"leaves idle and young", {LOST, EXIT(0), .lived = 5 * MS}, VERDICT_FAILED, VERDICT_OK, false},
    {"C03: crashes after a request",
     {LOST, KILL(SIGSEGV), .lived = 5 * MS, .served = true},
     VERDICT_DIED,
     VERDICT_SIGNAL,
     true},
    {"C04: leaves after its requests",
     {LOST, EXIT(0), .lived = 5 * MS, .served = true},
     VERDICT_DIED,
     VERDICT_OK,
     true},
    {"crashes idle and old",
     {LOST, KILL(SIGSEGV), .lived = 1000 * MS},
     VERDICT_DIED,
     VERDICT_SIGNAL,
     false},
    {"lived ten seconds",
     {LOST, KILL(SIGSEGV), .lived = 10000 * MS},
     VERDICT_DIED,
     VERDICT_SIGNAL,
     true},
    {"left as asked",
     {ASKED, .state = LIFECYCLE_DRAINING, EXIT(0)},
     VERDICT_NONE,
     VERDICT_OK,
     false},
    {"left by SIGTERM as asked",
     {ASKED, .state = LIFECYCLE_TERMINATING, KILL(SIGTERM)},
     VERDICT_NONE,
     VERDICT_OK,
     false},
    {"had to be killed",
     {ASKED, .state = LIFECYCLE_KILLED, KILL(SIGKILL)},
     VERDICT_NONE,
     VERDICT_SIGNAL,
     false},
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verdict v = verdict_judge(&rows[i].facts);
        if (v.blame != rows[i].blame || v.sort != rows[i].sort || v.proof != rows[i].proof)
            fail_msg("%s: blame %d sort %d proof %d", rows[i].what, v.blame, v.sort, v.proof);
    }
}

static void test_what_is_said_how_loud(void **unused)
{
    struct verdict_facts f = {EARLY, EXIT(1)};

    (void)unused;
    assert_int_equal(verdict_judge(&f).level, LOG_LEVEL_WARNING);
    f.failing = true; /* said once already */
    assert_int_equal(verdict_judge(&f).level, LOG_LEVEL_DEBUG);
    f = (struct verdict_facts){ASKED, .state = LIFECYCLE_DRAINING, EXIT(0)};
    assert_int_equal(verdict_judge(&f).level, LOG_LEVEL_DEBUG);
    f.status = 1; /* a sanitizer at the very end, for one */
    assert_int_equal(verdict_judge(&f).level, LOG_LEVEL_WARNING);
}

static void test_words(void **unused)
{
    char text[VERDICT_TEXT_MAX];

    (void)unused;
    assert_string_equal(verdict_text(text, CLD_EXITED, 3), "exited with status 3");
    assert_string_equal(verdict_text(text, CLD_KILLED, SIGSEGV), "was killed by signal 11 (SEGV)");
    assert_string_equal(verdict_text(text, CLD_DUMPED, SIGABRT),
                        "was killed by signal 6 (ABRT), core dumped");
    assert_non_null(strstr(verdict_text(text, CLD_KILLED, 4711), "4711 (?)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_is_said_how_loud),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
