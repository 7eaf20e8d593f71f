/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of a state: read as it was written, and refused when a part is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "master/upgrade_state.h"

static const char text[] = "runtime_directory = \"/run/x\"\n"
                           "pool web {\n listen = \"/run/x/web\"\n kind = cgi\n"
                           " command = {\"/bin/true\"}\n user = \"nobody\"\n env = {\"A=$$HOME\"}\n"
                           " pm = static\n pm.max_children = 2\n}\n";

static struct conf *load(void)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;

    if (conf_load_text(&conf, "t", text, &complaints) != 0)
        fail_msg("%s", complaints.count > 0 ? complaints.items[0].text : "?");
    conf_complaints_clear(&complaints);
    return conf;
}

static const struct upgrade_facts facts = {.version = "9",
                                           .path = "/usr/sbin/ganger",
                                           .folder = "/run/x",
                                           .pid = 77,
                                           .files_soft = 1024,
                                           .files_hard = UINT64_MAX,
                                           .daemon = true,
                                           .control = 5,
                                           .control_group = 33,
                                           .pid_fds = {3, -1},
                                           .pid_paths = {"/run/x/ganger.pid", ""}};

static struct frozen_gang gang(void)
{
    return (struct frozen_gang){.name = "web",
                                .slots = 10,
                                .posts = 3,
                                .surplus = 1,
                                .max_children = 2,
                                .failed = true,
                                .board = 11,
                                .bell_read = -1,
                                .bell_write = -1,
                                .window = {.width = 1}};
}

static const struct upgrade_handed handed = {.name = "a socket's name", .fd = 9};

enum part { FACTS, WAITER, HANDED, CONF, GANG };

/* The parts in this order. */
static void write_parts(struct state *s, uint32_t version, const enum part *parts, size_t count,
                        const struct frozen_gang *g)
{
    struct conf *conf = load();
    struct error err = ERROR_NONE;
    int r = state_begin(s, version);

    for (size_t i = 0; i < count && r == 0; i++) {
        r = parts[i] == FACTS    ? upgrade_state_put_facts(s, &facts)
            : parts[i] == WAITER ? upgrade_state_put_waiter(s, 20 + (int)i)
            : parts[i] == HANDED ? upgrade_state_put_handed(s, &handed)
            : parts[i] == CONF   ? upgrade_state_put_conf(s, conf, &err)
                                 : frozen_put_gang(s, g);
    }
    assert_int_equal(r, 0);
    assert_int_equal(state_finish(s), 0);
    (void)conf_free(conf);
}

static int read_back(struct upgrade_state *ret, struct state *s, struct error *err)
{
    int r = upgrade_state_read(ret, bytes_front(&s->block), bytes_held(&s->block), err);

    state_clear(s);
    return r;
}

