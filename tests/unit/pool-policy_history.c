/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of random traffic histories on a gang made of numbers: the policy and the window with a
 * model of workers that take 3 ms to start, serve what waits, ring as the board tells them to, and
 * leave between requests.  Nobody looks unless an event makes the real master look.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "pool/policy.h"
#include "pool/window.h"

#define MSEC UINT64_C(1000)
#define WORKERS 64
#define STARTING (3 * MSEC)
#define NEVER UINT64_MAX

static uint32_t state = 1;

static uint32_t dice(uint32_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

enum life { GONE, PENDING, IDLE, BUSY, LEAVING };

struct world {
    struct policy_input in; /* the configuration, and `size` */
    struct window window;
    uint64_t now, timeout, settle_at;
    struct {
        enum life life;
        uint64_t until; /* PENDING, BUSY, LEAVING */
        uint32_t answered;
        bool due;
    } workers[WORKERS];
    uint32_t counts[LEAVING + 1]; /* of workers, by life */
    uint32_t last;                /* who took the last one: the kernel hands them round */
    uint32_t waiting;             /* connections */
    uint32_t max_requests;
    uint64_t service; /* how long a request takes */
    bool rung;
    uint32_t spare_wanted;
    uint32_t most_away;
    uint64_t started, retired, answered; /* so far */
};

static uint32_t count(const struct world *w, enum life life)
{
    return w->counts[life];
}

static void become(struct world *w, uint32_t i, enum life life)
{
    w->counts[w->workers[i].life]--;
    w->workers[i].life = life;
    w->counts[life]++;
}

static uint32_t count_due(const struct world *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < WORKERS; i++)
        n += w->workers[i].due && (w->workers[i].life == IDLE || w->workers[i].life == BUSY);
    return n;
}

static struct policy_input take_stock(struct world *w)
{
    struct policy_input in = w->in;

    in.pending = count(w, PENDING);
    in.leaving = count(w, LEAVING);
    in.busy = count(w, BUSY);
    in.serving = in.busy + count(w, IDLE);
    in.due = count_due(w);
    in.waiting = in.busy < in.serving || in.pm == CONF_PM_STATIC ? 0
                 : w->waiting < in.max_children                  ? w->waiting
                                                                 : in.max_children;
    uint32_t load = in.busy + in.waiting;
    window_add(&w->window, load < in.max_children ? load : in.max_children, w->now);
    in.peak = window_peak(&w->window, w->now);
    in.noted = window_latest(&w->window, w->now);
    return in;
}

static void leave(struct world *w, uint32_t count_, bool due)
{
    for (enum life life = IDLE; life <= BUSY && count_ > 0; life++) {
        for (uint32_t i = WORKERS; i > 0 && count_ > 0; i--) {
            if (w->workers[i - 1].life != life || w->workers[i - 1].due != due)
                continue;
            if (life == IDLE)
                w->workers[i - 1].until = w->now + dice(40) * MSEC;
            become(w, i - 1, LEAVING);
            count_--;
            w->retired++;
        }
    }
    /* What is left is on its way only. */
    for (uint32_t i = WORKERS; i > 0 && count_ > 0 && !due; i--) {
        if (w->workers[i - 1].life == PENDING) {
            become(w, i - 1, GONE);
            count_--;
            w->retired++;
        }
    }
    assert_int_equal(count_, 0);
}

static void check_bounds(const struct world *w, const struct policy_input *in,
                         const struct policy_answer *a)
{
    uint32_t pending = count(w, PENDING), away = count(w, LEAVING);
    uint32_t have = pending + count(w, IDLE) + count(w, BUSY);
    uint32_t need = in->busy + in->waiting + (in->pm == CONF_PM_DYNAMIC ? in->min_spare : 0);

    assert_true(a->wanted <= in->max_children);
    assert_true(have + away <= in->max_children + in->surplus);
    if (w->max_requests == 0)
        assert_true(have <= in->max_children);
    /* Never below the spares while there is room: whoever is missing is on the way. */
    if (in->pm != CONF_PM_STATIC && have + away < in->max_children)
        assert_true(have >= need || pending >= in->max_spawn_rate);
    if (in->pm == CONF_PM_STATIC && have + away < in->max_children)
        assert_true(pending >= in->max_spawn_rate);
    /* The successor stands before its predecessor goes. */
    if (a->retire_due > 0)
        assert_true(count(w, IDLE) + count(w, BUSY) >= a->wanted);
}

