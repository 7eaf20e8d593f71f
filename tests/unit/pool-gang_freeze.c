/* SPDX-License-Identifier: Apache-2.0 */
/* A gang with real workers written down, and made again from that by another process, as the child
 * does that tries a new binary. */
#include "pool_world.h"

#include "pool/gang_freeze.h"

static int no_watch(void *cookie, struct gang *g, const struct gang_watch *one)
{
    size_t *count = cookie;

    (void)g;
    (void)one;
    (*count)++;
    return 0;
}

static void no_unwatch(void *cookie, struct gang *g, const struct gang_watch *one)
{
    (void)cookie;
    (void)g;
    (void)one;
}

static int check(int wrong, const char *what)
{
    if (wrong)
        (void)fprintf(stderr, "in the child: not %s\n", what);
    return wrong;
}
#define CHECK(condition) check(!(condition), #condition)

/* In the child.  The exit status is 0 when all is as it was. */
static int thaw(const struct world *w, const struct frozen_gang *f)
{
    struct inherit in = {0};
    struct error err = ERROR_NONE;
    struct gang *g = NULL;
    uint32_t processes = 0;
    struct pool_context context = w->context;
    size_t watched = 0;
    const struct gang_hooks hooks = {
        .cookie = &watched, .watch = no_watch, .unwatch = no_unwatch, .line = line, .say = say};

    context.processes = &processes;
    if (gang_thaw(&g, f, &in, &w->conf->pools[0], &context, &hooks, now(w), clock_wall(), &err) <
        0) {
        (void)fprintf(stderr, "in the child: %s\n", err.text);
        return 1;
    }
    struct board_card theirs = card(w);
    int wrong = CHECK(gang_alive(g) == gang_alive(w->gang));
    wrong += CHECK(gang_serving(g) == gang_serving(w->gang));
    wrong += CHECK(gang_state(g) == gang_state(w->gang));
    wrong += CHECK(strcmp(gang_reason(g), gang_reason(w->gang)) == 0);
    wrong += CHECK(processes == gang_alive(g));
    wrong += CHECK(watched == w->watch_count);
    /* A second one finds that the descriptors are taken. */
    struct gang *second = NULL;
    wrong += CHECK(gang_thaw(&second, f, &in, &w->conf->pools[0], &context, &hooks, now(w),
                             clock_wall(), &err) < 0);
    wrong += CHECK(second == NULL);
    (void)gang_settle(g, now(w)); /* nobody is started, nobody leaves */
    wrong += CHECK(gang_alive(g) == gang_alive(w->gang));
    struct board_snapshot s;
    wrong += CHECK(board_snapshot(gang_board(g), &s) == 0);
    wrong += CHECK(s.card.spawned == theirs.spawned && s.card.start_time == theirs.start_time);
    wrong += CHECK(s.card.exits_signal == theirs.exits_signal);
    wrong += CHECK(memcmp(s.card.exit_codes, theirs.exit_codes, sizeof(theirs.exit_codes)) == 0);
    wrong +=
        CHECK(memcmp(s.card.exit_signals, theirs.exit_signals, sizeof(theirs.exit_signals)) == 0);
    wrong += CHECK(s.card.recycled_idle == theirs.recycled_idle);
    wrong += CHECK(s.card.process_cpu == theirs.process_cpu);
    wrong += CHECK(s.card.memory_resident == theirs.memory_resident);
    wrong += CHECK(s.card.memory_proportional == theirs.memory_proportional);
    wrong += CHECK(s.card.measured == theirs.measured);
    wrong += CHECK(strcmp(s.card.user, theirs.user) == 0);
    wrong += CHECK(memcmp(&s.card.limits, &theirs.limits, sizeof(theirs.limits)) == 0);
    return wrong;
}

static void freeze_and_thaw(struct world *w)
{
    const struct frozen_gang marks = {.conf = 0};
    struct frozen_gang f;
    struct frozen_fds fds = {0};
    struct state s;
    struct state_reader r;
    struct state_record record;
    struct error err = ERROR_NONE;
    int status = 0;

    assert_int_equal(state_begin(&s, 1), 0);
    assert_int_equal(gang_freeze(w->gang, &marks, &s, &fds), 0);
    assert_int_equal(state_finish(&s), 0);
    assert_true(fds.count > 0);
    for (size_t i = 0; i < fds.count; i++)
        assert_true(fcntl(fds.items[i], F_GETFD) >= 0);
    assert_int_equal(state_open(&r, bytes_front(&s.block), bytes_held(&s.block), &err), 0);
    state_next(&r, &record);
    if (frozen_take(&f, &record, &r, &err) < 0)
        fail_msg("%s", err.text);
    pid_t pid = fork();
    if (pid == 0)
        _exit(thaw(w, &f));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    frozen_clear(&f);
    frozen_fds_clear(&fds);
    state_clear(&s);
}

