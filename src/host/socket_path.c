/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Unix sockets with a path.
 *
 * A socket is bound under a temporary name in its folder, with its final mode (fchmod() before
 * bind(): the new file takes its mode from the socket), is given its owner, starts to listen, and
 * only then gets its name: whoever can see the name can connect, and nobody sees it with other
 * rights.  The folder is resolved once and held by descriptor; the name itself is never followed.
 *
 * Nothing but a dead socket is ever replaced.  Whether the one in the way is dead is asked by
 * connecting to that very inode.  It is then swapped, not overwritten, so that what stood under the
 * name at that instant can be looked at: if it is not what was asked, it is swapped back.  A lock
 * on the folder keeps two gangers apart; it is only an aid (anyone who can read the folder can
 * hold it), the swap is what protects.
 *
 * The umask is the process's: this is for single-threaded programs.
 */

#include "host/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/socket_inode.h"

#define LOCK_WAIT (500 * CLOCK_MSEC)
#define TAKE_ATTEMPTS 16
#define NAME_ATTEMPTS 16
#define NAME_BYTES 108

struct place {
    const char *path;           /* as configured, for messages */
    const char *name;           /* its last component */
    int folder;                 /* O_PATH would not do: flock() */
    char temporary[NAME_BYTES]; /* name of our socket before it has its own; "": none */
};

enum probe { PROBE_DEAD, PROBE_LIVE, PROBE_FORBIDDEN };

static int open_folder(const char *path, int *ret, struct error *err)
{
    char folder[NAME_BYTES];
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, path, length);
    folder[length] = '\0';

    /* Links in the folder's own path are the administrator's (/var/run → /run); they are resolved
     * once, and the result must hold none. */
    char *real = realpath(folder, NULL);
    if (real == NULL)
        return error_errno(err, errno, "cannot use the folder %s for the socket %s%s", folder, path,
                           errno == ENOENT ? " (create it first)" : "");
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, real, &how, sizeof how);
    if (fd < 0 && errno == ENOSYS) /* older container runtimes and valgrind do not know it */
        fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int number = errno;
    free(real);
    if (fd < 0)
        return error_errno(err, number, "cannot open the folder %s of the socket %s", folder, path);
    struct stat st;
    if (fstat(fd, &st) == 0 && (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0) {
        descriptor_close(&fd);
        return error_set(err, EPERM,
                         "the folder %s of the socket %s may be written by everybody, who could "
                         "then replace the socket; take that right away (chmod o-w)",
                         folder, path);
    }
    *ret = fd;
    return 0;
}

/* The name as seen from the folder held.  False when it does not fit, which a name made by
 * temporary_name() always does. */
static bool through_folder(struct sockaddr_un *un, int folder, const char *name)
{
    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    int length = snprintf(un->sun_path, sizeof un->sun_path, "/proc/self/fd/%d/%s", folder, name);
    return length > 0 && (size_t)length < sizeof un->sun_path;
}

/* The n-th name to try.  It keeps the socket's own name in it as far as it fits, because listings
 * of sockets (ss) go on showing it after the rename. */
static void temporary_name(struct place *place, int n)
{
    char number[16] = "";
    if (n > 0)
        snprintf(number, sizeof number, ".%d", n);
    snprintf(place->temporary, sizeof place->temporary, ".%.60s.%d%s.tmp", place->name,
             (int)getpid(), number);
}

