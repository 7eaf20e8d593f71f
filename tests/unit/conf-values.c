/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What texts become: defaults, types, expansion; what a difference means; and random
 * configurations that read back equal from their dumps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "conf/conf.h"

#define HEAD "runtime_directory = /run/x\n"
#define POOL HEAD "pool p { pm.max_children = 1 command = /bin/true "

static struct conf *load(const char *text)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    int r = conf_load_text(&conf, "text", text, &complaints);
    for (size_t i = 0; r != 0 && i < complaints.count; i++)
        print_error("%s\n", complaints.items[i].text);
    conf_complaints_clear(&complaints);
    if (r != 0)
        fail_msg("%s", text);
    return conf;
}

static void test_defaults(void **unused)
{
    (void)unused;
    struct conf *c = load(POOL "listen = @a }");
    const struct conf_global *g = &c->global;
    assert_string_equal(g->pid, "/run/x/ganger.pid");
    assert_string_equal(g->error_log, "stderr");
    assert_string_equal(g->syslog_facility, "daemon");
    assert_string_equal(g->syslog_ident, "ganger");
    assert_int_equal(g->log_level, LOG_LEVEL_NOTICE);
    assert_int_equal(g->log_limit, 1024);
    assert_false(g->daemonize);
    assert_int_equal(g->process_control_timeout, 30000000);
    assert_true(g->process_priority == CONF_UNSET);
    assert_true(g->rlimit_files == CONF_UNSET && g->rlimit_core == CONF_UNSET);
    assert_int_equal(c->pool_count, 2);
    const struct conf_pool *p = conf_find(c, "p");
    assert_int_equal(p->kind, CONF_KIND_CGI);
    assert_int_equal(p->line, 2);
    assert_string_equal(p->file, "text");
    assert_int_equal(p->listen_backlog, -1);
    assert_int_equal(p->listen_mode, 0660);
    assert_null(p->listen_owner);
    assert_null(p->user);
    assert_null(p->group);
    assert_false(p->allow_root);
    assert_true(p->clear_env);
    assert_true(p->no_new_privileges);
    assert_false(p->process_dumpable);
    assert_true(p->process_priority == CONF_UNSET);
    assert_int_equal(p->pm, CONF_PM_STATIC);
    assert_int_equal(p->request_terminate_timeout, 0);
    assert_int_equal(p->request_body_timeout, 60000000);
    assert_int_equal(p->request_params_timeout, 10000000);
    assert_int_equal(p->request_params_limit, 2 << 20);
    assert_int_equal(p->response_header_limit, 64 << 10);
    assert_int_equal(p->keepalive_timeout, 60000000);
    assert_int_equal(p->keepalive_connections, 128);
    assert_true(p->status_ready);
    assert_false(p->catch_workers_output);
    assert_true(p->decorate_workers_output);
    const struct conf_pool *status = conf_find(c, "status");
    assert_int_equal(status->kind, CONF_KIND_STATUS);
    assert_string_equal(status->listen.items[0], "/run/x/status.sock");
    assert_int_equal(status->listen_mode, 0660);
    assert_int_equal(status->pm_max_children, 1);
    conf_free(c);
}

