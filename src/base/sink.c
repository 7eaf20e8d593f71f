/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing lines without waiting.
 *
 * Invariant: owed_length > 0 only when a target took the beginning of owed's line.  It is tied to
 * the file it was begun in: when stderr turns out to be another file, the debt is forgotten.
 *
 * A pipe is written in pieces of at most PIPE_BUF after poll() said that there is room: the kernel
 * then takes a piece whole or not at all.  Normally the pipe or terminal is opened once more through
 * /proc, to own an O_NONBLOCK flag that nobody shares; the copy is closed after every line, so that
 * ganger never keeps somebody's pipe open.  Where that open is refused (a worker that gave up its
 * identity) descriptor_write_now() must do.  SIGPIPE is ignored by every main.
 */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"

/* Between two looks for a socket that is not there. */
#define RETRY (200 * CLOCK_MSEC)

/* Each writer returns how many bytes it took, 0 … length, and a reason in *why when it took
 * fewer. */

static size_t write_plain(int fd, const char *line, size_t length, int *why)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = write(fd, line + done, length - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            *why = n == 0 ? EIO : errno;
            break;
        }
    }
    return done;
}

static size_t write_socket(int fd, const char *line, size_t length, int *why)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = send(fd, line + done, length - done, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            *why = n == 0 ? EIO : errno;
            break;
        }
    }
    return done;
}

static size_t write_polled(int fd, const char *line, size_t length, int *why)
{
    size_t done = 0;

    while (done < length) {
        struct pollfd p = {.fd = fd, .events = POLLOUT, .revents = 0};
        size_t piece = length - done < PIPE_BUF ? length - done : PIPE_BUF;
        ssize_t n;

        if (poll(&p, 1, 0) < 0) {
            if (errno == EINTR) {
                continue;
            }
            *why = errno;
            break;
        }
        if ((p.revents & (POLLERR | POLLNVAL)) != 0) {
            *why = EPIPE;
            break;
        }
        if ((p.revents & POLLOUT) == 0) {
            *why = EAGAIN;
            break;
        }
        n = descriptor_write_now(fd, line + done, piece);
        if (n <= 0) {
            *why = n == 0 ? EIO : (int)-n;
            break;
        }
        done += (size_t)n;
    }
    return done;
}

static size_t write_special(int fd, const char *line, size_t length, int *why)
{
    char path[32];
    size_t done;
    int own;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    done = write_polled(own >= 0 ? own : fd, line, length, why);
    descriptor_close(&own);
    return done;
}

static size_t write_any(int fd, mode_t mode, const char *line, size_t length, int *why)
{
    if (S_ISREG(mode)) {
        return write_plain(fd, line, length, why);
    }
    if (S_ISSOCK(mode)) {
        return write_socket(fd, line, length, why);
    }
    return write_special(fd, line, length, why);
}

static void sink_release(struct sink *s)
{
    if (s->kind != SINK_DESCRIPTOR) {
        descriptor_close(&s->fd);
    }
    free(s->path);
    s->path = NULL;
    s->owed_length = 0;
}

void sink_to_descriptor(struct sink *s, int fd)
{
    sink_release(s);
    s->kind = SINK_DESCRIPTOR;
    s->fd = fd;
}

static int open_file(const char *path, struct error *err)
{
    struct stat st;
    int fd;
    int r;

    const int how = O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;

    /* O_NONBLOCK: no FIFO may hold us up.  One that has no reader yet is opened for both, and so keeps
     * what is written until there is one; who reads it may leave and come back. */
    fd = open(path, O_WRONLY | how, 0640);
    if (fd < 0 && errno == ENXIO) {
        fd = open(path, O_RDWR | how, 0640);
    }
    if (fd < 0) {
        if (errno == ELOOP) {
            return error_set(err, ELOOP,
                             "log file %s is a symbolic link: name the file it leads to", path);
        }
        return error_errno(err, errno, "cannot open log file %s", path);
    }
    if (fstat(fd, &st) < 0) {
        r = error_errno(err, errno, "cannot look at log file %s", path);
    } else if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode)) {
        r = error_set(err, EINVAL,
                      "log file %s is neither a regular file, a character device nor a FIFO", path);
    } else {
        r = descriptor_copy(fd); /* never on 0 to 2, even when those are closed */
        if (r < 0) {
            (void)error_errno(err, -r, "cannot open log file %s", path);
        }
    }
    descriptor_close(&fd);
    return r;
}