static void settle(struct world *w)
{
    struct policy_input in = take_stock(w);
    struct policy_answer a = policy_decide(&in);
    uint32_t start = a.start;

    for (uint32_t i = 0; i < WORKERS && start > 0; i++) {
        if (w->workers[i].life != GONE)
            continue;
        memset(&w->workers[i], 0, sizeof(w->workers[i]));
        become(w, i, PENDING);
        w->workers[i].until = w->now + STARTING;
        w->started++;
        start--;
    }
    assert_int_equal(start, 0);
    leave(w, a.retire_due, true);
    leave(w, a.retire, false);
    check_bounds(w, &in, &a);
    assert_true(a.start == 0 || a.retire == 0); /* not both */
    w->in.size = a.wanted;
    w->spare_wanted = a.spare_wanted;
    w->settle_at = a.shrinkable ? window_next(&w->window, w->now) : NEVER;

    /* Asked again, there is nothing to do. */
    struct policy_input again = take_stock(w);
    struct policy_answer b = policy_decide(&again);
    if (b.start + b.retire + b.retire_due > 0)
        fail_msg("again: start %u retire %u due %u", b.start, b.retire, b.retire_due);
    assert_int_equal(b.wanted, a.wanted);
}

/* A millisecond passes. */
static void tick(struct world *w)
{
    bool event = false;

    w->now += MSEC;
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (w->workers[i].until > w->now)
            continue;
        if (w->workers[i].life == PENDING) {
            become(w, i, IDLE);
            event = true;
        } else if (w->workers[i].life == LEAVING) {
            become(w, i, GONE);
            w->workers[i].due = false;
            event = true;
        } else if (w->workers[i].life == BUSY) {
            become(w, i, IDLE);
            w->answered++;
            if (w->max_requests > 0 && ++w->workers[i].answered >= w->max_requests) {
                w->workers[i].due = true;
                w->rung = true;
            }
        }
    }
    for (uint32_t k = 0; k < WORKERS && w->waiting > 0 && count(w, IDLE) > 0; k++) {
        uint32_t i = (w->last + 1 + k) % WORKERS;

        if (w->workers[i].life != IDLE)
            continue;
        become(w, i, BUSY);
        w->workers[i].until = w->now + w->service;
        w->last = i;
        w->waiting--;
        k = 0;
        w->rung = w->rung || count(w, IDLE) < w->spare_wanted;
    }
    /* With nobody idle and nobody on the way the master watches the sockets themselves. */
    bool knock = w->waiting > 0 && count(w, IDLE) + count(w, PENDING) == 0;
    if (event || w->rung || knock || w->now >= w->settle_at)
        settle(w);
    w->rung = false;
    uint32_t away = count(w, LEAVING), pending = count(w, PENDING);
    uint32_t idle = count(w, IDLE);
    /* Nothing has happened that nobody told the master. */
    if (w->in.pm == CONF_PM_DYNAMIC && idle + pending + count(w, BUSY) + away < w->in.max_children)
        assert_true(idle + pending >= w->in.min_spare || pending >= w->in.max_spawn_rate);
    w->most_away = away > w->most_away ? away : w->most_away;
}

static void begin(struct world *w, enum conf_pm pm)
{
    uint32_t max = 1 + dice(50);
    uint32_t low = 1 + dice(max), high = low + dice(max - low + 1);

    memset(w, 0, sizeof(*w));
    w->counts[GONE] = WORKERS;
    w->now = 1000 * MSEC + dice(1000000);
    w->timeout = (50 + dice(500)) * MSEC;
    w->service = (1 + dice(40)) * MSEC;
    w->in = (struct policy_input){.pm = pm,
                                  .max_children = max,
                                  .min_spare = low,
                                  .max_spare = high,
                                  .max_spawn_rate = 1 + dice(40),
                                  .surplus = policy_surplus(max),
                                  .allowed = POLICY_UNBOUNDED,
                                  .size = pm == CONF_PM_DYNAMIC ? low + (high - low) / 2 : 0,
                                  .proven = true};
    window_init(&w->window, w->timeout, w->now);
    settle(w);
}