static void nap(long usec)
{
    const struct timespec time = {.tv_sec = 0, .tv_nsec = usec * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

/* flock() has no deadline of its own, and no event tells when a lock is free. */
static void lock_folder(int folder)
{
    static uint64_t patience =
        LOCK_WAIT; /* of this process: who holds one lock may hold them all */
    uint64_t begin = clock_monotonic();
    uint64_t end = begin + patience;
    while (flock(folder, LOCK_EX | LOCK_NB) < 0 && (errno == EWOULDBLOCK || errno == EINTR) &&
           clock_monotonic() < end)
        nap(2000);
    uint64_t waited = clock_monotonic() - begin;
    patience -= waited < patience ? waited : patience;
}

/* Bind under a temporary name that is free. */
static int bind_temporary(struct place *place, int fd, mode_t mode, struct error *err)
{
    int r = -EADDRINUSE;
    if (fchmod(fd, mode & 07777) < 0)
        return error_errno(err, errno, "cannot set the mode of the socket %s", place->path);
    for (int i = 0; i < NAME_ATTEMPTS && r == -EADDRINUSE; i++) {
        struct sockaddr_un un;
        temporary_name(place, i);
        if (!through_folder(&un, place->folder, place->temporary)) {
            r = -ENAMETOOLONG;
            break;
        }
        mode_t before = umask(0);
        r = bind(fd, (const struct sockaddr *)&un, sizeof un) < 0 ? -errno : 0;
        umask(before);
    }
    if (r < 0) {
        place->temporary[0] = '\0';
        return error_errno(err, -r, "cannot make a socket in the folder of %s", place->path);
    }
    return 0;
}

/* Owner and mode of the file just bound, by a descriptor of it, so that nothing put in its place
 * is ever given away. */
static int dress(const struct place *place, const struct socket_plan *plan, int fd,
                 struct stat *ret, struct error *err)
{
    __attribute__((cleanup(descriptor_cleanup))) int file =
        openat(place->folder, place->temporary, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 || fstat(file, ret) < 0)
        return error_errno(err, errno, "cannot look at the new socket of %s", place->path);
    if (!S_ISSOCK(ret->st_mode) || socket_inode_is(fd, ret) == 0)
        return error_set(err, EEXIST, "the new socket of %s was replaced by something else",
                         place->path);
    if ((plan->owner != (uid_t)-1 || plan->group != (gid_t)-1) &&
        fchownat(file, "", plan->owner, plan->group, AT_EMPTY_PATH) < 0)
        return error_errno(err, errno, "cannot give the socket %s its listen.owner and group%s",
                           place->path,
                           errno == EPERM ? " (only root can; leave listen.owner and listen.group "
                                            "out, or name a group you are in)"
                                          : "");
    /* A folder's default ACL may have changed the mode. */
    if ((ret->st_mode & 07777) != (plan->mode & 07777)) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", file);
        if (chmod(self, plan->mode & 07777) < 0)
            return error_errno(err, errno, "cannot set the mode of the socket %s", place->path);
    }
    return 0;
}

/* Is anybody behind this inode?  Never waits: a full backlog is an answer as well. */
static enum probe probe(int file)
{
    struct sockaddr_un un;
    memset(&un, 0, sizeof un);
    un.sun_family = AF_UNIX;
    snprintf(un.sun_path, sizeof un.sun_path, "/proc/self/fd/%d", file);
    /* Somebody may be between bind() and listen(): ask again before calling it dead. */
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            return PROBE_FORBIDDEN;
        int r = connect(fd, (const struct sockaddr *)&un, sizeof un) < 0 ? errno : 0;
        descriptor_close(&fd);
        if (r == EACCES || r == EPERM)
            return PROBE_FORBIDDEN;
        if (r != ECONNREFUSED)
            return PROBE_LIVE; /* also EPROTOTYPE: a socket of another type is bound to it */
        nap(5000);
    }
    return PROBE_DEAD;
}

/* Give our socket its name if nothing has it.  0, -EEXIST, other negative. */
static int rename_into_nothing(const struct place *place)
{
    if (renameat2(place->folder, place->temporary, place->folder, place->name, RENAME_NOREPLACE) ==
        0)
        return 0;
    if (errno != EINVAL)
        return -errno;
    /* A file system without it (NFS): a link is as exclusive. */
    if (linkat(place->folder, place->temporary, place->folder, place->name, 0) < 0)
        return -errno;
    (void)unlinkat(place->folder, place->temporary, 0);
    return 0;
}

static bool same_file(int folder, const char *name, const struct stat *wanted)
{
    struct stat st;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == wanted->st_dev &&
           st.st_ino == wanted->st_ino;
}

/* Swap our socket (`own`) with the dead one.  0; 1 when something else stood there by then. */
static int replace_dead(const struct place *place, const struct stat *dead, const struct stat *own)
{
    if (renameat2(place->folder, place->temporary, place->folder, place->name, RENAME_EXCHANGE) <
        0) {
        if (errno == ENOENT)
            return 1;
        if (errno != EINVAL)
            return -errno;
        /* A file system without it: under the lock alone. */
        if (!same_file(place->folder, place->name, dead))
            return 1;
        return renameat(place->folder, place->temporary, place->folder, place->name) < 0 ? -errno
                                                                                         : 0;
    }
    if (same_file(place->folder, place->temporary, dead)) {
        (void)unlinkat(place->folder, place->temporary, 0);
        return 0;
    }
    if (renameat2(place->folder, place->temporary, place->folder, place->name, RENAME_EXCHANGE) <
            0 &&
        /* Our socket is gone from there meanwhile; the stranger goes back all the same. */
        renameat2(place->folder, place->temporary, place->folder, place->name, RENAME_NOREPLACE) <
            0)
        return -errno;
    return same_file(place->folder, place->temporary, own) ? 1 : -ESTALE;
}