static int open_socket(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;
    int r;

    if (strlen(path) >= sizeof(address.sun_path)) {
        return error_set(err, ENAMETOOLONG, "syslog socket %s: the path is too long", path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_errno(err, errno, "cannot make a socket for syslog");
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        r = error_errno(err, errno,
                        "cannot reach syslog at %s (is a syslog daemon running? "
                        "error_log can name a file instead)",
                        path);
    } else {
        r = descriptor_copy(fd);
        if (r < 0) {
            (void)error_errno(err, -r, "cannot make a socket for syslog");
        }
    }
    descriptor_close(&fd);
    return r;
}

static int sink_open(struct sink *s, enum sink_kind kind, const char *path, struct error *err)
{
    char *copy = strdup(path);
    int fd = -1;

    if (copy == NULL) {
        return error_errno(err, ENOMEM, "cannot open the log");
    }
    if (kind != SINK_JOURNAL) {
        fd = kind == SINK_FILE ? open_file(path, err) : open_socket(path, err);
        if (fd < 0) {
            free(copy);
            return fd;
        }
    }
    sink_release(s);
    s->kind = kind;
    s->fd = fd;
    s->path = copy;
    s->retry_at = 0;
    return 0;
}

int sink_to_file(struct sink *s, const char *path, struct error *err)
{
    return sink_open(s, SINK_FILE, path, err);
}

int sink_to_syslog(struct sink *s, const char *path, struct error *err)
{
    return sink_open(s, SINK_SYSLOG, path, err);
}

int sink_to_journal(struct sink *s, const char *path, struct error *err)
{
    return sink_open(s, SINK_JOURNAL, path, err);
}

int sink_reopen(struct sink *s, struct error *err)
{
    if (s->kind == SINK_DESCRIPTOR) {
        return 0;
    }
    /* The path is copied before the old one is freed. */
    return sink_open(s, s->kind, s->path, err);
}

/* Look for the socket, unless that was in vain just now. */
static int socket_find(struct sink *s)
{
    uint64_t now = clock_monotonic();

    descriptor_close(&s->fd);
    if (now < s->retry_at) {
        return -ENOTCONN;
    }
    s->fd = open_socket(s->path, NULL);
    if (s->fd >= 0) {
        return 0;
    }
    s->retry_at = now + RETRY;
    return s->fd;
}

/* A datagram goes whole or not at all.  A daemon that was restarted has a new socket: try that
 * once. */
static int socket_write(struct sink *s, const char *line, size_t length)
{
    bool found = false;
    int r = 0;

    if (s->fd < 0) {
        r = socket_find(s);
        found = true;
    }
    for (int attempt = 0; r == 0; attempt++) {
        if (send(s->fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return 0;
        }
        if (errno == EINTR && attempt < 10) {
            continue;
        }
        if (errno == ENOBUFS || errno == ENOMEM) {
            return -EAGAIN;
        }
        if (errno == EAGAIN || errno == EMSGSIZE || found) {
            return -errno;
        }
        r = socket_find(s);
        found = true;
    }
    return r;
}

static int sink_pay(struct sink *s, mode_t mode)
{
    int why = EAGAIN;
    size_t done = write_any(s->fd, mode, s->owed, s->owed_length, &why);

    if (done < s->owed_length) {
        memmove(s->owed, s->owed + done, s->owed_length - done);
        s->owed_length -= done;
        return -why;
    }
    s->owed_length = 0;
    return 0;
}

void sink_owe_end(struct sink *s)
{
    struct stat st;

    if (s->kind == SINK_SYSLOG || s->kind == SINK_JOURNAL || fstat(s->fd, &st) < 0) {
        return;
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->owed[0] = '\n';
    s->owed_length = 1;
}

int sink_write(struct sink *s, const char *line, size_t length)
{
    struct stat st;
    size_t done;
    int why = EAGAIN;

    if (s->kind == SINK_SYSLOG || s->kind == SINK_JOURNAL) {
        return socket_write(s, line, length);
    }
    if (length > SINK_LINE_MAX) {
        return -EMSGSIZE;
    }
    if (fstat(s->fd, &st) < 0) {
        return -errno;
    }
    if (s->owed_length > 0 && s->device == st.st_dev && s->inode == st.st_ino) {
        int r = sink_pay(s, st.st_mode);

        if (r < 0) {
            return r;
        }
    }
    s->owed_length = 0;
    done = write_any(s->fd, st.st_mode, line, length, &why);
    if (done == 0 && length > 0) {
        return -why;
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->owed_length = length - done;
    memcpy(s->owed, line + done, s->owed_length);
    return 0;
}
