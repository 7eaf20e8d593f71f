/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every question has a number of its own, and an answer with another number is dropped: should an
 * answer ever come late, it is not taken for that of the next socket.  The socket is non-blocking
 * in both directions.
 */

#include "host/queue.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/descriptor.h"

/* Late answers skipped in one question. */
#define STALE_MAX 16

/* The kernel's NLA_ALIGN in unsigned arithmetic. */
#define ATTRIBUTE_ALIGN(length) (((length) + 3u) & ~(size_t)3u)

struct queue {
    int netlink;
    uint32_t number; /* of the last question */
};

int queue_open(struct queue **ret, struct error *err)
{
    struct queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return error_errno(err, ENOMEM, "the lengths of listen queues");
    q->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (q->netlink < 0) {
        int number = errno;
        free(q);
        return error_errno(err, number, "the kernel does not tell the lengths of listen queues");
    }
    *ret = q;
    return 0;
}

struct queue *queue_free(struct queue *q)
{
    if (q != NULL)
        descriptor_close(&q->netlink);
    free(q);
    return NULL;
}

/* ---- unix sockets ---- */

static int put_question(const struct queue *q, uint32_t socket_number)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = q->number},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = ~0u,
                    .udiag_ino = socket_number,
                    .udiag_show = UDIAG_SHOW_RQLEN,
                    .udiag_cookie = {~0u, ~0u}},
    };
    ssize_t sent = send(q->netlink, &message, sizeof message, MSG_NOSIGNAL);
    return sent == (ssize_t)sizeof message ? 0 : sent < 0 ? -errno : -EPROTO;
}

/* The answer's attribute: for a listening socket the queue's length and its limit. */
static int read_answer(const char *bytes, size_t length, struct queue_length *ret)
{
    size_t offset = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct unix_diag_msg)));

    while (offset + sizeof(struct nlattr) <= length) {
        struct nlattr attribute;
        struct unix_diag_rqlen lengths;
        memcpy(&attribute, bytes + offset, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || attribute.nla_len > length - offset)
            return -EPROTO;
        if (attribute.nla_type == UNIX_DIAG_RQLEN &&
            attribute.nla_len >= sizeof attribute + sizeof lengths) {
            memcpy(&lengths, bytes + offset + ATTRIBUTE_ALIGN(sizeof attribute), sizeof lengths);
            ret->waiting = lengths.udiag_rqueue;
            ret->limit = lengths.udiag_wqueue;
            return 0;
        }
        offset += ATTRIBUTE_ALIGN((size_t)attribute.nla_len);
    }
    return -ENOENT;
}

static int hear(const struct queue *q, struct queue_length *ret)
{
    for (int i = 0; i < STALE_MAX; i++) {
        union {
            struct nlmsghdr header;
            char bytes[4096];
        } answer;
        ssize_t got = recv(q->netlink, answer.bytes, sizeof answer.bytes, 0);
        if (got < 0)
            return -errno;
        if (!NLMSG_OK(&answer.header, (size_t)got))
            return -EPROTO;
        if (answer.header.nlmsg_seq != q->number)
            continue;
        if (answer.header.nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
            if (answer.header.nlmsg_len < NLMSG_LENGTH(sizeof *error) || error->error >= 0)
                return -EPROTO;
            return error->error;
        }
        return read_answer(answer.bytes, answer.header.nlmsg_len, ret);
    }
    return -EPROTO;
}

static int ask_unix(struct queue *q, int fd, struct queue_length *ret)
{
    struct stat st;

    if (q == NULL)
        return -EOPNOTSUPP;
    if (fstat(fd, &st) < 0)
        return -errno;
    q->number = q->number == UINT32_MAX ? 1 : q->number + 1;
    int r = put_question(q, (uint32_t)st.st_ino);
    return r < 0 ? r : hear(q, ret);
}

/* ---- TCP sockets ---- */

/* For a socket that listens, tcp(7) puts the backlog into fields that have another meaning else. */
static int ask_tcp(int fd, struct queue_length *ret)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return -errno;
    ret->waiting = info.tcpi_unacked;
    ret->limit = info.tcpi_sacked;
    return 0;
}

int queue_ask(struct queue *q, int fd, struct queue_length *ret)
{
    int listening = 0;
    int family = 0;
    socklen_t length = sizeof listening;

    *ret = (struct queue_length){0};
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0)
        return -errno;
    if (!listening)
        return -EINVAL;
    length = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0)
        return -errno;
    return family == AF_UNIX ? ask_unix(q, fd, ret) : ask_tcp(fd, ret);
}
