/* SPDX-License-Identifier: Apache-2.0 */

/*
 * listen.allowed_clients.  Whole addresses are compared, bit by bit up to the prefix; an IPv4
 * address that comes dressed as IPv6 (::ffff:a.b.c.d) counts as IPv4 on both sides, so "::/0" means
 * every true IPv6 address and no IPv4 one.
 *
 * Invariant: bits beyond the prefix are zero (client_block_parse() refuses others), and a v4 block
 * uses the first four bytes.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"
#include "host/socket.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t bytes[16])
{
    return memcmp(bytes, mapped, sizeof mapped) == 0;
}

static bool bit(const uint8_t *bytes, unsigned i)
{
    return (bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

static int refuse(const char *text, const char *why, struct error *err)
{
    char shown[160];
    text_escape_fixed(shown, sizeof shown, text, strnlen(text, 64));
    return error_set(err, EINVAL,
                     "'%s' %s; allowed are an IPv4 or IPv6 address or a block such as 10.0.0.0/8 "
                     "or fd00::/8",
                     shown, why);
}

int client_block_parse(struct client_block *ret, const char *text, struct error *err)
{
    char address[INET6_ADDRSTRLEN];
    struct client_block block = {.v6 = false, .prefix = 0};
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);

    if (length >= sizeof address)
        return refuse(text, "is too long", err);
    memcpy(address, text, length);
    address[length] = '\0';
    if (strchr(address, '%') != NULL)
        return refuse(text, "has a zone, which cannot be compared", err);
    if (inet_pton(AF_INET, address, block.bytes) == 1)
        block.v6 = false;
    else if (inet_pton(AF_INET6, address, block.bytes) == 1)
        block.v6 = true;
    else
        return refuse(text, "is no address", err);

    unsigned widest = block.v6 ? 128 : 32;
    block.prefix = widest;
    if (slash != NULL) {
        uint64_t number = 0;
        if (number_parse(slash + 1, widest, &number) != 0)
            return refuse(text, "has a wrong prefix length", err);
        block.prefix = (unsigned)number;
    }
    for (unsigned i = block.prefix; i < widest; i++)
        if (bit(block.bytes, i))
            return refuse(text, "has bits set beyond its prefix", err);
    if (block.v6 && block.prefix >= 96 && is_mapped(block.bytes)) {
        memmove(block.bytes, block.bytes + 12, 4);
        memset(block.bytes + 4, 0, 12);
        block.prefix -= 96;
        block.v6 = false;
    }
    *ret = block;
    return 0;
}

bool client_block_matches(const struct client_block *block, const struct sockaddr *peer)
{
    uint8_t bytes[16] = {0};
    bool v6 = false;

    if (peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        memcpy(bytes, &in.sin_addr, 4);
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof in6);
        memcpy(bytes, &in6.sin6_addr, 16);
        v6 = !is_mapped(bytes);
        if (!v6)
            memmove(bytes, bytes + 12, 4);
    } else {
        return false;
    }
    if (v6 != block->v6 || block->prefix > (v6 ? 128u : 32u))
        return false;
    for (unsigned i = 0; i < block->prefix; i++)
        if (bit(bytes, i) != bit(block->bytes, i))
            return false;
    return true;
}
