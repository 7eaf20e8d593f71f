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
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/descriptor.h"

#define TABLE_MAX ((size_t)8 << 20) /* bytes of one table: some 50 000 sockets */
#define LINE_MAX_BYTES 512
#define ADDRESS_MAX 64
#define NOBODY UINT32_MAX /* as the number of a peer; 0 is one that nobody has accepted */

/* The kernel's NLA_ALIGN in unsigned arithmetic. */
#define ATTRIBUTE_ALIGN(length) (((length) + 3u) & ~(size_t)3u)

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

static int ask(int netlink, uint32_t inode, uint32_t number)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = number},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = ~0u,
                    .udiag_ino = inode,
                    .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER,
                    .udiag_cookie = {~0u, ~0u}},
    };
    ssize_t sent = send(netlink, &message, sizeof message, MSG_NOSIGNAL);
    return sent == (ssize_t)sizeof message ? 0 : -EIO;
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

/* What the kernel says of one: 0, or negative.  A name or a peer that it does not have stays. */
static int hear(int netlink, uint32_t number, char *name, size_t size, uint32_t *peer,
                unsigned *state)
{
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    struct unix_diag_msg about;
    ssize_t got = recv(netlink, answer.bytes, sizeof answer.bytes, 0);

    if (got < 0 || !NLMSG_OK(&answer.header, (size_t)got) || answer.header.nlmsg_seq != number ||
        answer.header.nlmsg_type == NLMSG_ERROR ||
        answer.header.nlmsg_len < NLMSG_LENGTH(sizeof about))
        return -EPROTO;
    memcpy(&about, NLMSG_DATA(&answer.header), sizeof about);
    *state = about.udiag_state;
    size_t offset = NLMSG_LENGTH(NLMSG_ALIGN(sizeof about));
    while (offset + sizeof(struct nlattr) <= answer.header.nlmsg_len) {
        struct nlattr attribute;
        size_t head = ATTRIBUTE_ALIGN(sizeof attribute);
        memcpy(&attribute, answer.bytes + offset, sizeof attribute);
        if (attribute.nla_len < head || attribute.nla_len > answer.header.nlmsg_len - offset)
            return -EPROTO;
        const char *value = answer.bytes + offset + head;
        size_t length = attribute.nla_len - head;
        if (attribute.nla_type == UNIX_DIAG_NAME)
            take_name(value, length, name, size);
        else if (attribute.nla_type == UNIX_DIAG_PEER && length >= sizeof *peer)
            memcpy(peer, value, sizeof *peer);
        offset += ATTRIBUTE_ALIGN((size_t)attribute.nla_len);
    }
    return 0;
}

static void ask_unix(int netlink, struct peer_text *s)
{
    char own[128] = "", other[128] = "";
    uint32_t peer = NOBODY, ignored = 0;
    unsigned state = 0, far = 0;

    if (s->inode > UINT32_MAX || ask(netlink, (uint32_t)s->inode, 1) < 0 ||
        hear(netlink, 1, own, sizeof own, &peer, &state) < 0)
        return;
    if (peer != NOBODY && peer != 0 && ask(netlink, peer, 2) == 0)
        (void)hear(netlink, 2, other, sizeof other, &ignored, &far);
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
    const struct timeval deadline = {.tv_sec = 1, .tv_usec = 0};
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    if (netlink < 0)
        return;
    (void)setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    for (size_t i = 0; i < count; i++)
        if (sockets[i].text[0] == '\0')
            ask_unix(netlink, &sockets[i]);
    descriptor_close(&netlink);
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
