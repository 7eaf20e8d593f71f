/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The pid file.  It is for people and tools to read; ganger itself never signals a number from a
 * file.  The lock on it, not its content, says whether a ganger lives.
 *
 * The file under the path is always complete and always locked by the ganger that wrote it: a new
 * one is written and locked under a temporary name and then renamed.  Whoever wants to replace an
 * old one holds that one's lock first, and then looks whether it still is the file under the path.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "host/process.h"

#include <stdlib.h>

#define ATTEMPTS 16

/* A new file with our pid, locked.  The descriptor or negative. */
static int write_new(const char *temporary)
{
    char text[32];
    (void)unlink(temporary); /* of a ganger that had our pid and died here */
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    int r = fchmod(fd, 0644) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    if (r == 0)
        r = descriptor_write_all(fd, text, (size_t)length);
    if (r == 0 && fd < 3) {
        int copy = descriptor_copy(fd);
        r = copy < 0 ? copy : 0;
        descriptor_close(&fd);
        fd = copy;
    }
    if (r < 0) {
        descriptor_close(&fd);
        (void)unlink(temporary);
        return r;
    }
    return fd;
}

/* Lock the file that is there.  0 with *ret; -ENOENT; PROCESS_PID_TAKEN; other negative. */
static int lock_old(const char *path, int *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EEXIST;
    if (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK ? PROCESS_PID_TAKEN : -errno;
    if (r != 0) {
        descriptor_close(&fd);
        return r;
    }
    *ret = fd;
    return 0;
}

/* One try to put `temporary` under `path`: 0, PROCESS_PID_TAKEN, -EAGAIN, other negative. */
static int put(const char *temporary, const char *path)
{
    struct stat held, there;
    __attribute__((cleanup(descriptor_cleanup))) int old = -1;
    int r = lock_old(path, &old);
    if (r == -ENOENT) {
        if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
            return 0;
        return errno == EEXIST ? -EAGAIN : -errno;
    }
    if (r != 0)
        return r;
    if (fstat(old, &held) < 0)
        return -errno;
    if (lstat(path, &there) < 0 || there.st_dev != held.st_dev || there.st_ino != held.st_ino)
        return -EAGAIN;
    return rename(temporary, path) < 0 ? -errno : 0;
}

int process_pid_file(const char *path, int *ret_fd, struct error *err)
{
    char *temporary = text_format("%s.%d.tmp", path, (int)getpid());
    if (temporary == NULL)
        return error_errno(err, ENOMEM, "cannot write the pid file %s", path);
    int fd = write_new(temporary);
    int r = fd < 0 ? fd : -EAGAIN;
    for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
        r = put(temporary, path);
    if (r != 0 && fd >= 0) {
        (void)unlink(temporary);
        descriptor_close(&fd);
    }
    free(temporary);
    if (r == PROCESS_PID_TAKEN) {
        error_set(err, EEXIST,
                  "another ganger is running (it holds the lock on %s); stop it, or use another "
                  "runtime_directory and pid file",
                  path);
        return r;
    }
    if (r < 0)
        return error_errno(err, -r, "cannot write the pid file %s%s", path,
                           r == -ELOOP || r == -EEXIST ? " (it is not a regular file)" : "");
    *ret_fd = fd;
    return 0;
}
