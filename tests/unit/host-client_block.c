/* SPDX-License-Identifier: Apache-2.0 */
/* listen.allowed_clients: whole addresses are compared (FAULTS C89). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "host/socket.h"

union peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static unsigned pairs; /* how many comparisons the whole program made */

static union peer peer_of(const char *text)
{
    union peer p;
    memset(&p, 0, sizeof p);
    if (inet_pton(AF_INET, text, &p.in.sin_addr) == 1) {
        p.any.sa_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &p.in6.sin6_addr), 1);
        p.any.sa_family = AF_INET6;
    }
    return p;
}

static bool matches(const char *block, const union peer *peer)
{
    struct client_block b;
    struct error err = ERROR_NONE;
    if (client_block_parse(&b, block, &err) != 0)
        fail_msg("%s", err.text);
    pairs++;
    return client_block_matches(&b, &peer->any);
}

static void test_c89_pairs(void **unused)
{
    static const struct {
        const char *block, *peer;
        bool match;
    } table[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1", "::ffff:127.0.0.1", true},
        {"127.0.0.1", "::127.0.0.1", false},
        {"127.0.0.1", "::1", false},
        {"::ffff:127.0.0.1", "127.0.0.1", true},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.1", true},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.2", false},
        {"::ffff:10.0.0.0/104", "10.255.0.1", true},
        {"::ffff:10.0.0.0/104", "11.0.0.0", false},
        {"::ffff:0:0/96", "1.2.3.4", true},
        {"::ffff:0:0/96", "::1", false},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"::1", "127.0.0.1", false},
        {"::1", "8000::1", false},
        {"::1/128", "::1", true},
        {"::/128", "::", true},
        {"::/128", "::1", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "0.0.0.0", true},
        {"0.0.0.0/0", "::ffff:8.8.8.8", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "ffff::", true},
        {"::/0", "127.0.0.1", false},
        {"::/0", "::ffff:127.0.0.1", false},
        {"0.0.0.0/32", "0.0.0.0", true},
        {"0.0.0.0/32", "0.0.0.1", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"192.168.4.0/22", "192.168.3.255", false},
        {"128.0.0.0/1", "128.0.0.0", true},
        {"128.0.0.0/1", "127.255.255.255", false},
        {"1.2.3.4/31", "1.2.3.5", true},
        {"1.2.3.4/31", "1.2.3.6", false},
        {"fe80::/10", "febf::1", true},
        {"fe80::/10", "fec0::1", false},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db8::/32", "2001:db9::", false},
        /* The first 12 bytes equal, the last 4 not: what an old memcmp() of 12 let in. */
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"2001:db8::1", "2001:db8::ffff:1", false},
        {"2001:db8::1:0:0/96", "2001:db8::1:ffff:ffff", true},
        {"2001:db8::1:0:0/96", "2001:db8::2:0:0", false},
        {"::ffff:0:0:0/90", "::ffff:0:0:1", true},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        union peer peer = peer_of(table[i].peer);
        if (matches(table[i].block, &peer) != table[i].match)
            fail_msg("%s and %s", table[i].block, table[i].peer);
    }
}

/* Each bit of the peer changed in turn, against every prefix length. */
static void test_c89_neighbours_of_one_bit(void **unused)
{
    static const char *const addresses[] = {"192.168.37.201", "2001:db8:a5a5:5a5a:1:80:7fff:fffe",
                                            "::ffff:192.168.37.201"};
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        bool v6 = i == 1;
        for (unsigned prefix = 0; prefix <= (v6 ? 128u : 32u); prefix++) {
            uint8_t bytes[16];
            char low[INET6_ADDRSTRLEN], block[64];
            assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, addresses[v6 ? 1 : 0], bytes), 1);
            for (unsigned n = prefix; n < (v6 ? 128u : 32u); n++)
                bytes[n / 8] &= (uint8_t) ~(0x80u >> (n % 8));
            assert_non_null(inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, low, sizeof low));
            snprintf(block, sizeof block, "%s/%u", low, prefix);
            for (unsigned changed = 0; changed < (v6 ? 128u : 32u); changed++) {
                union peer peer = peer_of(addresses[i]);
                uint8_t *at = i == 0 ? (uint8_t *)&peer.in.sin_addr
                                     : (uint8_t *)&peer.in6.sin6_addr + (i == 2 ? 12 : 0);
                at[changed / 8] ^= (uint8_t)(0x80u >> (changed % 8));
                if (matches(block, &peer) != (changed >= prefix))
                    fail_msg("%s and %s with bit %u changed", block, addresses[i], changed);
            }
        }
    }
    assert_true(pairs > 200);
}

static void test_refused(void **unused)
{
    static const char *const table[] = {
        "",
        "x",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.04",
        "256.1.1.1",
        "1.2.3.4/",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/x",
        "1.2.3.4/8",
        "10.0.0.1/31 ",
        " 10.0.0.1",
        "10.0.0.0/8/8",
        "/8",
        "::1/129",
        "fe80::1%lo",
        "fe80::%1/10",
        "::1/0",
        ":::",
        "[::1]",
        "any",
        "*",
        "10.0.0.1/0x20",
        "127.0.0.1:9000",
        "::ffff:10.0.0.1/104",
        "::ffff:0:0/90",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee",
        "\x1b[31m",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct client_block b;
        struct error err = ERROR_NONE;
        if (client_block_parse(&b, table[i], &err) != -EINVAL)
            fail_msg("'%s' is accepted", table[i]);
        assert_non_null(strstr(err.text, "allowed are"));
        assert_null(strchr(err.text, '\x1b'));
    }
}

static void test_others_never_match(void **unused)
{
    union peer peer;
    (void)unused;
    memset(&peer, 0, sizeof peer);
    peer.any.sa_family = AF_UNIX;
    assert_false(matches("0.0.0.0/0", &peer));
    assert_false(matches("::/0", &peer));
    peer.any.sa_family = AF_UNSPEC;
    assert_false(matches("0.0.0.0/0", &peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c89_pairs),
        cmocka_unit_test(test_c89_neighbours_of_one_bit),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_others_never_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