static void test_all_of_it(void **unused)
{
    const enum part parts[] = {FACTS, WAITER, WAITER, HANDED, HANDED, CONF, CONF, GANG, GANG};
    struct frozen_gang g = gang();
    struct upgrade_state back;
    struct state s;
    struct error err = ERROR_NONE;
    struct conf *conf = load();

    (void)unused;
    g.conf = 1;
    write_parts(&s, UPGRADE_VERSION, parts, 9, &g);
    if (read_back(&back, &s, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(&back.facts, &facts, sizeof(facts));
    assert_int_equal(back.waiter_count, 2);
    assert_int_equal(back.waiters[1], 22);
    assert_int_equal(back.handed_count, 2);
    assert_string_equal(back.handed[1].name, handed.name);
    assert_int_equal(back.handed[1].fd, 9);
    assert_int_equal(back.conf_count, 2);
    assert_true(conf_equal(back.confs[0], conf) && conf_equal(back.confs[1], conf));
    assert_string_equal(back.confs[0]->pools[0].env.items[0], "A=$HOME");
    assert_int_equal(back.gang_count, 2);
    assert_string_equal(back.gangs[1].name, "web");
    upgrade_state_clear(&back);
    (void)conf_free(conf);
}

static void refuse(uint32_t version, const enum part *parts, size_t count,
                   const struct frozen_gang *g, const char *says)
{
    struct upgrade_state back;
    struct state s;
    struct error err = ERROR_NONE;

    write_parts(&s, version, parts, count, g);
    assert_true(read_back(&back, &s, &err) < 0);
    if (strstr(err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
    assert_null(back.confs);
    assert_null(back.gangs);
    assert_null(back.handed);
}

static void test_refused(void **unused)
{
    const enum part whole[] = {FACTS, CONF, GANG}, headless[] = {CONF, GANG},
                    bare[] = {FACTS, GANG}, late[] = {FACTS, CONF, WAITER, GANG},
                    twice[] = {FACTS, FACTS, CONF}, none[] = {FACTS},
                    swapped[] = {FACTS, HANDED, WAITER, CONF, GANG};
    struct frozen_gang g = gang();
    enum part crowd[CONTROL_LINKS + 3] = {FACTS};

    (void)unused;
    refuse(UPGRADE_VERSION + 1, whole, 3, &g, "has version");
    refuse(0, whole, 3, &g, "has version 0"); /* C31 */
    refuse(UPGRADE_VERSION, headless, 2, &g, "begin with the master");
    refuse(UPGRADE_VERSION, bare, 2, &g, "lacks the configuration");
    refuse(UPGRADE_VERSION, late, 4, &g, "where a pool should be");
    refuse(UPGRADE_VERSION, swapped, 5, &g, "lacks the configuration");
    refuse(UPGRADE_VERSION, twice, 3, &g, "lacks the configuration");
    refuse(UPGRADE_VERSION, none, 1, &g, "lacks the configuration");
    for (size_t i = 1; i <= CONTROL_LINKS + 1; i++)
        crowd[i] = WAITER;
    crowd[CONTROL_LINKS + 2] = CONF;
    refuse(UPGRADE_VERSION, crowd, CONTROL_LINKS + 3, &g, "too many wait");
    g.conf = 1;
    refuse(UPGRADE_VERSION, whole, 3, &g, "is in no configuration");
    g.conf = 0;
    (void)snprintf(g.name, sizeof(g.name), "other");
    refuse(UPGRADE_VERSION, whole, 3, &g, "is in no configuration");
}

/* A text that is no configuration for this version of ganger. */
static void test_a_wrong_configuration(void **unused)
{
    static const char wrong[] = "pool p { kind = nonsense }\n";
    struct upgrade_state back;
    struct state s;
    struct error err = ERROR_NONE;

    (void)unused;
    assert_int_equal(state_begin(&s, UPGRADE_VERSION), 0);
    assert_int_equal(upgrade_state_put_facts(&s, &facts), 0);
    assert_int_equal(state_add(&s, UPGRADE_CONF, wrong, strlen(wrong)), 0);
    assert_int_equal(state_finish(&s), 0);
    assert_true(read_back(&back, &s, &err) < 0);
    assert_non_null(strstr(err.text, "nonsense"));
}

/* A socket of the service manager's that cannot be one. */
static void test_a_wrong_socket(void **unused)
{
    static const char *const wrong[] = {"name=web", "fd=9", "name=web\0fd=2", "name=web\0fd=-1"};
    static const size_t lengths[] = {9, 5, 14, 15};
    static const char *const says[] = {"lacks fd", "lacks name", "fd = 2", "fd = -1"};

    (void)unused;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct upgrade_state back;
        struct state s;
        struct error err = ERROR_NONE;

        assert_int_equal(state_begin(&s, UPGRADE_VERSION), 0);
        assert_int_equal(upgrade_state_put_facts(&s, &facts), 0);
        assert_int_equal(state_add(&s, UPGRADE_HANDED, wrong[i], lengths[i]), 0);
        assert_int_equal(state_finish(&s), 0);
        assert_true(read_back(&back, &s, &err) < 0);
        if (strstr(err.text, says[i]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, says[i]);
        assert_null(back.handed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_a_wrong_configuration),
        cmocka_unit_test(test_a_wrong_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