static void run(struct world *w, uint64_t length, uint32_t per_second)
{
    for (uint64_t end = w->now + length; w->now < end;) {
        uint32_t n = per_second / 1000 + (dice(1000) < per_second % 1000);

        if (w->waiting < 1000)
            w->waiting += n;
        tick(w);
    }
}

/* Bursts, calm, and everything between them; the checks are in settle(). */
static void test_histories(void **unused)
{
    static const uint32_t rates[] = {0, 1, 10, 100, 1000, 5000, 20000};
    static struct world w;

    (void)unused;
    for (unsigned round = 0; round < 2000; round++) {
        state = round;
        begin(&w, (enum conf_pm)(round % 3));
        w.max_requests = round % 5 == 0 ? 1 + dice(20) : 0;
        for (unsigned phase = 0; phase < 6; phase++) {
            if (dice(3) == 0)
                w.waiting += dice(150);
            w.service = (1 + dice(60)) * MSEC;
            run(&w, (5 + dice(100)) * MSEC, rates[dice(7)]);
        }
        /* Whatever was asked is answered in the end. */
        for (unsigned i = 0; i < 100000 && w.waiting > 0; i++)
            tick(&w);
        assert_int_equal(w.waiting, 0);
    }
}

/* As many requests in hand all the time: after one idle timeout nobody comes and nobody goes. */
static void test_constant_load_makes_no_changes(void **unused)
{
    static struct world w;

    (void)unused;
    for (unsigned round = 0; round < 600; round++) {
        state = round;
        begin(&w, (enum conf_pm)(round % 3));
        uint32_t in_hand = dice(w.in.max_children + 1);
        uint64_t started = 0, retired = 0;
        uint64_t calm = w.now + w.timeout + 600 * MSEC, end = calm + 3 * w.timeout;

        for (bool noted = false; w.now < end;) {
            uint32_t have = w.waiting + count(&w, BUSY);

            w.waiting += in_hand > have ? in_hand - have : 0;
            tick(&w);
            if (!noted && w.now >= calm) {
                noted = true;
                started = w.started;
                retired = w.retired;
            }
        }
        assert_int_equal(w.started, started);
        assert_int_equal(w.retired, retired);
    }
}

/* One request each 100 ms, handed round, on a gang that had grown to its full size. */
static void test_light_traffic_shrinks_within_one_timeout(void **unused)
{
    static struct world w;

    (void)unused;
    for (unsigned round = 0; round < 600; round++) {
        state = round;
        begin(&w, round % 2 == 0 ? CONF_PM_DYNAMIC : CONF_PM_ONDEMAND);
        w.service = 20 * MSEC;
        w.waiting = w.in.max_children;
        while (w.waiting > 0 || count(&w, BUSY) > 0)
            tick(&w);
        uint64_t end = w.now + w.timeout + 5 * MSEC;
        uint32_t before = count(&w, IDLE);
        uint32_t spares = w.in.pm == CONF_PM_ONDEMAND ? 0 : w.in.max_spare;

        assert_true(before > 0);
        for (unsigned n = 0; w.now < end; n++) {
            w.waiting += n % 100 == 50;
            tick(&w);
        }
        uint32_t have = count(&w, IDLE) + count(&w, BUSY) + count(&w, PENDING);
        if (have > spares + 1)
            fail_msg("round %u: %u of %u remain, max_spare %u", round, have, before, spares);
    }
}

/* Workers that are replaced after every few requests, under full load. */
static void test_replacing_keeps_three_quarters(void **unused)
{
    static struct world w;

    (void)unused;
    for (unsigned round = 0; round < 300; round++) {
        state = round;
        begin(&w, CONF_PM_STATIC);
        w.in.max_spawn_rate = 32;
        w.max_requests = 1 + dice(3);
        w.service = (1 + dice(5)) * MSEC;
        run(&w, 50 * MSEC, 100);
        w.most_away = 0;
        uint64_t before = w.started, answered = w.answered;
        run(&w, 300 * MSEC, 50000);
        assert_true(w.started > before);
        assert_true(w.answered > answered);
        assert_true(w.most_away <= w.in.surplus);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_constant_load_makes_no_changes),
        cmocka_unit_test(test_light_traffic_shrinks_within_one_timeout),
        cmocka_unit_test(test_replacing_keeps_three_quarters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
