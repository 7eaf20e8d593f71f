/* SPDX-License-Identifier: Apache-2.0 */

/*
 * host/socket.h binds addresses; this room may not ask it, and only needs to know whether a text
 * is one.  No name service is asked: an address that a resolver decides about is no address.
 */

#include "conf/endpoint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"

#define ALLOWED "an address is /PATH, @NAME, IPV4:PORT, localhost:PORT, [IPV6]:PORT or PORT"

static int refuse(struct error *err, const char *text, const char *why)
{
    char shown[200];
    text_escape_fixed(shown, sizeof shown, text, strlen(text));
    error_set(err, EINVAL, "%s %s", *text == '\0' ? "an empty value" : shown, why);
    return ENDPOINT_INVALID;
}

static bool parse_port(const char *text, uint64_t *ret)
{
    return number_parse(text, 65535, ret) == 0 && *ret > 0;
}

static int parse_path(struct endpoint *ret, const char *text, struct error *err)
{
    if (strlen(text) > ENDPOINT_PATH_MAX) {
        char why[100];
        snprintf(why, sizeof why, "is longer than the %d bytes that a socket's path may have",
                 ENDPOINT_PATH_MAX);
        return refuse(err, text, why);
    }
    if (text_ends(text, "/"))
        return refuse(err, text, "is a folder; a socket's path is needed");
    ret->family = ENDPOINT_PATH;
    /* "//a/./b" is "/a/b" */
    size_t length = 0;
    for (const char *c = text; *c != '\0';) {
        if (c[0] == '/' && c[1] == '/') {
            c++;
        } else if (c[0] == '/' && c[1] == '.' && c[2] == '/') {
            c += 2;
        } else {
            ret->canonical[length++] = *c++;
        }
    }
    ret->canonical[length] = '\0';
    return 0;
}

static int parse_inet(struct endpoint *ret, const char *text, struct error *err)
{
    char host[64];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    struct in_addr v4;
    struct in6_addr v6;
    if (colon == NULL || !parse_port(colon + 1, &port))
        return refuse(err, text, "has no port from 1 to 65535; " ALLOWED);
    bool bracket = text[0] == '[' && colon > text && colon[-1] == ']';
    const char *from = bracket ? text + 1 : text;
    size_t length = (size_t)(colon - from) - (bracket ? 1 : 0);
    if (length >= sizeof host)
        return refuse(err, text, "is no address; " ALLOWED);
    memcpy(host, from, length);
    host[length] = '\0';
    ret->family = ENDPOINT_TCP;
    if (bracket && inet_pton(AF_INET6, host, &v6) == 1) {
        char name[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, &v6, name, sizeof name);
        ret->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        snprintf(ret->canonical, sizeof ret->canonical, "[%s]:%" PRIu64, name, port);
        return 0;
    }
    if (!bracket && strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    if (bracket || inet_pton(AF_INET, host, &v4) != 1)
        return refuse(err, text,
                      bracket ? "is no IPv6 address; " ALLOWED
                              : "names a host; names are not looked up: " ALLOWED);
    ret->loopback = ntohl(v4.s_addr) >> 24 == 127;
    snprintf(ret->canonical, sizeof ret->canonical, "%s:%" PRIu64, host, port);
    return 0;
}

/* The names that systemd allows for a descriptor (FileDescriptorName=). */
static int parse_systemd(struct endpoint *ret, const char *text, struct error *err)
{
    const char *name = text + strlen("systemd:");
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++) {
        if (name[i] < ' ' || name[i] > '~' || name[i] == ':')
            length = 0;
    }
    if (length == 0 || length > ENDPOINT_NAME_MAX)
        return refuse(
            err, text,
            "is no name that a socket unit gives (FileDescriptorName=): 1 to 247 printable "
            "ASCII characters and no ':'");
    ret->family = ENDPOINT_SYSTEMD;
    snprintf(ret->canonical, sizeof ret->canonical, "%s", text);
    return 0;
}

bool endpoint_is_relative_path(const char *text)
{
    uint64_t ignored;
    return *text != '\0' && *text != '/' && *text != '@' && *text != '[' &&
           !text_starts(text, "systemd:") && number_parse(text, UINT64_MAX, &ignored) == -EINVAL &&
           (strchr(text, '/') != NULL || strchr(text, ':') == NULL);
}

int endpoint_parse(struct endpoint *ret, const char *text, struct error *err)
{
    uint64_t port;
    *ret = (struct endpoint){0};
    if (text[0] == '/')
        return parse_path(ret, text, err);
    if (text[0] == '@') {
        if (text[1] == '\0' || strlen(text) > ENDPOINT_PATH_MAX)
            return refuse(err, text, "is no abstract name of 1 to 106 bytes");
        ret->family = ENDPOINT_ABSTRACT;
        snprintf(ret->canonical, sizeof ret->canonical, "%s", text);
        return 0;
    }
    if (text_starts(text, "systemd:"))
        return parse_systemd(ret, text, err);
    if (endpoint_is_relative_path(text))
        return refuse(err, text,
                      "is no address and no absolute path; write /run/…, or set prefix "
                      "(a TCP address reads 127.0.0.1:9000)");
    if (number_parse(text, UINT64_MAX, &port) != -EINVAL) {
        if (!parse_port(text, &port))
            return refuse(err, text, "is no port; ports are 1 to 65535");
        ret->family = ENDPOINT_TCP;
        snprintf(ret->canonical, sizeof ret->canonical, "0.0.0.0:%" PRIu64, port);
        return 0;
    }
    return parse_inet(ret, text, err);
}

int endpoint_check_client(const char *text, struct error *err)
{
    static const char allowed[] = "is no address; an IPv4 or IPv6 address is needed, or a block "
                                  "such as 10.0.0.0/8";
    char host[64];
    unsigned char bytes[16];
    uint64_t bits;
    size_t length = strcspn(text, "/");
    if (length >= sizeof host)
        return refuse(err, text, allowed);
    memcpy(host, text, length);
    host[length] = '\0';
    bool v4 = inet_pton(AF_INET, host, bytes) == 1;
    if (!v4 && inet_pton(AF_INET6, host, bytes) != 1)
        return refuse(err, text, allowed);
    unsigned most = v4 ? 32 : 128;
    if (text[length] == '\0')
        return 0;
    if (number_parse(text + length + 1, most, &bits) < 0)
        return refuse(err, text,
                      v4 ? "has no prefix length from 0 to 32"
                         : "has no prefix length from 0 to 128");
    for (unsigned i = (unsigned)bits; i < most; i++) {
        if ((bytes[i / 8] & (0x80u >> i % 8)) != 0)
            return refuse(err, text,
                          "has bits behind its prefix length; write the block's first "
                          "address");
    }
    return 0;
}
