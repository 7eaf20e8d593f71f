/* SPDX-License-Identifier: Apache-2.0 */
/* A gang that is tuned, and two of one pool beside each other. */
#include "pool_world.h"

#define SERVES READY "exec sleep 60\n"

static struct conf *load(const char *options)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "runtime_directory = \"/nonexistent\"\nprocess_control_timeout = 5s\n"
                   "pool p {\n listen = \"%s/sock\"\n kind = cgi\n script_root = {\"%s\"}\n"
                   " chdir = \"%s\"\n %s\n %s\n}\n",
                   folder, folder, folder, geteuid() == 0 ? "user = \"nobody\"" : "", options);
    if (conf_load_text(&conf, "t.conf", text, &complaints) != 0)
        fail_msg("%s", complaints.count > 0 ? complaints.items[0].text : "?");
    conf_complaints_clear(&complaints);
    return conf;
}

/* Take the world's configuration over. */
static int tune(struct world *w, const char *options)
{
    struct error err = ERROR_NONE;
    struct conf *conf = load(options);
    int r = gang_tune(w->gang, &conf->pools[0], now(w), &err);

    if (r < 0)
        fail_msg("%s", err.text);
    if (r == 0) {
        struct conf *before = w->conf;

        w->conf = conf;
        conf = before;
    }
    (void)conf_free(conf);
    return r;
}

/* The workers do not mind their orders: the time in which they might has passed. */
static void pass_patience(struct world *w)
{
    (void)turn(w, 0);
    w->skew += 6 * CLOCK_SEC; /* process_control_timeout is 5 s */
}

static void test_growing_and_shrinking(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 2", SERVES);
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(gang_most(w.gang), 3);
    assert_int_equal(tune(&w, "pm.max_children = 9\n request_terminate_timeout = 7s"), 0);
    UNTIL(&w, gang_serving(w.gang) == 9);
    assert_int_equal(card(&w).max_children, 9);
    assert_int_equal(card(&w).spawned, 9);
    assert_int_equal(tune(&w, "pm.max_children = 1"), 0);
    pass_patience(&w);
    UNTIL(&w, gang_alive(w.gang) == 1);
    assert_int_equal(card(&w).spawned, 9);
    assert_int_equal(tune(&w, "pm.max_children = 1000"), GANG_TUNE_BEYOND);
    assert_int_equal(gang_most(w.gang), 2);
    assert_int_equal(card(&w).max_children, 1);
    end(&w);
}

static void test_scaling(void **unused)
{
    struct error err = ERROR_NONE;
    struct world w;

    (void)unused;
    begin_with(&w, "pm.max_children = 2", SERVES);
    assert_int_equal(gang_scale(w.gang, 4, now(&w), &err), 0);
    UNTIL(&w, gang_serving(w.gang) == 4);
    assert_int_equal(tune(&w, "pm.max_children = 2"), 0); /* equal: the order still holds */
    assert_int_equal(card(&w).max_children, 4);
    assert_int_equal(tune(&w, "pm.max_children = 2\n request_terminate_timeout = 1s"), 0);
    pass_patience(&w);
    UNTIL(&w, gang_alive(w.gang) == 2);
    assert_int_equal(gang_scale(w.gang, 3, now(&w), &err), 0);
    assert_int_equal(gang_scale(w.gang, 0, now(&w), &err), 0);
    pass_patience(&w);
    UNTIL(&w, gang_alive(w.gang) == 2);
    assert_int_equal(gang_scale(w.gang, 5000, now(&w), &err), GANG_TUNE_BEYOND);
    end(&w);
}

/* The mode of the socket, and what a worker that lives is told of. */
static void test_what_is_tuned(void **unused)
{
    struct world w;
    struct stat st;
    char name[128];

    (void)unused;
    (void)snprintf(name, sizeof(name), "%s/sock", folder);
    /* Answers each message of the channel with its length, on descriptor 2. */
    begin_with(&w, "pm.max_children = 1\n listen.mode = 0600",
               READY "while dd bs=72 count=1 <&6 2>/dev/null | od -An -tx1 -N1 >&2; do sleep 0.05\n"
                     "done\n");
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(tune(&w, "pm.max_children = 1\n listen.mode = 0640"), 0);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_null(strstr(w.lines, "06"));
    assert_int_equal(tune(&w, "pm.max_children = 1\n listen.mode = 0640\n keepalive_timeout = 5s"),
                     0);
    UNTIL(&w, strstr(w.lines, "06") != NULL); /* CHANNEL_SETTINGS */
    assert_int_equal(card(&w).spawned, 1);
    end(&w);
}

/* A cap lets the idle go, a floor starts some, room holds them back. */
static void test_bounds(void **unused)
{
    struct world w;

    (void)unused;
    begin_with(&w, "pm = ondemand\n pm.max_children = 4", SERVES);
    (void)turn(&w, 0);
    assert_int_equal(gang_alive(w.gang), 0);
    assert_true(gang_set_floor(w.gang, 3));
    assert_false(gang_set_floor(w.gang, 3));
    (void)gang_set_room(w.gang, 0);
    (void)turn(&w, 0);
    assert_int_equal(gang_alive(w.gang), 0);
    assert_true(gang_starved(w.gang));
    (void)gang_set_room(w.gang, UINT32_MAX);
    UNTIL(&w, gang_serving(w.gang) == 3 && gang_at_strength(w.gang));
    assert_false(gang_starved(w.gang));
    assert_true(gang_set_cap(w.gang, 1));
    pass_patience(&w);
    UNTIL(&w, gang_alive(w.gang) == 1);
    end(&w);
}

/* The second generation: the same socket, its path, and the counters. */
static void test_inheriting(void **unused)
{
    const struct gang_hooks hooks = {.watch = watch, .unwatch = unwatch, .line = line, .say = say};
    struct gang_hooks mine = hooks;
    struct error err = ERROR_NONE;
    struct gang *old, *new = NULL;
    struct stat before, after;
    struct world w;
    char name[128];

    (void)unused;
    (void)snprintf(name, sizeof(name), "%s/sock", folder);
    begin_with(&w, "pm.max_children = 2", SERVES);
    mine.cookie = &w;
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(stat(name, &before), 0);
    old = w.gang;
    assert_int_equal(
        gang_new(&new, &w.conf->pools[0], &w.context, &mine, now(&w), clock_wall(), &err), 0);
    gang_set_generation(new, 2);
    if (gang_open_beside(new, &old, 1, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(gang_shares(new, old));
    gang_inherit(new, old);
    gang_inherit_counts(new, old); /* nothing twice */
    gang_stop(old, GANG_STOP_RETIRE, now(&w));
    pass_patience(&w);
    UNTIL(&w, gang_ended(old));
    assert_int_equal(gang_state(old), BOARD_POOL_STOPPED);
    gang_inherit_counts(new, old);
    w.gang = new;
    (void)turn(&w, 0);
    assert_int_equal(card(&w).generation, 2);
    assert_true(card(&w).spawned >= 2);
    assert_int_equal(stat(name, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    (void)gang_free(old);
    UNTIL(&w, gang_at_strength(w.gang));
    assert_int_equal(card(&w).spawned, 4);
    assert_int_equal(card(&w).exits_ok + card(&w).exits_signal + card(&w).exits_error, 2);
    end(&w);
    assert_int_equal(stat(name, &after), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing_and_shrinking),
        cmocka_unit_test(test_scaling),
        cmocka_unit_test(test_what_is_tuned),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_inheriting),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
