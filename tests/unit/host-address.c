/* SPDX-License-Identifier: Apache-2.0 */
/* Listening addresses: canonical text, and what is refused (FAULTS C84: lengths 107, 108, 109). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "host/socket.h"

static void test_canonical_text(void **unused)
{
    static const struct {
        const char *text, *canonical;
        enum address_family family;
    } table[] = {
        {"/run/x.sock", "/run/x.sock", ADDRESS_UNIX},
        {"//run///x.sock", "/run/x.sock", ADDRESS_UNIX},
        {"/./run/././x.sock", "/run/x.sock", ADDRESS_UNIX},
        {"/x", "/x", ADDRESS_UNIX},
        {"/run/a b.sock", "/run/a b.sock", ADDRESS_UNIX},
        {"/run/..x/y..", "/run/..x/y..", ADDRESS_UNIX},
        {"@x", "@x", ADDRESS_ABSTRACT},
        {"@/run//x", "@/run//x", ADDRESS_ABSTRACT},
        {"127.0.0.1:9000", "127.0.0.1:9000", ADDRESS_INET},
        {"127.0.0.1:09000", "127.0.0.1:9000", ADDRESS_INET},
        {"0.0.0.0:1", "0.0.0.0:1", ADDRESS_INET},
        {"255.255.255.255:65535", "255.255.255.255:65535", ADDRESS_INET},
        {"localhost:80", "127.0.0.1:80", ADDRESS_INET},
        {"*:80", "0.0.0.0:80", ADDRESS_INET},
        {"9000", "0.0.0.0:9000", ADDRESS_INET},
        {"[::1]:9000", "[::1]:9000", ADDRESS_INET6},
        {"[0:0:0:0:0:0:0:1]:9000", "[::1]:9000", ADDRESS_INET6},
        {"[::]:9000", "[::]:9000", ADDRESS_INET6},
        {"[FD00::A]:9000", "[fd00::a]:9000", ADDRESS_INET6},
        {"[::ffff:127.0.0.1]:9000", "127.0.0.1:9000", ADDRESS_INET},
        {"[::ffff:7f00:1]:9000", "127.0.0.1:9000", ADDRESS_INET},
        {"systemd:git", "systemd:git", ADDRESS_SYSTEMD},
        {"systemd:git.socket", "systemd:git.socket", ADDRESS_SYSTEMD},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct address a, again;
        struct error err = ERROR_NONE;
        if (address_parse(&a, table[i].text, &err) != 0)
            fail_msg("%s: %s", table[i].text, err.text);
        assert_string_equal(a.text, table[i].canonical);
        assert_int_equal(a.family, table[i].family);
        /* The canonical text reads back equal, byte by byte. */
        assert_int_equal(address_parse(&again, a.text, NULL), 0);
        assert_memory_equal(&a, &again, sizeof a);
    }
}

static void test_refused(void **unused)
{
    static const struct {
        const char *text, *says;
    } table[] = {
        {"", "empty"},
        {"/", "folder"},
        {"/run/", "folder"},
        {"/run/x/.", "'..'"},
        {"/run/../x", "'..'"},
        {"/..", "'..'"},
        {"/run/x\ny", "control"},
        {"run/x.sock", "allowed are"},
        {"./x.sock", "allowed are"},
        {"unix:/run/x.sock", "without 'unix:'"},
        {"@", "1 to 107"},
        {"systemd:", "FileDescriptorName"},
        {"systemd:a:b", "FileDescriptorName"},
        {"0", "1 to 65535"},
        {"65536", "1 to 65535"},
        {"127.0.0.1:0", "1 to 65535"},
        {"127.0.0.1:65536", "1 to 65535"},
        {"127.0.0.1:99999999999999999999999", "1 to 65535"},
        {"127.0.0.1:", "allowed are"},
        {"127.0.0.1:80x", "allowed are"},
        {"127.0.0.1: 80", "allowed are"},
        {"127.0.0.1:+80", "allowed are"},
        {"127.0.0.1", "allowed are"},
        {"-1", "allowed are"},
        {" 80", "allowed are"},
        {":80", "as a number"},
        {"example.org:80", "as a number"},
        {"localhost.:80", "as a number"},
        {"127.1:80", "as a number"},
        {"127.0.0.01:80", "as a number"},
        {"0x7f.0.0.1:80", "as a number"},
        {"256.0.0.1:80", "as a number"},
        {"::1:9000", "in brackets"},
        {"[::1]", "allowed are"},
        {"[::1:9000", "in brackets"},
        {"[]:9000", "no IPv6"},
        {"[127.0.0.1]:9000", "no IPv6"},
        {"[::g]:9000", "no IPv6"},
        {"[fe80::1%lo]:9000", "zones"},
        {"[::1]x:9000", "in brackets"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
         "allowed are"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct address a;
        struct error err = ERROR_NONE;
        if (address_parse(&a, table[i].text, &err) != -EINVAL)
            fail_msg("'%s' is accepted", table[i].text);
        if (strstr(err.text, table[i].says) == NULL)
            fail_msg("'%s': %s", table[i].text, err.text);
        assert_null(strchr(err.text, '\n'));
    }
}

static void test_c84_longest_names(void **unused)
{
    static const char first[] = {'/', '@'};
    (void)unused;
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t length = 100; length < 4000; length += length < 112 ? 1 : 97) {
            char text[4096];
            struct address a;
            struct error err = ERROR_NONE;
            /* The '@' stands for a NUL that is part of the name's 108 bytes. */
            memset(text, 'n', length);
            text[0] = first[kind];
            text[length] = '\0';
            size_t limit = kind == 0 ? 107 : 108;
            assert_int_equal(address_parse(&a, text, &err), length <= limit ? 0 : -EINVAL);
            if (length > limit) {
                assert_non_null(strstr(err.text, "107"));
                continue;
            }
            assert_string_equal(a.text, text);
            assert_int_equal(a.length,
                             offsetof(struct sockaddr_un, sun_path) + length + (kind == 0 ? 1 : 0));
        }
    }
    char text[400];
    struct address a;
    memset(text, 'n', sizeof text);
    memcpy(text, "systemd:", 8);
    text[255] = '\0';
    assert_int_equal(address_parse(&a, text, NULL), 0);
    text[255] = 'n';
    text[256] = '\0';
    assert_int_equal(address_parse(&a, text, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_c84_longest_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
