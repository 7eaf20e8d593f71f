/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet sockets are looked up in /proc/PID/net, which is that of the process's own namespace; the
 * tables have no index, so what is read of them is bounded.  Of unix sockets the kernel is asked one
 * by one (unix_diag), first for the number of the other end, then for its name: a client's socket has
 * no name, but that which accept() made at the other end has the listening one's.
 */
#include "host/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/unix_diag.h"

#define TABLE_MAX ((size_t)8 << 20) /* bytes of one table: some 50 000 sockets */
#define LINE_MAX_BYTES 512
#define ADDRESS_MAX 64
#define NOBODY UINT32_MAX /* as the number of a peer; 0 is one that nobody has accepted */

/* ---- internet ---- */

static const char *state_name(unsigned state)
{
    static const char *const names[] = {
        [1] = "established", [2] = "connecting", [3] = "being accepted", [4] = "closing",
        [5] = "closing",     [6] = "closing",    [7] = "closed",         [8] = "closed by the peer",
        [9] = "closing",     [10] = "listening", [11] = "closing",
    };
    return state < sizeof names / sizeof names[0] && names[state] != NULL ? names[state] : "?";
}

/* "0100007F:1F90", or the same with 32 digits: the address as the kernel's words, printed in hexadecimal. */
static void format_address(const char *hex, char out[ADDRESS_MAX])
{
    char text[INET6_ADDRSTRLEN] = "?";
    uint32_t words[4] = {0};
    unsigned port = 0;
    size_t digits = strcspn(hex, ":");

    for (size_t i = 0; i * 8 < digits && i < 4; i++) {
        char word[9] = {0};
        memcpy(word, hex + i * 8, 8);
        if (sscanf(word, "%" SCNx32, &words[i]) != 1)
            words[i] = 0;
    }
    if (hex[digits] != ':' || sscanf(hex + digits + 1, "%x", &port) != 1)
        port = 0;
    (void)inet_ntop(digits > 8 ? AF_INET6 : AF_INET, words, text, sizeof text);
    (void)snprintf(out, ADDRESS_MAX, digits > 8 ? "[%s]:%u" : "%s:%u", text, port);
}

static void read_line(const char *line, const char *protocol, struct peer_text *sockets,
                      size_t count)
{
    char local[40], remote[40], from[ADDRESS_MAX], to[ADDRESS_MAX];
    unsigned state;
    uint64_t inode;

    if (sscanf(line, " %*d: %39s %39s %x %*s %*s %*s %*u %*u %" SCNu64, local, remote, &state,
               &inode) != 4 ||
        inode == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct peer_text *s = &sockets[i];

        if (s->inode != inode || s->text[0] != '\0')
            continue;
        format_address(local, from);
        format_address(remote, to);
        if (protocol[0] == 't')
            (void)snprintf(s->text, sizeof s->text, "%s %s -> %s %s", protocol, from, to,
                           state_name(state));
        else
            (void)snprintf(s->text, sizeof s->text, "%s %s -> %s", protocol, from, to);
    }
}

static void read_table(const struct probe *p, const char *protocol, struct peer_text *sockets,
                       size_t count)
{
    char name[32], text[16384];
    size_t held = 0, total = 0;

    (void)snprintf(name, sizeof name, "net/%s", protocol);
    __attribute__((cleanup(descriptor_cleanup))) int fd =
        openat(p->folder, name, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && total < TABLE_MAX) {
        ssize_t got = read(fd, text + held, sizeof text - 1 - held);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        total += (size_t)got;
        held += (size_t)got;
        text[held] = '\0';
        char *line = text;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            read_line(line, protocol, sockets, count);
        }
        held -= (size_t)(line - text);
        if (held > LINE_MAX_BYTES)
            return; /* no such table */
        memmove(text, line, held);
    }
}

/* ---- unix ---- */

/* A socket of ours was bound as ".NAME.PID.tmp", by way of its folder's descriptor, and then renamed
 * (host/socket_path.c); the kernel knows it by that name for ever.  NAME alone is left. */
static void take_final_name(char *name)
{
    static const char folder[] = "/proc/self/fd/", end[] = ".tmp";
    size_t length = strlen(name);
    const char *last = strrchr(name, '/');

    if (strncmp(name, folder, sizeof folder - 1) != 0 || last[1] != '.' ||
        strcmp(name + length - (sizeof end - 1), end) != 0)
        return;
    name[length - (sizeof end - 1)] = '\0';
    memmove(name, last + 2, strlen(last + 1));
    char *pid = strrchr(name, '.');
    if (pid != NULL)
        *pid = '\0';
}

/* A name as bytes, of which an abstract one begins with NUL. */
static void take_name(const char *bytes, size_t length, char *out, size_t size)
{
    size_t n = length < size - 1 ? length : size - 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        out[i] = c == 0 && i == 0 ? '@' : c > ' ' && c < 0x7f ? (char)c : '?';
    }
    out[n] = '\0';
    if (n > 0 && length > 0 && bytes[0] != '\0' && bytes[length - 1] == '\0' && n == length)
        out[n - 1] = '\0';
}

/* The name it was bound to; one that has none leaves `out` alone. */
static void read_name(const struct unix_diag_answer *answer, char *out, size_t size)
{
    size_t length = 0;
    const char *value = unix_diag_attribute(answer, UNIX_DIAG_NAME, &length);

    if (value == NULL)
        return;
    take_name(value, length, out, size);
    take_final_name(out);
}

static void ask_unix(struct unix_diag *diag, struct peer_text *s)
{
    struct unix_diag_answer answer;
    char own[128] = "", other[128] = "";
    uint32_t peer = NOBODY;
    size_t length = 0;

    if (unix_diag_ask(diag, s->inode, UDIAG_SHOW_NAME | UDIAG_SHOW_PEER, &answer) < 0)
        return;
    unsigned state = answer.about.udiag_state;
    read_name(&answer, own, sizeof own);
    const char *value = unix_diag_attribute(&answer, UNIX_DIAG_PEER, &length);
    if (value != NULL && length >= sizeof peer)
        memcpy(&peer, value, sizeof peer);
    if (peer != NOBODY && unix_diag_ask(diag, peer, UDIAG_SHOW_NAME, &answer) == 0)
        read_name(&answer, other, sizeof other);
    const char *space = own[0] == '\0' ? "" : " ";
    if (peer == NOBODY)
        (void)snprintf(s->text, sizeof s->text, "unix%s%s %s", space, own,
                       state == TCP_LISTEN ? "listening" : "without a peer");
    else
        (void)snprintf(s->text, sizeof s->text, "unix%s%s -> %s", space, own,
                       other[0] != '\0' ? other
                       : peer == 0      ? "a server that has not accepted it"
                                        : "one without a name");
}

static void read_unix(struct peer_text *sockets, size_t count)
{
    struct unix_diag diag;

    if (unix_diag_open(&diag) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (sockets[i].text[0] == '\0')
            ask_unix(&diag, &sockets[i]);
    unix_diag_close(&diag);
}

void peers_find(const struct probe *p, struct peer_text *sockets, size_t count)
{
    static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6"};

    for (size_t i = 0; i < count; i++)
        sockets[i].text[0] = '\0';
    read_unix(sockets, count);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        bool left = false;
        for (size_t i = 0; i < count; i++)
            left |= sockets[i].text[0] == '\0';
        if (left)
            read_table(p, tables[t], sockets, count);
    }
}
