/* SPDX-License-Identifier: Apache-2.0 */
/* Reaping real processes: all of them at once (FAULTS C09), and the groups that dead leaders leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "master/reap.h"

#define MANY 200

struct seen {
    unsigned count;
    uint64_t cpu;
    unsigned wrong; /* not the status that was expected */
    uid_t uid;      /* whose groups are ours */
};

static bool dead(void *cookie, pid_t pid, int code, int status, uint64_t cpu)
{
    struct seen *s = cookie;

    s->count++;
    s->cpu += cpu;
    /* Every child of these tests exits with the low bits of its pid. */
    s->wrong += code != CLD_EXITED || status != (pid & 0x3f);
    return false;
}

static bool pool_user(void *cookie, uid_t uid)
{
    return ((struct seen *)cookie)->uid == uid;
}

static bool wait_closed(int fd, int timeout)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, timeout) == 1;
}

static void test_C09_deaths_that_merge_into_one_signal(void **unused)
{
    struct seen s = {.uid = (uid_t)-1};
    const struct reaper reaper = {.cookie = &s, .dead = dead, .pool_user = pool_user};
    int barrier[2], done[2];

    (void)unused;
    assert_int_equal(pipe(barrier), 0);
    assert_int_equal(pipe(done), 0);
    for (int i = 0; i < MANY; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            char c;
            (void)close(barrier[1]);
            if (read(barrier[0], &c, 1) != 0)
                _exit(255);
            _exit(getpid() & 0x3f);
        }
    }
    (void)close(done[1]);
    (void)close(barrier[0]);
    assert_false(reap_children(&reaper));
    assert_int_equal(s.count, 0);
    (void)close(barrier[1]);                  /* all of them at once */
    assert_true(wait_closed(done[0], 20000)); /* the last descriptor of theirs is gone … */
    (void)close(done[0]);
    while (s.count < MANY) { /* … and death follows that at once */
        siginfo_t info;
        assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
        (void)reap_children(&reaper);
    }
    assert_int_equal(s.count, MANY);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Works for so long by the processor's clock (microseconds). */
static void work(clock_t usec)
{
    while (clock() < usec * (CLOCKS_PER_SEC / 1000000))
        ;
}

static void test_what_the_dead_have_used(void **unused)
{
    struct seen s = {.uid = (uid_t)-1};
    const struct reaper reaper = {.cookie = &s, .dead = dead, .pool_user = pool_user};
    siginfo_t info;

    (void)unused;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (fork() == 0) {
            work(40000);
            _exit(0);
        }
        (void)wait(NULL); /* its child's time is its own then */
        work(40000);
        _exit(getpid() & 0x3f);
    }
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    (void)reap_children(&reaper);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.wrong, 0);
    assert_true(s.cpu >= 70000);
}

/* A leader that dies and leaves a member of its group, which holds a pipe.  True when it was killed. */
static bool group_ends(uid_t ours)
{
    struct seen s = {.uid = ours};
    const struct reaper reaper = {.cookie = &s, .dead = dead, .pool_user = pool_user};
    int alive[2];
    pid_t member = 0;

    assert_int_equal(pipe(alive), 0);
    pid_t leader = fork();
    assert_true(leader >= 0);
    if (leader == 0) {
        (void)setsid();
        (void)close(alive[0]);
        pid_t child = fork();
        if (child == 0) {
            for (;;)
                (void)pause();
        }
        (void)!write(alive[1], &child, sizeof(child));
        _exit(getpid() & 0x3f);
    }
    (void)close(alive[1]);
    assert_int_equal(read(alive[0], &member, sizeof(member)), sizeof(member));
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)leader, &info, WEXITED | WNOWAIT), 0);
    assert_false(reap_children(&reaper));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.wrong, 0);
    bool ended = wait_closed(alive[0], ours == getuid() ? 20000 : 50);
    (void)kill(member, SIGKILL);
    assert_true(wait_closed(alive[0], 20000));
    (void)close(alive[0]);
    return ended;
}

static void test_C01_what_a_dead_program_leaves_in_its_group_dies(void **unused)
{
    (void)unused;
    assert_true(group_ends(getuid()));
}

static void test_groups_of_strangers_are_left_alone(void **unused)
{
    (void)unused;
    assert_false(group_ends((uid_t)-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_C09_deaths_that_merge_into_one_signal),
        cmocka_unit_test(test_what_the_dead_have_used),
        cmocka_unit_test(test_C01_what_a_dead_program_leaves_in_its_group_dies),
        cmocka_unit_test(test_groups_of_strangers_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