/* One try to get the name.  0, a socket_outcome, -EAGAIN (look again), other negative. */
static int take_once(const struct place *place, const struct stat *own, struct error *err)
{
    struct stat st;
    int r = rename_into_nothing(place);
    if (r == 0)
        return 0;
    if (r != -EEXIST)
        return error_errno(err, -r, "cannot give the socket %s its name", place->path);

    __attribute__((cleanup(descriptor_cleanup))) int file =
        openat(place->folder, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 || fstat(file, &st) < 0)
        return errno == ENOENT ? -EAGAIN
                               : error_errno(err, errno, "cannot look at %s", place->path);
    if (!S_ISSOCK(st.st_mode)) {
        error_set(err, EEXIST,
                  "%s exists and is %s, not a socket; it is left alone: remove it or choose "
                  "another path",
                  place->path,
                  S_ISDIR(st.st_mode)   ? "a folder"
                  : S_ISLNK(st.st_mode) ? "a link"
                  : S_ISREG(st.st_mode) ? "a file"
                                        : "something special");
        return SOCKET_NOT_A_SOCKET;
    }
    switch (probe(file)) {
    case PROBE_LIVE:
        error_set(err, EADDRINUSE, "another process listens on %s; stop it or choose another path",
                  place->path);
        return SOCKET_IN_USE;
    case PROBE_FORBIDDEN:
        error_set(err, EADDRINUSE,
                  "%s is a socket that may not be asked whether it is in use; remove it or choose "
                  "another path",
                  place->path);
        return SOCKET_IN_USE;
    case PROBE_DEAD:
        break;
    }
    r = replace_dead(place, &st, own);
    if (r < 0)
        return error_errno(err, -r, "cannot replace the dead socket %s", place->path);
    return r == 0 ? 0 : -EAGAIN;
}

static int take(const struct place *place, const struct stat *own, struct error *err)
{
    int free_name = rename_into_nothing(place); /* needs no lock, which anybody may hold */
    if (free_name == 0)
        return 0;
    lock_folder(place->folder);
    for (int i = 0; i < TAKE_ATTEMPTS; i++) {
        int r = take_once(place, own, err);
        if (r != -EAGAIN)
            return r;
    }
    return error_set(err, EBUSY, "%s keeps changing while it is being taken", place->path);
}

int socket_path_listen(const struct socket_plan *plan, int backlog, int *ret_fd, struct error *err)
{
    const char *path = plan->address.text;
    struct place place = {.path = path, .name = strrchr(path, '/') + 1, .folder = -1};
    struct stat own;
    bool bound = false;
    int fd = -1;
    int r = open_folder(path, &place.folder, err);
    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (plan->nonblock ? SOCK_NONBLOCK : 0), 0);
    if (fd < 0) {
        r = error_errno(err, errno, "cannot make the socket %s", path);
    } else {
        r = bind_temporary(&place, fd, plan->mode, err);
        if (r == 0)
            r = dress(&place, plan, fd, &own, err);
        bound = r == 0;
        if (r == 0 && listen(fd, backlog) < 0)
            r = error_errno(err, errno, "cannot listen on %s", path);
        if (r == 0)
            r = take(&place, &own, err);
    }
    if (r != 0) {
        if (place.temporary[0] != '\0' &&
            (!bound || same_file(place.folder, place.temporary, &own)))
            (void)unlinkat(place.folder, place.temporary, 0);
        descriptor_close(&fd);
    }
    descriptor_close(&place.folder); /* and with it the lock */
    if (r == 0)
        *ret_fd = fd;
    return r;
}

void socket_path_unlink(const char *path, int fd)
{
    struct place place = {.path = path, .name = strrchr(path, '/') + 1, .folder = -1};
    struct stat st;

    if (open_folder(path, &place.folder, NULL) < 0)
        return;
    if (fstatat(place.folder, place.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode) &&
        socket_inode_is(fd, &st) == 1) {
        /* Moved aside and looked at again before it goes: what was put there since goes back. */
        temporary_name(&place, 0);
        if (renameat2(place.folder, place.name, place.folder, place.temporary, RENAME_NOREPLACE) <
            0)
            (void)unlinkat(place.folder, place.name, 0);
        else if (same_file(place.folder, place.temporary, &st))
            (void)unlinkat(place.folder, place.temporary, 0);
        else
            (void)renameat2(place.folder, place.temporary, place.folder, place.name,
                            RENAME_NOREPLACE);
    }
    descriptor_close(&place.folder);
}

bool socket_path_still_there(const char *path, int fd)
{
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    return socket_inode_is(fd, &st) != 0;
}
