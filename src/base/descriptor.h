/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_DESCRIPTOR_H
#define GANGER_BASE_DESCRIPTOR_H

/*
 * File descriptors.  Every descriptor in ganger is close-on-exec from birth, never below 3 (0-2
 * are opened before anything else), and closed through descriptor_close(), which forgets it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Close *fd when it is >= 0 and set it to -1.  errno is kept. */
void descriptor_close(int *fd);
/* For __attribute__((cleanup(descriptor_cleanup))) int fd = -1; */
void descriptor_cleanup(int *fd);
/* Open /dev/null on each of 0, 1, 2 that is closed.  0 or -errno.  Call first in every main(). */
int descriptor_open_standard(void);
/* O_NONBLOCK on or off (it belongs to the open file description: never share one with a child). */
int descriptor_nonblock(int fd, bool on);
int descriptor_cloexec(int fd, bool on);
/* A close-on-exec copy with a number >= 3; -errno. */
int descriptor_copy(int fd);
/* Write all of it, over EINTR and short writes; 0 or -errno.  Blocking descriptors only. */
int descriptor_write_all(int fd, const void *data, size_t length);
/*
 * Write a piece of at most PIPE_BUF bytes without waiting, also where O_NONBLOCK may not be set because
 * the open file description is others', too.  The count or -errno; -EAGAIN: there is no room.  Where the
 * kernel cannot (pipes before Linux 6.4, terminals) poll() is asked, and another writer may be quicker.
 */
ssize_t descriptor_write_now(int fd, const void *data, size_t length);
/* Read until `length` bytes or the end; the count or -errno. */
ssize_t descriptor_read_all(int fd, void *data, size_t length);
/* 1 or 2 when this is a name of standard output or error, else -1.  In a container those are the usual
 * logs, and they are links, which a log file may not be. */
int descriptor_standard(const char *path);

#endif
