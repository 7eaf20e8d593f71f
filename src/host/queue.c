/* SPDX-License-Identifier: Apache-2.0 */

#include "host/queue.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "host/unix_diag.h"

struct queue {
    struct unix_diag diag;
};

int queue_open(struct queue **ret, struct error *err)
{
    struct queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return error_errno(err, ENOMEM, "the lengths of listen queues");
    int r = unix_diag_open(&q->diag);
    if (r < 0) {
        free(q);
        return error_errno(err, -r, "the kernel does not tell the lengths of listen queues");
    }
    *ret = q;
    return 0;
}

struct queue *queue_free(struct queue *q)
{
    if (q != NULL)
        unix_diag_close(&q->diag);
    free(q);
    return NULL;
}

/* For a socket that listens, the lengths are those of its queue and its limit. */
static int ask_unix(struct queue *q, int fd, struct queue_length *ret)
{
    struct unix_diag_answer answer;
    struct unix_diag_rqlen lengths;
    struct stat st;
    size_t length = 0;

    if (q == NULL)
        return -EOPNOTSUPP;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = unix_diag_ask(&q->diag, st.st_ino, UDIAG_SHOW_RQLEN, &answer);
    if (r < 0)
        return r;
    const char *value = unix_diag_attribute(&answer, UNIX_DIAG_RQLEN, &length);
    if (value == NULL || length < sizeof lengths)
        return -ENOENT;
    memcpy(&lengths, value, sizeof lengths);
    ret->waiting = lengths.udiag_rqueue;
    ret->limit = lengths.udiag_wqueue;
    return 0;
}

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
