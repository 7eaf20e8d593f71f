/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_HANDOVER_H
#define GANGER_HOST_HANDOVER_H

/*
 * What a ganger-worker is born with, and the words it exchanges with the master.
 *
 * A ganger-worker is exec'd as  `ganger-worker POOL SLOT GENERATION`  (and `chroot` when it is to
 * enter its working folder first, host/capability.h) with exactly these
 * descriptors: 0 and 1 are /dev/null, 2 is a pipe whose other end the master reads (log lines),
 * and the ones below.  Everything about the pool is in the settings (base/settings.h).
 */

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum handover_fd {
    HANDOVER_SETTINGS = 3, /* sealed memfd: settings block */
    HANDOVER_BOARD = 4,    /* the pool's board memfd */
    HANDOVER_BELL = 5,     /* write end of the doorbell */
    HANDOVER_CHANNEL = 6,  /* SOCK_SEQPACKET to the master; EOF: the master is gone */
    HANDOVER_LISTEN = 7,   /* the first of `listen` listening sockets, in config order, … */
};

/* … and behind them the pool's log files, those that the settings name, in this order. */
enum handover_log {
    HANDOVER_LOG_ACCESS = 0, /* setting access.log */
    HANDOVER_LOG_SLOW = 1,   /* setting slowlog */
    HANDOVER_LOGS = 2,       /* how many there may be */
};

/*
 * An examination of a slow native program is exec'd as  `ganger-slow POOL slow`  (and `chroot`), with
 * 0 to 2 on /dev/null and these.  Its settings: pool, program (pid), age, timeout, omitted,
 * request_slowlog_trace_depth, process_dumpable, slowlog.timeout, slowlog.command (repeated).  It exits
 * with 0, or with the errno value of what went wrong.
 */
#define HANDOVER_SLOW_WORD "slow"
enum handover_slow_fd {
    /* HANDOVER_SETTINGS = 3 */
    HANDOVER_SLOW_LOG = 4,     /* the slow log, open for appending */
    HANDOVER_SLOW_PROGRAM = 5, /* pidfd */
};

/*
 * Settings names (values as in the config; durations in microseconds, sizes in bytes, booleans 0/1):
 *   pool, kind, listen (repeated: display names, one for each listening descriptor),
 *   command (repeated), script_root (repeated), env (repeated NAME=VALUE), chdir,
 *   allowed_client (repeated: canonical CIDR text), max_children,
 *   keepalive_timeout, keepalive_connections, request_terminate_timeout, request_body_timeout,
 *   request_params_timeout, request_params_limit, response_header_limit,
 *   response_holdback_timeout, process_control_timeout,
 *   catch_workers_output, decorate_workers_output, limit_extensions (repeated), log_level,
 *   rlimit_core, access.log and slowlog (1: there is a descriptor), access.format, pm.status_path, ping.path,
 *   ping.response,
 *   access.suppress_path (repeated), request_slowlog_timeout, request_slowlog_trace_depth,
 *   slowlog.timeout, slowlog.command (repeated);
 *   of a shedder alone: shed (1; it answers nothing but 503), queue_limit, queue_timeout
 */

enum channel_word {
    CHANNEL_DRAIN = 1, /* master → worker: finish what is in hand, then leave */
    /* master → status worker: name = pool, descriptor = read-only board, number = 1: more follow */
    CHANNEL_BOARD = 2,
    CHANNEL_FORGET = 3, /* master → status worker: name = pool is gone */
    CHANNEL_LEVEL = 4,  /* master → worker: number = enum log_level, name = log_limit */
    CHANNEL_READY = 5,  /* worker → master: accepting */
    /* master → worker: descriptor = sealed memfd, settings that differ from its own in what can
     * change while it serves (limits of requests) */
    CHANNEL_SETTINGS = 6,
    /* master → worker: number = enum handover_log, descriptor = the file in the place of the one
     * before; none: it is not written any more */
    CHANNEL_LOGS = 7,
    /* status worker → master: somebody looks, so measure for a while; at most one a second */
    CHANNEL_LOOK = 8,
};

struct channel_message {
    uint32_t word; /* enum channel_word */
    uint32_t number;
    char name[64]; /* pool, terminated */
};

/* A pair of non-blocking, close-on-exec SEQPACKET sockets.  0 or negative. */
int channel_pair(int fds[2], struct error *err);
/* Send one message with an optional descriptor (-1: none).  0; CHANNEL_FULL when it would block;
 * negative when the peer is gone. */
enum { CHANNEL_FULL = 1, CHANNEL_EMPTY = 1, CHANNEL_CLOSED = 2 };
int channel_send(int fd, const struct channel_message *message, int descriptor);
/* Receive one.  0; CHANNEL_EMPTY; CHANNEL_CLOSED at EOF; -EPROTO for a message of the wrong size (its
 * descriptors are closed).  *ret_descriptor is -1 or a close-on-exec descriptor, now the caller's. */
int channel_receive(int fd, struct channel_message *ret, int *ret_descriptor);
/*
 * The same for the master's end, where nobody is to send descriptors: CHANNEL_FOREIGN when the next
 * message brings some, and it stays where it is.  Taken over, they would have to be closed, and the
 * last close of somebody else's descriptor waits as long as he likes (SO_LINGER, FUSE).
 */
enum { CHANNEL_FOREIGN = 3 };
int channel_hear(int fd, struct channel_message *ret);
/* Close the master's end.  Descriptors that wait in it unread are closed by a child that exits at
 * once, to be reaped like any other. */
void channel_close(int *fd);

/* A sealed, read-only-to-be memfd with these bytes.  The descriptor, or negative. */
int handover_seal(const void *data, size_t length, const char *name, struct error *err);
/* Read such a memfd whole (at most `maximum` bytes; its seals are checked).  *ret_data is malloc'd. */
int handover_read(int fd, size_t maximum, void **ret_data, size_t *ret_length, struct error *err);

#endif