static void test_expansion(void **unused)
{
    static const struct {
        const char *text, *item;
    } env[] = {
        {"A=$pool", "A=p"},
        {"A=$pool.$pool", "A=p.p"},
        {"A=$poolx", "A=px"},
        {"A=$$pool", "A=$pool"},
        {"A=$$$pool", "A=$$pool"},
        {"A=a$$b", "A=a$$b"},
        {"A=$SET", "A=value $pool"},
        {"A=$$SET", "A=$SET"},
        {"A=$$$SET", "A=$$SET"},
        {"A=x$SET", "A=x$SET"},
        {"A=$SET/x", "A=$SET/x"},
        {"A=$", "A=$"},
        {"A=$1", "A=$1"},
        {"A=", "A="},
        {"A==", "A=="},
        {"A=\\${SET}", "A=${SET}"},
        {"A=${SET}", "A=value p"},
        {"A=${NONE:-x}", "A=x"},
        {"A=\\\"\\\\", "A=\"\\"},
        {"A=$UNSET", "A="},
        {"A=\\xff\\xc3\\xbc\\xc3", "A=\xff\xc3\xbc\xc3"},
        {"A=$BYTES", "A=\xfe$x"},
    };
    (void)unused;
    setenv("SET", "value $pool", 1);
    setenv("BYTES", "\xfe$x", 1);
    unsetenv("NONE");
    unsetenv("UNSET");
    for (size_t i = 0; i < sizeof env / sizeof env[0]; i++) {
        char text[256];
        struct bytes dump;
        snprintf(text, sizeof text, POOL "listen = @a env = \"%s\" }", env[i].text);
        struct conf *c = load(text);
        assert_string_equal(c->pools[0].env.items[0], env[i].item);
        bytes_init(&dump, 65536);
        assert_int_equal(conf_dump(c, &dump), 0);
        struct conf *again = load(bytes_string(&dump));
        assert_true(conf_equal(c, again));
        bytes_clear(&dump);
        conf_free(again);
        conf_free(c);
    }
    struct conf *c =
        load(HEAD "pool p { pm.max_children = 1 prefix = \"/srv/$pool\" chroot = root\n"
                  "listen = {s.sock, run/s.sock, @$pool, 127.0.0.1:9} user = u-$pool\n"
                  "command = {/cmd, arg, $pool/x} chdir = /in }");
    const struct conf_pool *p = &c->pools[0];
    assert_string_equal(p->prefix, "/srv/p");
    assert_string_equal(p->chroot, "/srv/p/root");
    assert_string_equal(p->chdir, "/in");
    assert_string_equal(p->user, "u-p");
    assert_string_equal(p->listen.items[0], "/srv/p/s.sock");
    assert_string_equal(p->listen.items[1], "/srv/p/run/s.sock");
    assert_string_equal(p->listen.items[2], "@p");
    assert_string_equal(p->listen.items[3], "127.0.0.1:9");
    assert_string_equal(p->command.items[1], "arg");
    assert_string_equal(p->command.items[2], "p/x");
    assert_null(p->command.items[3]);
    conf_free(c);
}

static void test_a_variable_with_control_characters(void **unused)
{
    struct conf_complaints complaints = {0};
    struct conf *conf = NULL;
    (void)unused;
    setenv("CONTROL", "two\nlines", 1);
    assert_int_equal(
        conf_load_text(&conf, "text", POOL "listen = @a\n env = \"A=$CONTROL\" }", &complaints),
        CONF_INVALID);
    assert_int_equal(complaints.count, 1);
    assert_string_equal(complaints.items[0].text,
                        "text:3: pool p: env: A=$CONTROL: the variable CONTROL of ganger's own "
                        "environment holds a control character");
    conf_complaints_clear(&complaints);
}

static void test_compare(void **unused)
{
    static const struct {
        const char *more;
        enum conf_change change;
    } rows[] = {
        {"", CONF_KEEP},
        {"kind = cgi listen.mode = 660", CONF_KEEP}, /* written, but the default */
        {"request_terminate_timeout = 5", CONF_TUNE},
        {"request_body_timeout = 5", CONF_TUNE},
        {"request_params_limit = 5k", CONF_TUNE},
        {"keepalive_connections = 5", CONF_TUNE},
        {"status.ready = no", CONF_TUNE},
        {"catch_workers_output = on", CONF_TUNE},
        {"listen.backlog = 5", CONF_TUNE},
        {"listen.mode = 0600", CONF_TUNE},
        {"listen.owner = x", CONF_TUNE},
        {"env = {\"A=1\"}", CONF_REPLACE},
        {"user = x", CONF_REPLACE},
        {"chdir = /", CONF_REPLACE},
        {"chroot = /x", CONF_REPLACE},
        {"process.priority = 0", CONF_REPLACE},
        {"rlimit_core = 0", CONF_REPLACE},
        {"rlimit_core = unlimited", CONF_REPLACE},
        {"no_new_privileges = no", CONF_REPLACE},
        {"keepalive_timeout = 1 user = x", CONF_REPLACE},
        {"command += -x", CONF_REPLACE},
    };
    (void)unused;
    struct conf *base = load(POOL "listen = @a }");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, POOL "listen = @a %s }", rows[i].more);
        struct conf *other = load(text);
        assert_int_equal(conf_pool_compare(&base->pools[0], &other->pools[0]), rows[i].change);
        assert_int_equal(conf_pool_compare(&other->pools[0], &base->pools[0]), rows[i].change);
        assert_int_equal(conf_equal(base, other), rows[i].change == CONF_KEEP);
        conf_free(other);
    }
    struct conf *moved = load(POOL "listen = @b }"), *more = load(POOL "listen = {@a, @b} }");
    assert_int_equal(conf_pool_compare(&base->pools[0], &moved->pools[0]), CONF_REPLACE);
    assert_int_equal(conf_pool_compare(&base->pools[0], &more->pools[0]), CONF_REPLACE);
    struct conf *fewer = load(HEAD), *level = load("log_level = debug\n" POOL "listen = @a }");
    assert_false(conf_equal(base, fewer));
    assert_false(conf_equal(base, level));
    conf_free(level);
    conf_free(fewer);
    conf_free(more);
    conf_free(moved);
    conf_free(base);
}

