/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text to a listening address.  Pure: neither the name service nor the file system is asked.  The
 * canonical text is unique for an address, so two pools that want the same one are found by
 * comparing text; and a unix path always fits sun_path with its NUL.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"
#include "host/socket.h"

#define PATH_BYTES (sizeof((struct sockaddr_un *)0)->sun_path - 1) /* 107 */
#define ALLOWED                                                                                    \
    "allowed are /path, @abstract, a.b.c.d:port, [v6]:port, localhost:port, port and systemd:NAME"

static int refuse(const char *text, struct error *err, const char *why)
{
    char shown[256];
    text_escape_fixed(shown, sizeof shown, text, strnlen(text, 120));
    return error_set(err, EINVAL, "address '%s': %s", shown, why);
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* "a//b/./c" → "a/b/c".  Dot-dot is refused: with links in the way it has no one meaning. */
static int parse_path(struct address *ret, const char *text, struct error *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->storage;
    size_t used = 0;

    for (const char *p = text; *p != '\0';) {
        while (*p == '/')
            p++;
        size_t length = strcspn(p, "/");
        if (length == 0)
            return refuse(text, err, "names a folder; give the socket itself a name");
        if (length == 1 && p[0] == '.' && p[length] != '\0') {
            p += length;
            continue;
        }
        if ((length == 1 && p[0] == '.') || (length == 2 && p[0] == '.' && p[1] == '.'))
            return refuse(text, err, "'.' and '..' cannot be the name, nor '..' part of the path");
        if (used + 1 + length > PATH_BYTES)
            return refuse(text, err,
                          "a unix socket's path has at most 107 bytes; use a shorter one, for "
                          "example below /run/ganger");
        un->sun_path[used++] = '/';
        memcpy(un->sun_path + used, p, length);
        used += length;
        p += length;
    }
    un->sun_family = AF_UNIX;
    un->sun_path[used] = '\0';
    ret->family = ADDRESS_UNIX;
    ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + used + 1);
    memcpy(ret->text, un->sun_path, used + 1);
    return 0;
}

static int parse_abstract(struct address *ret, const char *text, struct error *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->storage;
    size_t length = strnlen(text + 1, PATH_BYTES + 1);
    if (length == 0 || length > PATH_BYTES)
        return refuse(text, err, "an abstract name has 1 to 107 bytes");
    un->sun_family = AF_UNIX;
    un->sun_path[0] = '\0';
    memcpy(un->sun_path + 1, text + 1, length);
    ret->family = ADDRESS_ABSTRACT;
    ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    memcpy(ret->text, text, length + 2);
    return 0;
}

static int parse_systemd(struct address *ret, const char *text, struct error *err)
{
    const char *name = text + strlen("systemd:");
    size_t length = strnlen(text, sizeof ret->text);
    if (name[0] == '\0' || strchr(name, ':') != NULL || length >= sizeof ret->text)
        return refuse(text, err,
                      "a systemd socket name (FileDescriptorName=) has 1 to 247 bytes and no ':'");
    ret->family = ADDRESS_SYSTEMD;
    ret->length = 0;
    memcpy(ret->text, text, length + 1);
    return 0;
}

static int set_inet(struct address *ret, const struct in_addr *in, uint16_t port)
{
    struct sockaddr_in *sin = (struct sockaddr_in *)&ret->storage;
    char number[INET_ADDRSTRLEN];
    *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = *in};
    ret->family = ADDRESS_INET;
    ret->length = sizeof *sin;
    snprintf(ret->text, sizeof ret->text, "%s:%u", inet_ntop(AF_INET, in, number, sizeof number),
             port);
    return 0;
}

static int parse_inet6(struct address *ret, const char *text, const char *host, uint16_t port,
                       struct error *err)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ret->storage;
    struct in6_addr in6;
    char number[INET6_ADDRSTRLEN];

    if (strchr(host, '%') != NULL)
        return refuse(text, err, "zones (%eth0) are not supported; use a global or local address");
    if (inet_pton(AF_INET6, host, &in6) != 1)
        return refuse(text, err, "between the brackets is no IPv6 address");
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {
        struct in_addr in;
        memcpy(&in, in6.s6_addr + 12, sizeof in);
        return set_inet(ret, &in, port);
    }
    *sin6 =
        (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6};
    ret->family = ADDRESS_INET6;
    ret->length = sizeof *sin6;
    snprintf(ret->text, sizeof ret->text, "[%s]:%u",
             inet_ntop(AF_INET6, &in6, number, sizeof number), port);
    return 0;
}

static int parse_host(struct address *ret, const char *text, const char *host, uint16_t port,
                      struct error *err)
{
    struct in_addr in;
    if (strcmp(host, "*") == 0)
        in.s_addr = htonl(INADDR_ANY);
    else if (strcmp(host, "localhost") == 0)
        in.s_addr = htonl(INADDR_LOOPBACK);
    else if (inet_pton(AF_INET, host, &in) != 1)
        return refuse(text, err,
                      "no name service is asked; give the address as a number; " ALLOWED);
    return set_inet(ret, &in, port);
}

static int parse_port(struct address *ret, const char *text, struct error *err)
{
    char host[64];
    uint64_t port = 0;
    const char *colon = strrchr(text, ':');
    const char *digits = colon != NULL ? colon + 1 : text;
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;

    if (length >= sizeof host)
        return refuse(text, err, ALLOWED);
    memcpy(host, text, length);
    host[length] = '\0';
    if (number_parse(digits, 65535, &port) != 0 || port == 0)
        return refuse(text, err,
                      digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0'
                          ? "a port is a number from 1 to 65535"
                          : ALLOWED);
    if (colon == NULL)
        return parse_host(ret, text, "*", (uint16_t)port, err);
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        return parse_inet6(ret, text, host + 1, (uint16_t)port, err);
    }
    if (strchr(host, ':') != NULL)
        return refuse(text, err, "an IPv6 address stands in brackets, as in [::1]:9000");
    return parse_host(ret, text, host, (uint16_t)port, err);
}

int address_parse(struct address *ret, const char *text, struct error *err)
{
    struct address parsed;
    int r;

    memset(&parsed, 0, sizeof parsed);
    if (text[0] == '\0')
        return error_set(err, EINVAL, "an address is empty; " ALLOWED);
    if (has_control(text))
        return refuse(text, err, "control characters are not allowed");
    if (text[0] == '/')
        r = parse_path(&parsed, text, err);
    else if (text[0] == '@')
        r = parse_abstract(&parsed, text, err);
    else if (text_starts(text, "systemd:"))
        r = parse_systemd(&parsed, text, err);
    else if (text_starts(text, "unix:"))
        r = refuse(text, err, "write the path alone, without 'unix:'");
    else
        r = parse_port(&parsed, text, err);
    if (r == 0)
        *ret = parsed;
    return r;
}