static void begin(struct world *w, unsigned workers, const char *script)
{
    char options[64];

    (void)snprintf(options, sizeof(options), "pm = static\n pm.max_children = %u", workers);
    begin_with(w, options, script);
}

static void test_at_strength(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 3, READY "printf 'half a line' >&2\nexec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 3);
    freeze_and_thaw(&w);
    end(&w);
}

static void test_counters(void **unused)
{
    struct error err = ERROR_NONE;
    struct gang_worker list[3];
    struct world w;

    (void)unused;
    begin(&w, 3, "trap 'exit 5' USR1\n" READY "while :; do sleep 0.05; done\n");
    UNTIL(&w, gang_serving(w.gang) == 3);
    assert_int_equal(gang_list(w.gang, list, 3), 3);
    assert_int_equal(kill(list[0].pid, SIGKILL), 0);
    assert_int_equal(kill(list[1].pid, SIGUSR1), 0);
    UNTIL(&w, card(&w).exit_codes[5] == 1 && card(&w).exit_signals[SIGKILL] == 1);
    gang_measured(w.gang, &list[2], &(struct gang_cost){100, 10, 1}, now(&w));
    UNTIL(&w, gang_serving(w.gang) == 3);
    assert_int_equal(gang_scale(w.gang, 2, now(&w), &err), 0);
    (void)turn(&w, 0);
    assert_int_equal(card(&w).recycled_idle, 1);
    assert_int_equal(card(&w).memory_resident, 100);
    freeze_and_thaw(&w);
    end(&w);
}

/* A worker that waits for its successor (pm.max_requests) is told anew whether it is to. */
static void test_who_is_held_is_told_anew(void **unused)
{
    struct board *worker = NULL;
    struct world w;

    (void)unused;
    begin(&w, 1, READY "exec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 1);
    (void)turn(&w, 0);
    assert_int_equal(board_attach(&worker, board_fd(gang_board(w.gang)), 0, NULL), 0);
    board_own_slot(worker)->hold_at = 1;
    freeze_and_thaw(&w);
    assert_int_equal(board_own_slot(worker)->hold_at, 0);
    board_free(worker);
    end(&w);
}

/* Some not ready yet, their exec perhaps not even reported. */
static void test_while_starting(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 4, "sleep 60\n");
    (void)gang_settle(w.gang, now(&w));
    assert_int_equal(gang_alive(w.gang), 4);
    freeze_and_thaw(&w);
    end(&w);
}

/* A zombie is somebody still, and so is the pipe that a dead worker's child holds. */
static void test_the_dead(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 2, "(exec sleep 60) &\n" READY "echo $$ >&2\nexec sleep 60\n");
    UNTIL(&w, gang_serving(w.gang) == 2 && strchr(w.lines, '|') != NULL);
    pid_t first = (pid_t)atoi(w.lines + 3); /* "-1:PID|" */
    assert_int_equal(kill(first, SIGKILL), 0);
    UNTIL(&w, card(&w).exits_signal == 1 && gang_serving(w.gang) == 2);
    siginfo_t info;
    char *second = strrchr(w.lines, ':') + 1;
    pid_t zombie = (pid_t)atoi(second);
    assert_int_equal(kill(zombie, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
    freeze_and_thaw(&w);
    (void)kill(-first, SIGKILL);
    (void)kill(-zombie, SIGKILL);
    end(&w);
}

static void test_failing(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 2, "echo why >&2\nexit 3\n");
    UNTIL(&w, gang_state(w.gang) == BOARD_POOL_FAILING && gang_alive(w.gang) == 0);
    /* In the middle of a pause: the clock of the child is ours. */
    freeze_and_thaw(&w);
    end(&w);
}

static void test_stopping(void **unused)
{
    struct world w;

    (void)unused;
    begin(&w, 2, "trap '' TERM\n" READY "while :; do sleep 0.05; done\n");
    UNTIL(&w, gang_serving(w.gang) == 2);
    gang_stop(w.gang, GANG_STOP_DRAIN, now(&w));
    w.skew += 20 * CLOCK_MSEC;
    (void)turn(&w, 0);
    assert_int_equal(gang_state(w.gang), BOARD_POOL_STOPPING);
    freeze_and_thaw(&w);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters),    cmocka_unit_test(test_who_is_held_is_told_anew),
        cmocka_unit_test(test_at_strength), cmocka_unit_test(test_while_starting),
        cmocka_unit_test(test_the_dead),    cmocka_unit_test(test_failing),
        cmocka_unit_test(test_stopping),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
