/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_SINK_H
#define GANGER_BASE_SINK_H

/*
 * Where the lines of the log go.  For base/log.c alone.  A line is handed over whole; it is taken
 * (0) or refused (-errno), and this never waits for whoever reads the other end: regular files are
 * written plainly, sockets with MSG_DONTWAIT, pipes and terminals through a non-blocking
 * description of their own (the flags of the one we were born with belong to others too).
 *
 * The other end of a datagram socket may go and come back: it is looked for anew, at most some times
 * a second.
 *
 * A target that takes a part of a line owes the rest: it is kept and goes first next time, so a
 * line is never torn by the next one.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

#define SINK_LINE_MAX 65536u /* longest line, newline included */

enum sink_kind { SINK_DESCRIPTOR, SINK_FILE, SINK_SYSLOG, SINK_JOURNAL };

struct sink {
    enum sink_kind kind;
    int fd;            /* SINK_DESCRIPTOR: borrowed; otherwise owned; a socket's may be -1: gone */
    char *path;        /* of the file or of the socket; owned */
    uint64_t retry_at; /* a socket that is gone is not looked for before */
    dev_t device;      /* what `owed` is owed to */
    ino_t inode;
    size_t owed_length;
    char owed[SINK_LINE_MAX];
};

/* Lines go to `fd`, which stays the caller's and is looked at anew for every line. */
void sink_to_descriptor(struct sink *s, int fd);
/* Append to a file (created 0640, no link followed; a regular file, a character device or a FIFO), or
 * send to the datagram socket `path`, which must be there, but in the case of the journal.  0;
 * negative: *s is as it was. */
int sink_to_file(struct sink *s, const char *path, struct error *err);
int sink_to_syslog(struct sink *s, const char *path, struct error *err);
int sink_to_journal(struct sink *s, const char *path, struct error *err);
/* Somebody before us has begun a line there: a newline is owed. */
void sink_owe_end(struct sink *s);
/* Open the same path again.  0; negative: the old descriptor stays. */
int sink_reopen(struct sink *s, struct error *err);
/* At most SINK_LINE_MAX bytes, or a little more in one datagram.  0; -EAGAIN, -ENOSPC …: nothing of
 * this line was or will be written.  No bytes: what is owed alone. */
int sink_write(struct sink *s, const char *line, size_t length);

#endif
