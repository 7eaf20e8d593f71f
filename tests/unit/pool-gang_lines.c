/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of workers whose lines are held back. */
#include "pool/gang_struct.h"
#include "pool_world.h"

#define WORKERS 16
#define LINES (OUTPUT_BURST + 100u)

/* How many lines were held back, as it was said, and in how many sentences. */
static unsigned account(const struct world *w, unsigned *ret_sentences)
{
    unsigned sum = 0;

    *ret_sentences = 0;
    for (const char *at = w->said; (at = strstr(at, " suppressed")) != NULL; at++) {
        const char *begin = at;

        while (begin > w->said && begin[-1] != '\n')
            begin--;
        const char *number = strncmp(begin, "worker ", 7) == 0 ? strchr(begin, ':') + 2 : begin;
        sum += (unsigned)strtoul(number, NULL, 10);
        ++*ret_sentences;
    }
    return sum;
}

static bool all_read(const struct world *w)
{
    uint64_t held = 0;

    for (uint32_t i = 0; i < w->gang->posts; i++)
        held += w->gang->workers[i].output.pace.held;
    return held == (uint64_t)WORKERS * (LINES - OUTPUT_BURST);
}

static void go(bool on)
{
    char name[128];

    (void)snprintf(name, sizeof(name), "%s/go", folder);
    if (!on) {
        (void)unlink(name);
        return;
    }
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    (void)fclose(f);
}

/* All of them write, in one moment. */
static uint64_t speak(struct world *w)
{
    uint64_t then = now(w), end = clock_monotonic() + 20 * CLOCK_SEC;

    go(true);
    while (!all_read(w)) {
        assert_true(clock_monotonic() < end);
        for (uint32_t i = 0; i < w->gang->posts; i++)
            gang_lines_worker(w->gang, &w->gang->workers[i], then);
        (void)usleep(1000);
    }
    go(false);
    return then;
}

/* A gang that floods is no flood of complaints, and yet each line is accounted for. */
static void test_many_floods(void **unused)
{
    const unsigned each = LINES - OUTPUT_BURST;
    unsigned sentences;
    char options[64], script[256];
    struct world w;

    (void)unused;
    (void)snprintf(options, sizeof(options), "pm = static\n pm.max_children = %d", WORKERS);
    (void)snprintf(script, sizeof(script),
                   "%swhile [ ! -e go ]; do sleep 0.05; done\n"
                   "yes '<4>line' | head -%u >&2\nexec sleep 60\n",
                   READY, LINES);
    for (int way = 0; way < 3; way++) {
        begin_with(&w, options, script);
        UNTIL(&w, gang_serving(w.gang) == WORKERS);
        assert_int_equal(card(&w).spawned, WORKERS);
        uint64_t then = speak(&w);
        assert_int_equal(account(&w, &sentences), 0);
        if (way == 0) { /* when it is time */
            (void)gang_settle(w.gang, then + 2 * CLOCK_SEC);
            assert_int_equal(account(&w, &sentences), GANG_LINES_TOLD * each);
            assert_int_equal(sentences, GANG_LINES_TOLD);
            assert_true(gang_settle(w.gang, then + 2 * CLOCK_SEC) <= then + 3 * CLOCK_SEC);
            (void)gang_settle(w.gang, then + 3 * CLOCK_SEC);
        } else if (way == 1) /* at once */
            gang_say_held(w.gang, then);
        if (way < 2) {
            assert_int_equal(account(&w, &sentences), WORKERS * each);
            assert_int_equal(sentences, GANG_LINES_TOLD + 1);
        }
        w.skew += 4 * CLOCK_SEC;
        end(&w); /* at their death, and that of the gang */
        assert_int_equal(account(&w, &sentences), WORKERS * each);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_floods),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
