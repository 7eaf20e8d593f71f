/* SPDX-License-Identifier: Apache-2.0 */
/* Orders as text: what is one, what is none, and that a refusal says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "master/orders.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NAME63 "p12345678901234567890123456789012345678901234567890123456789012"

static void test_good(void **unused)
{
    static const struct {
        const char *line;
        enum order_word word;
        const char *pool;
        uint32_t number;
        bool wait;
    } rows[] = {
        {"ping", ORDER_PING, "", 0, false},
        {"test", ORDER_TEST, "", 0, false},
        {"reload", ORDER_RELOAD, "", 0, false},
        {"reload wait", ORDER_RELOAD, "", 0, true},
        {"  reload   wait  ", ORDER_RELOAD, "", 0, true},
        {"restart shop", ORDER_RESTART, "shop", 0, false},
        {"restart shop wait", ORDER_RESTART, "shop", 0, true},
        {"restart wait", ORDER_RESTART, "wait", 0, false}, /* a pool of that name */
        {"restart wait wait", ORDER_RESTART, "wait", 0, true},
        {"stop a.b-c_D9", ORDER_STOP, "a.b-c_D9", 0, false},
        {"start " NAME63, ORDER_START, NAME63, 0, false},
        {"scale shop 1", ORDER_SCALE, "shop", 1, false},
        {"scale shop 16384 wait", ORDER_SCALE, "shop", 16384, true},
        {"scale 7 7", ORDER_SCALE, "7", 7, false},
        {"reopen", ORDER_REOPEN, "", 0, false},
        {"upgrade wait", ORDER_UPGRADE, "", 0, true},
        {"quit", ORDER_QUIT, "", 0, false},
        {"quit wait", ORDER_QUIT, "", 0, true},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = ERROR_NONE;
        struct order o;

        if (orders_parse(&o, rows[i].line, strlen(rows[i].line), &err) != 0)
            fail_msg("\"%s\": %s", rows[i].line, err.text);
        assert_int_equal(o.word, rows[i].word);
        assert_string_equal(o.pool, rows[i].pool);
        assert_int_equal(o.number, rows[i].number);
        assert_int_equal(o.wait, rows[i].wait);
    }
}

#define LINE(text) text, sizeof(text) - 1

static void test_bad(void **unused)
{
    static const struct {
        const char *line;
        size_t length;
        const char *why;
    } rows[] = {
        {LINE(""), "empty"},
        {LINE("   "), "empty"},
        {LINE("relaod"), "\"relaod\" is no order"},
        {LINE("RELOAD"), "is no order"},
        {LINE("reload\r"), "is no order"},
        {LINE("ping\0"), "is no order"},
        {LINE("\0"), "is no order"},
        {LINE("\tping"), "is no order"},
        {LINE("pi"), "is no order"},
        {LINE("pingping"), "is no order"},
        {LINE("\x1b[2J"), "\\x1b[2J"},
        {LINE("ping wait"), "\"wait\" is one word too many"},
        {LINE("test wait"), "one word too many"},
        {LINE("reopen wait"), "one word too many"},
        {LINE("reload now"), "\"now\" is one word too many"},
        {LINE("reload wait wait"), "one word too many"},
        {LINE("restart"), "restart takes the name of a pool"},
        {LINE("stop"), "takes the name of a pool"},
        {LINE("start"), "takes the name of a pool"},
        {LINE("scale"), "takes the name of a pool"},
        {LINE("restart sh/op"), "is no name of a pool"},
        {LINE("restart shop\0"), "is no name of a pool"},
        {LINE("restart \xc3\xa4"), "is no name of a pool"},
        {LINE("restart " NAME63 "x"), "is too long"},
        {LINE("scale shop"), "takes a number"},
        {LINE("scale shop 0"), "from 1 to 16384"},
        {LINE("scale shop 16385"), "from 1 to 16384"},
        {LINE("scale shop -1"), "from 1 to 16384"},
        {LINE("scale shop 1k"), "from 1 to 16384"},
        {LINE("scale shop 99999999999999999999999"), "from 1 to 16384"},
        {LINE("scale shop wait"), "takes a number"},
        {LINE("scale shop 4 wait x"), "\"x\" is one word too many"},
        {LINE("quit a b c d e f g h"), "one word too many"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = ERROR_NONE;
        struct order o;

        assert_true(orders_parse(&o, rows[i].line, rows[i].length, &err) < 0);
        if (strstr(err.text, rows[i].why) == NULL)
            fail_msg("row %zu: \"%s\" lacks \"%s\"", i, err.text, rows[i].why);
        for (const char *c = err.text; *c != '\0'; c++)
            assert_true((unsigned char)*c >= 32 && (unsigned char)*c != 127);
    }
}

static void test_length(void **unused)
{
    char line[ORDERS_LINE_MAX + 1];
    struct error err = ERROR_NONE;
    struct order o;

    (void)unused;
    memset(line, ' ', sizeof(line));
    memcpy(line, "ping", 4);
    assert_int_equal(orders_parse(&o, line, ORDERS_LINE_MAX - 1, &err), 0);
    assert_true(orders_parse(&o, line, ORDERS_LINE_MAX, &err) < 0);
    assert_non_null(strstr(err.text, "too long"));
}

static void test_names(void **unused)
{
    (void)unused;
    for (enum order_word word = ORDER_PING; word <= ORDER_QUIT; word++) {
        struct error err = ERROR_NONE;
        struct order o;
        char line[64];

        (void)snprintf(line, sizeof(line), "%s pool 1", orders_name(word));
        for (size_t length = strlen(line); length >= strlen(orders_name(word)); length--) {
            if (orders_parse(&o, line, length, &err) == 0)
                assert_int_equal(o.word, word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
