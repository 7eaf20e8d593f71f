/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_SOCKET_H
#define GANGER_HOST_SOCKET_H

/*
 * Listening sockets.  An address is parsed once into a canonical form; equal addresses compare
 * equal as text.  Unix sockets are born with their final mode under a temporary name in the same
 * folder, given their owner, and renamed into place; a live socket of another process is never
 * taken, a dead one is; nothing but a dead socket is ever replaced.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include "base/error.h"

enum address_family {
    ADDRESS_UNIX,
    ADDRESS_ABSTRACT,
    ADDRESS_INET,
    ADDRESS_INET6,
    ADDRESS_SYSTEMD
};

#define ADDRESS_TEXT_MAX 256
struct address {
    enum address_family family;
    char text[ADDRESS_TEXT_MAX]; /* canonical: "/run/x.sock", "@name", "127.0.0.1:9000",
                                    "[::1]:9000", "systemd:NAME" */
    struct sockaddr_storage storage;
    socklen_t length;
};

/*
 * "/path" (at most 107 bytes, no ".."), "@abstract", "host:port" (numeric IPv4, "localhost" or "*"),
 * "[v6]:port", "port" (every IPv4 address), "systemd:NAME".  Ports are 1 to 65535; a v4-mapped IPv6
 * address becomes the IPv4 one.  No name service and no file system is asked.
 * 0 or -EINVAL with err saying what is allowed.
 */
int address_parse(struct address *ret, const char *text, struct error *err);

struct socket_plan {
    struct address address;
    int backlog;   /* -1: as large as the kernel allows (somaxconn) */
    uid_t owner;   /* (uid_t)-1: leave */
    gid_t group;   /* (gid_t)-1: leave */
    mode_t mode;   /* unix path sockets */
    bool nonblock; /* O_NONBLOCK on the listening socket (ganger's own workers) */
};

enum socket_outcome {
    SOCKET_IN_USE = 1,       /* another process is listening there */
    SOCKET_NOT_A_SOCKET = 2, /* the path exists and is something else */
};
/*
 * Bind and listen.  0 with *ret_fd set (>= 3, close-on-exec), SOCKET_IN_USE, SOCKET_NOT_A_SOCKET, or
 * negative; err is set in all cases but 0.  For a path: its folder must exist and not be writable by
 * everybody (unless sticky); a dead socket under the name is replaced.  A backlog above
 * socket_backlog_limit() is cut by the kernel without a word: the caller compares.  Sets the
 * process's umask for a moment: single-threaded callers only.  May take some 20 ms for a dead socket,
 * and once 0.5 s when another process holds a lock on the folder.
 */
int socket_listen(const struct socket_plan *plan, int *ret_fd, struct error *err);
/* 0 when `fd` is a listening stream socket, unix or internet; or -EINVAL with err. */
int socket_check_listening(int fd, struct error *err);
/* Whether it is an internet socket that other machines can reach, as far as its address tells. */
bool socket_is_far(int fd);
enum socket_adoption { SOCKET_OTHER = 1 }; /* it listens somewhere else */
/*
 * Make a listening socket that is open already as the plan says: its backlog and O_NONBLOCK, and when
 * it is `ours` the mode and owner of its path.  The descriptor stays the caller's.  0; SOCKET_OTHER or
 * negative with err, and then nothing has changed but, at most, some of those.  Any address will do for
 * "systemd:NAME".
 */
int socket_adopt(const struct socket_plan *plan, int fd, bool ours, struct error *err);
/* Unlink the path of a unix socket that we bound, but only while it is still that very inode. */
void socket_unlink(const struct address *address, int fd);
/* True when the path still leads to this listening socket (FAULTS C86). */
bool socket_still_there(const struct address *address, int fd);
/*
 * Make a socket that listens already what `plan` says: backlog, O_NONBLOCK and, for a path that still
 * leads to it, owner and mode (an owner or group of -1 is left as it is).  0 or negative.
 */
int socket_dress(const struct socket_plan *plan, int fd, struct error *err);
/* Nobody new gets into its queue, as far as the kernel can do that: connections to a TCP socket are
 * begun no more (those half made become whole).  Others are what they were. */
void socket_deafen(const struct address *address, int fd);
void socket_undeafen(int fd);
/* Whether a connection waits to be accepted from this listening socket. */
bool socket_waiting(int fd);
/* net.core.somaxconn. */
int socket_backlog_limit(void);
/* Connect, waiting (also for room in a full backlog) at most `timeout_usec`.  The descriptor
 * (blocking, close-on-exec) or negative; -ETIMEDOUT. */
int socket_connect(const struct address *address, uint64_t timeout_usec, struct error *err);

enum socket_dial { SOCKET_DIALLING = 2 }; /* poll for writing, then ask socket_dialled() */
/* Begin to connect.  0 when that is done already, SOCKET_DIALLING, both with *ret_fd (non-blocking,
 * close-on-exec); negative: -EAGAIN when the backlog of a unix socket is full (there is nothing to poll
 * for: try again later), -ECONNREFUSED, -ENOENT … */
int socket_dial(const struct address *address, int *ret_fd);
/* What became of it: 0 or negative. */
int socket_dialled(int fd);

/*
 * listen.allowed_clients: one address or CIDR block; v4-mapped v6 addresses compare as v4, so
 * "::/0" holds no IPv4 client.  Zones and bits set beyond the prefix are refused.  No block matches
 * a unix peer.
 */
struct client_block {
    bool v6;
    uint8_t bytes[16];
    unsigned prefix; /* bits */
};
int client_block_parse(struct client_block *ret, const char *text, struct error *err);
bool client_block_matches(const struct client_block *block, const struct sockaddr *peer);

#endif
