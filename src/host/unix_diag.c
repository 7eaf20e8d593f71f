/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every question has a number of its own, and an answer with another number is dropped: should an
 * answer ever come late, it is not taken for that of the next socket.  The netlink socket is
 * non-blocking in both directions.
 */
#include "host/unix_diag.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include "base/descriptor.h"

/* Late answers skipped in one question. */
#define STALE_MAX 16

/* The kernel's NLA_ALIGN in unsigned arithmetic. */
#define ATTRIBUTE_ALIGN(length) (((length) + 3u) & ~(size_t)3u)

union message {
    struct nlmsghdr header;
    char bytes[4096];
};

int unix_diag_open(struct unix_diag *d)
{
    d->number = 0;
    d->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    return d->netlink < 0 ? -errno : 0;
}

void unix_diag_close(struct unix_diag *d)
{
    descriptor_close(&d->netlink);
}

static int put_question(const struct unix_diag *d, uint32_t inode, uint32_t show)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = d->number},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = ~0u,
                    .udiag_ino = inode,
                    .udiag_show = show,
                    .udiag_cookie = {~0u, ~0u}},
    };
    ssize_t sent = send(d->netlink, &message, sizeof message, MSG_NOSIGNAL);
    return sent == (ssize_t)sizeof message ? 0 : sent < 0 ? -errno : -EPROTO;
}

static int hear(const struct unix_diag *d, union message *answer)
{
    for (int i = 0; i < STALE_MAX; i++) {
        ssize_t got = recv(d->netlink, answer->bytes, sizeof answer->bytes, 0);
        if (got < 0)
            return -errno;
        if (!NLMSG_OK(&answer->header, (size_t)got))
            return -EPROTO;
        if (answer->header.nlmsg_seq != d->number)
            continue;
        if (answer->header.nlmsg_type != NLMSG_ERROR)
            return 0;
        const struct nlmsgerr *error = NLMSG_DATA(&answer->header);
        if (answer->header.nlmsg_len < NLMSG_LENGTH(sizeof *error) || error->error >= 0)
            return -EPROTO;
        return error->error;
    }
    return -EPROTO;
}

int unix_diag_ask(struct unix_diag *d, uint64_t inode, uint32_t show, struct unix_diag_answer *ret)
{
    const size_t before = NLMSG_LENGTH(NLMSG_ALIGN(sizeof ret->about));
    union message answer;

    if (inode == 0 || inode > UINT32_MAX) /* 0 would ask for all of them */
        return -ENOENT;
    d->number = d->number == UINT32_MAX ? 1 : d->number + 1;
    int r = put_question(d, (uint32_t)inode, show);
    if (r == 0)
        r = hear(d, &answer);
    if (r < 0)
        return r;
    if (answer.header.nlmsg_len < before)
        return -EPROTO;
    memcpy(&ret->about, NLMSG_DATA(&answer.header), sizeof ret->about);
    ret->length = answer.header.nlmsg_len - before;
    memcpy(ret->attributes, answer.bytes + before, ret->length);
    return 0;
}

const char *unix_diag_attribute(const struct unix_diag_answer *a, uint16_t type, size_t *ret_length)
{
    const size_t head = ATTRIBUTE_ALIGN(sizeof(struct nlattr));
    struct nlattr attribute;

    for (size_t at = 0; at + sizeof attribute <= a->length;
         at += ATTRIBUTE_ALIGN((size_t)attribute.nla_len)) {
        memcpy(&attribute, a->attributes + at, sizeof attribute);
        if (attribute.nla_len < head || attribute.nla_len > a->length - at)
            return NULL;
        if (attribute.nla_type != type)
            continue;
        *ret_length = attribute.nla_len - head;
        return a->attributes + at + head;
    }
    return NULL;
}