static uint32_t state = 12345;
static unsigned dice(unsigned sides)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % sides;
}

/* A text of awkward characters, as double quotes want it. */
static void random_text(struct bytes *out)
{
    static const char *const parts[] = {
        "a",    "Z",  "$",     "$$",    "pool",  "$pool", "\\\"", "\\\\", "'",   "#",
        "//",   "/*", "*/",    "x{",    "}",     "=",     ",",    " ",    "\\$", "\\${",
        "HOME", "ü",  "\\xe9", "\\x80", "\\x41", "/",     "+",    "(",    ")"};
    for (unsigned n = dice(8); n > 0; n--)
        assert_int_equal(bytes_printf(out, "%s", parts[dice(sizeof parts / sizeof parts[0])]), 0);
}

static void random_pool(struct bytes *out, unsigned number)
{
    static const char *const durations[] = {"0", "1", "90", "200ms", "1.5s", "0.001s", "7d", "59m"};
    static const char *const sizes[] = {"4096", "5000", "64k", "1M", "65537", "16384"};
    assert_int_equal(bytes_printf(out, "pool p%u {\n listen = \"@%u", number, number), 0);
    random_text(out);
    assert_int_equal(bytes_printf(out, "\"\n command = {\"/x"), 0);
    random_text(out);
    for (unsigned n = dice(4); n > 0; n--) {
        assert_int_equal(bytes_printf(out, "\", \""), 0);
        random_text(out);
    }
    assert_int_equal(bytes_printf(out, "\"}\n env = {"), 0);
    for (unsigned n = dice(5), i = 0; i < n; i++) {
        assert_int_equal(bytes_printf(out, "%s\"V%u=", i > 0 ? ", " : "", i), 0);
        random_text(out);
        assert_int_equal(bytes_printf(out, "\""), 0);
    }
    assert_int_equal(
        bytes_printf(out,
                     "}\n pm.max_children = %u\n request_body_timeout = %s\n"
                     " keepalive_timeout = %s\n request_params_limit = %s\n listen.mode = %o\n"
                     " process.priority = %d\n rlimit_core = %s\n listen.backlog = %d\n",
                     1 + dice(16384), durations[dice(8)], durations[dice(8)], sizes[dice(6)],
                     dice(01000), (int)dice(40) - 20, dice(2) ? "unlimited" : sizes[dice(6)],
                     (int)dice(3000) - 1),
        0);
    assert_int_equal(bytes_printf(out, " user = \"u"), 0);
    random_text(out);
    assert_int_equal(bytes_printf(out, "\"\n}\n"), 0);
}

static void test_random(void **unused)
{
    (void)unused;
    setenv("HOME", "/home/$pool/${HOME}", 1);
    setenv("HOMEpool", "x", 1);
    for (unsigned round = 0; round < 300; round++) {
        struct bytes text, dump, second;
        bytes_init(&text, 1u << 20);
        bytes_init(&dump, 1u << 20);
        bytes_init(&second, 1u << 20);
        assert_int_equal(bytes_printf(&text, HEAD), 0);
        for (unsigned n = dice(4); n > 0; n--)
            random_pool(&text, n);
        struct conf *c = load(bytes_string(&text));
        assert_int_equal(conf_dump(c, &dump), 0);
        struct conf *again = load(bytes_string(&dump));
        if (!conf_equal(c, again))
            fail_msg("%s\nbecame\n%s", bytes_string(&text), bytes_string(&dump));
        assert_int_equal(conf_dump(again, &second), 0);
        assert_string_equal(bytes_string(&dump), bytes_string(&second));
        conf_free(c);
        conf_free(again);
        bytes_clear(&text);
        bytes_clear(&dump);
        bytes_clear(&second);
    }
}

static void test_dump_has_a_limit(void **unused)
{
    struct bytes small;
    (void)unused;
    struct conf *c = load(POOL "listen = @a }");
    for (size_t maximum = 0; maximum < 1200; maximum += 13) {
        bytes_init(&small, maximum);
        assert_true(conf_dump(c, &small) < 0);
        bytes_clear(&small);
    }
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_compare),  cmocka_unit_test(test_a_variable_with_control_characters),
        cmocka_unit_test(test_random),   cmocka_unit_test(test_dump_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
