/* SPDX-License-Identifier: Apache-2.0 */
#include "master/runtime_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"

static int check(int fd, const char *path, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "runtime_directory %s", path);
    if (st.st_uid != geteuid())
        return error_set(err, EPERM,
                         "runtime_directory %s belongs to user %u, not to ganger's user %u; "
                         "chown it, or name another",
                         path, (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 022) != 0)
        return error_set(err, EPERM,
                         "runtime_directory %s is writable to others (mode %04o); chmod 755 it, or "
                         "name another",
                         path, (unsigned)st.st_mode & 07777u);
    return 0;
}

int runtime_folder_make(const char *path, struct error *err)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make runtime_directory %s%s", path,
                           errno == ENOENT ? " (make the folder above it, or name another)" : "");

    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "runtime_directory %s%s", path,
                           errno == ELOOP || errno == ENOTDIR ? " (it must be a folder, no link)"
                                                              : "");
    int r = check(fd, path, err);
    descriptor_close(&fd);
    return r;
}
