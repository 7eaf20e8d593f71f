/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path is walked by descriptor, folder by folder.  A link on the way is followed when its owner,
 * and nobody else who could have replaced it, is root or ourselves (/var/run → /run); the last name is
 * never followed, and a file with a second name is refused: either could lead a root master to
 * somebody else's file, from a folder that a pool's user may write to.
 */
#include "host/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"

#define FLAGS (O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)
#define MODE 0640

static int standard_stream(const char *path)
{
    static const char *const paths[2][3] = {
        {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"},
        {"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"},
    };

    for (int fd = 1; fd <= 2; fd++)
        for (size_t i = 0; i < 3; i++)
            if (strcmp(path, paths[fd - 1][i]) == 0)
                return fd;
    return -1;
}

/* The flags of the description that we were born with belong to others too, so it is opened once
 * more.  That is refused for sockets, and for pipes of other users: their writers must not rely on
 * O_NONBLOCK. */
static int open_standard(int fd, const char *path, struct error *err)
{
    char again[32];

    (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
    int own = open(again, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int copy = own >= 0 ? descriptor_copy(own) : descriptor_copy(fd);
    descriptor_close(&own);
    return copy < 0 ? error_errno(err, -copy, "cannot open log file %s", path) : copy;
}

static bool is_ours(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* A link that nobody but root or ourselves can have made. */
static bool may_follow(int folder, const struct stat *link)
{
    struct stat st;

    if (fstat(folder, &st) < 0 || !is_ours(st.st_uid) || !is_ours(link->st_uid))
        return false;
    return (st.st_mode & 022) == 0 || (st.st_mode & S_ISVTX) != 0;
}

/* From `folder` into `name`.  The new folder, or negative. */
static int enter(int folder, const char *name, const char *path, struct error *err)
{
    struct stat st;
    int next = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (next < 0 || fstat(next, &st) < 0) {
        int r = error_errno(err, errno, "log file %s: %s%s", path, name,
                            errno == ENOENT ? " (make the folder first)" : "");
        descriptor_close(&next);
        return r;
    }
    if (S_ISLNK(st.st_mode)) {
        descriptor_close(&next);
        if (!may_follow(folder, &st))
            return error_set(err, ELOOP,
                             "log file %s: %s is a link that somebody else than root could have "
                             "made: write the path without it",
                             path, name);
        next = openat(folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return error_errno(err, errno, "log file %s: %s", path, name);
        return next;
    }
    if (!S_ISDIR(st.st_mode)) {
        descriptor_close(&next);
        return error_set(err, ENOTDIR, "log file %s: %s is no folder", path, name);
    }
    return next;
}

/* The folder that holds the file, and the file's name in it.  A descriptor, or negative. */
static int walk(const char *path, const char **ret_name, struct error *err)
{
    const char *at = path + strspn(path, "/");
    int folder;

    if (path[0] != '/')
        return error_set(err, EINVAL, "log file %s: an absolute path is needed", path);
    folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_errno(err, errno, "log file %s", path);
    for (;;) {
        char name[NAME_MAX + 1];
        size_t length = strcspn(at, "/");

        if (at[length] == '\0')
            break;
        if (length > NAME_MAX) {
            descriptor_close(&folder);
            return error_errno(err, ENAMETOOLONG, "log file %s", path);
        }
        memcpy(name, at, length);
        name[length] = '\0';
        int next = enter(folder, name, path, err);
        descriptor_close(&folder);
        if (next < 0)
            return next;
        folder = next;
        at += length + strspn(at + length, "/");
    }
    if (*at == '\0' || strcmp(at, ".") == 0 || strcmp(at, "..") == 0) {
        descriptor_close(&folder);
        return error_set(err, EISDIR, "log file %s names a folder", path);
    }
    *ret_name = at;
    return folder;
}

static int judge(const struct stat *st, const char *path, struct error *err)
{
    if (S_ISLNK(st->st_mode))
        return error_set(err, ELOOP, "log file %s is a symbolic link: name the file it leads to",
                         path);
    if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode) && !S_ISCHR(st->st_mode))
        return error_set(err, EINVAL,
                         "log file %s is neither a regular file nor a FIFO nor a character device",
                         path);
    if (S_ISREG(st->st_mode) && st->st_nlink > 1)
        return error_set(err, EMLINK,
                         "log file %s has a second name (a hard link), which may be a file that is "
                         "no log: remove it",
                         path);
    return 0;
}

/* A FIFO for both, so that no reader need be there.  -1: not allowed. */
static int open_fifo(int folder, const char *name)
{
    struct stat st;
    int fd = openat(folder, name, O_RDWR | FLAGS);

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)))
        descriptor_close(&fd);
    return fd;
}

int append_open(const char *path, struct error *err)
{
    int standard = standard_stream(path);
    const char *name = "";
    struct stat st;

    if (standard >= 0)
        return open_standard(standard, path, err);
    __attribute__((cleanup(descriptor_cleanup))) int folder = walk(path, &name, err);
    if (folder < 0)
        return folder;
    __attribute__((cleanup(descriptor_cleanup))) int fd =
        openat(folder, name, O_WRONLY | O_CREAT | FLAGS, MODE);
    if (fd < 0 && errno == ENXIO) { /* a FIFO that nobody reads */
        fd = open_fifo(folder, name);
        if (fd < 0)
            return error_set(err, ENXIO,
                             "log file %s is a FIFO that nobody reads and that this user may not "
                             "open for reading",
                             path);
    }
    if (fd < 0 && errno == ELOOP)
        return error_set(err, ELOOP, "log file %s is a symbolic link: name the file it leads to",
                         path);
    if (fd < 0)
        return error_errno(err, errno, "cannot open log file %s", path);
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "cannot look at log file %s", path);
    int r = judge(&st, path, err);
    if (r < 0)
        return r;
    if (S_ISFIFO(st.st_mode)) {
        int both = open_fifo(folder, name);
        if (both >= 0) {
            descriptor_close(&fd);
            fd = both;
        }
    }
    int copy = descriptor_copy(fd); /* never 0 to 2 */
    return copy < 0 ? error_errno(err, -copy, "cannot open log file %s", path) : copy;
}

int append_check(const char *path, struct error *err)
{
    const char *name = "";
    struct stat st;

    if (standard_stream(path) >= 0)
        return 0;
    __attribute__((cleanup(descriptor_cleanup))) int folder = walk(path, &name, err);
    if (folder < 0)
        return folder;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "log file %s", path);
    return judge(&st, path, err);
}
