/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path is walked by descriptor, folder by folder.  A link on the way is followed when its owner,
 * and nobody else who could have replaced it, is root or ourselves (/var/run → /run), and what it leads
 * to is walked in the same way; the last name is
 * never followed, and a file with a second name is refused: either could lead a root master to
 * somebody else's file, from a folder that a pool's user may write to.
 */
#include "host/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"

#define FLAGS (O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)
#define MODE 0640
/* On the way to one file, as the kernel's own limit. */
#define LINKS_MAX 40u

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

/* A path on its way; links are followed by name, one folder after another, and not by the kernel: what
 * a trusted one leads to may go through folders in which anybody can make one. */
struct way {
    const char *path; /* for messages */
    struct error *err;
    unsigned links; /* followed so far */
};

static int follow(struct way *w, int folder, const char *names);

/* From `folder` through its link `name`, which `link` (O_PATH) is.  The folder it leads to, or negative. */
static int enter_link(struct way *w, int folder, int link, const char *name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof(target) - 1);

    if (length < 0)
        return error_errno(w->err, errno, "log file %s: %s", w->path, name);
    if (++w->links > LINKS_MAX)
        return error_errno(w->err, ELOOP, "log file %s: %s", w->path, name);
    target[length] = '\0';
    int from = openat(folder, target[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return from < 0 ? error_errno(w->err, errno, "log file %s: %s", w->path, name)
                    : follow(w, from, target);
}

/* From `folder` into `name`.  The new folder, or negative. */
static int enter(struct way *w, int folder, const char *name)
{
    struct stat st;
    __attribute__((cleanup(descriptor_cleanup))) int next =
        openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (next < 0 || fstat(next, &st) < 0)
        return error_errno(w->err, errno, "log file %s: %s%s", w->path, name,
                           errno == ENOENT ? " (make the folder first)" : "");
    if (S_ISLNK(st.st_mode) && !may_follow(folder, &st))
        return error_set(w->err, ELOOP,
                         "log file %s: %s is a link that somebody else than root could have "
                         "made: write the path without it",
                         w->path, name);
    if (S_ISLNK(st.st_mode))
        return enter_link(w, folder, next, name);
    if (!S_ISDIR(st.st_mode))
        return error_set(w->err, ENOTDIR, "log file %s: %s is no folder", w->path, name);
    int entered = next;
    next = -1;
    return entered;
}

/* From `folder`, which is closed, along `names`.  The last folder, or negative. */
static int follow(struct way *w, int folder, const char *names)
{
    char name[NAME_MAX + 1];

    for (names += strspn(names, "/"); *names != '\0'; names += strspn(names, "/")) {
        size_t length = strcspn(names, "/");

        if (length > NAME_MAX) {
            descriptor_close(&folder);
            return error_errno(w->err, ENAMETOOLONG, "log file %s", w->path);
        }
        memcpy(name, names, length);
        name[length] = '\0';
        names += length;
        int next = enter(w, folder, name);
        descriptor_close(&folder);
        if (next < 0)
            return next;
        folder = next;
    }
    return folder;
}

/* The folder that holds the file, and the file's name in it.  A descriptor, or negative. */
static int walk(const char *path, const char **ret_name, struct error *err)
{
    const char *name = strrchr(path, '/');
    struct way w = {.path = path, .err = err};

    if (path[0] != '/')
        return error_set(err, EINVAL, "log file %s: an absolute path is needed", path);
    name++;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(err, EISDIR, "log file %s names a folder", path);
    char *folders = strndup(path, (size_t)(name - path));
    int root = folders == NULL ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int folder =
        root < 0 ? error_errno(err, errno, "log file %s", path) : follow(&w, root, folders);
    free(folders);
    *ret_name = name;
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
static int open_both(int folder, const char *name)
{
    struct stat st;
    int fd = openat(folder, name, O_RDWR | FLAGS);

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)))
        descriptor_close(&fd);
    return fd;
}

/* Into *ret_both, -1 so far, where it can be had. */
static int open_writing(int folder, const char *name, int *ret_both)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | FLAGS, MODE);

    if (fd >= 0 || errno != ENXIO)
        return fd;
    *ret_both = open_both(folder, name); /* a FIFO that nobody reads: now we do */
    if (*ret_both >= 0)
        fd = openat(folder, name, O_WRONLY | FLAGS);
    else
        errno = ENXIO;
    return fd;
}

int append_open(const char *path, int *ret_keep, struct error *err)
{
    int standard = descriptor_standard(path);
    const char *name = "";
    struct stat st;

    *ret_keep = -1;
    if (standard >= 0)
        return open_standard(standard, path, err);
    __attribute__((cleanup(descriptor_cleanup))) int folder = walk(path, &name, err);
    if (folder < 0)
        return folder;
    __attribute__((cleanup(descriptor_cleanup))) int both = -1;
    __attribute__((cleanup(descriptor_cleanup))) int fd = open_writing(folder, name, &both);
    if (fd < 0 && errno == ENXIO)
        return error_set(err, ENXIO,
                         "log file %s is a FIFO that nobody reads and that this user may not "
                         "open for reading",
                         path);
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
    if (S_ISFIFO(st.st_mode) && both < 0)
        both = open_both(folder, name);
    int copy = descriptor_copy(fd); /* never 0 to 2 */
    if (copy < 0)
        return error_errno(err, -copy, "cannot open log file %s", path);
    *ret_keep = both < 0 ? -1 : descriptor_copy(both);
    if (both >= 0 && *ret_keep < 0) {
        r = error_errno(err, -*ret_keep, "cannot open log file %s", path);
        *ret_keep = -1;
        descriptor_close(&copy);
        return r;
    }
    return copy;
}

int append_check(const char *path, struct error *err)
{
    const char *name = "";
    struct stat st;

    if (descriptor_standard(path) >= 0)
        return 0;
    __attribute__((cleanup(descriptor_cleanup))) int folder = walk(path, &name, err);
    if (folder < 0)
        return folder;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "log file %s", path);
    return judge(&st, path, err);
}
