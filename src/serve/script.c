/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks look at the object that an O_PATH descriptor holds, not at the text of its name, and
 * the real path of that object is what gets executed: a link that is changed between check and
 * start changes nothing.  Magic links (/proc/self/exe, /dev/fd/N) are never followed.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "serve/script.h"

static const struct {
    unsigned status;
    const char *text;
} outcomes[] = {
    [SCRIPT_FOUND] = {200, "found"},
    [SCRIPT_ABSENT] = {404, "no such script; is SCRIPT_FILENAME what the web server should send?"},
    [SCRIPT_NO_ROOT] = {403, "the pool has no script_root; set script_root (or command)"},
    [SCRIPT_DOTS] = {403, "the path holds \"..\"; send a normalised SCRIPT_FILENAME"},
    [SCRIPT_OUTSIDE] = {403, "not beneath script_root (links are followed first); add its folder "
                             "to script_root if it may run"},
    [SCRIPT_FOLDER] = {403, "is a folder; name a script in it"},
    [SCRIPT_SPECIAL] = {403, "is no regular file"},
    [SCRIPT_NOT_EXECUTABLE] = {403, "is not executable for the pool's user; chmod +x it"},
    [SCRIPT_EXTENSION] = {403, "its ending is not in security.limit_extensions"},
    [SCRIPT_UNREADABLE] = {403, "the pool's user may not reach it; check the folders' modes"},
    [SCRIPT_TROUBLE] = {503, "cannot be looked up (no free descriptor, no memory or an I/O error)"},
};

unsigned script_outcome_status(enum script_outcome outcome)
{
    return outcomes[outcome].status;
}

const char *script_outcome_text(enum script_outcome outcome)
{
    return outcomes[outcome].text;
}

static int open_path(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    long fd;
    do
        fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN);
    /* Some sandboxes do not know the call.  What a magic link leads to is judged like anything else, so
     * nothing beyond the roots is run then either. */
    if (fd < 0 && errno == ENOSYS)
        fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

/* The name the kernel has for an open object. */
static int real_path(int fd, char out[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    return out[0] == '/' ? 0 : -ENOENT;
}

static bool beneath(const char *path, const char *root)
{
    size_t length = strlen(root);
    while (length > 0 && root[length - 1] == '/')
        length--;
    return strncmp(path, root, length) == 0 && path[length] == '/';
}

static bool beneath_any(const char *path, char *const *roots)
{
    for (size_t i = 0; roots[i] != NULL; i++) {
        char root[PATH_MAX];
        int fd = open_path(roots[i]);
        if (fd < 0)
            continue;
        int r = real_path(fd, root);
        descriptor_close(&fd);
        if (r == 0 && beneath(path, root))
            return true;
    }
    return false;
}

static bool has_dots(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return true;
    return false;
}

static bool extension_allowed(const char *path, char *const *extensions)
{
    if (extensions == NULL || extensions[0] == NULL)
        return true;
    const char *name = strrchr(path, '/') + 1;
    for (size_t i = 0; extensions[i] != NULL; i++)
        if (strlen(name) > strlen(extensions[i]) && text_ends(name, extensions[i]))
            return true;
    return false;
}

/* The longest prefix that exists: *ret_fd holds it and `path` names it.  0 or -errno. */
static int walk_back(char path[PATH_MAX], int *ret_fd)
{
    for (;;) {
        int fd = open_path(path);
        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        if (fd != -ENOENT && fd != -ENOTDIR && fd != -ENAMETOOLONG)
            return fd;
        char *slash = strrchr(path, '/');
        if (slash == path)
            return -ENOENT;
        *slash = '\0';
    }
}

static enum script_outcome judge(struct script *s, int fd, bool whole, char *const *roots,
                                 char *const *extensions)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return SCRIPT_TROUBLE;
    if (S_ISDIR(st.st_mode) && !whole)
        return SCRIPT_ABSENT; /* something beneath an existing folder */
    if (st.st_nlink == 0 || real_path(fd, s->real) < 0)
        return SCRIPT_ABSENT;
    if (!beneath_any(s->real, roots))
        return SCRIPT_OUTSIDE;
    if (S_ISDIR(st.st_mode))
        return SCRIPT_FOLDER;
    if (!S_ISREG(st.st_mode))
        return SCRIPT_SPECIAL;
    if (!extension_allowed(s->path, extensions))
        return SCRIPT_EXTENSION;
    if (faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0)
        return SCRIPT_NOT_EXECUTABLE;
    return SCRIPT_FOUND;
}

enum script_outcome script_resolve(struct script *ret, const char *original, char *const *roots,
                                   char *const *extensions)
{
    size_t length = strlen(original);
    int fd;

    if (roots == NULL || roots[0] == NULL)
        return SCRIPT_NO_ROOT;
    if (original[0] != '/' || length >= PATH_MAX)
        return SCRIPT_ABSENT;
    if (has_dots(original))
        return SCRIPT_DOTS;
    memcpy(ret->path, original, length + 1);

    int r = walk_back(ret->path, &fd);
    if (r < 0) {
        if (r == -ENOENT)
            return SCRIPT_ABSENT;
        return r == -EACCES || r == -ELOOP || r == -EPERM ? SCRIPT_UNREADABLE : SCRIPT_TROUBLE;
    }
    size_t kept = strlen(ret->path);
    enum script_outcome outcome = judge(ret, fd, kept == length, roots, extensions);
    descriptor_close(&fd);
    if (outcome != SCRIPT_FOUND)
        return outcome;

    ret->path_info = original + kept;
    size_t folder = (size_t)(strrchr(ret->path, '/') - ret->path);
    memcpy(ret->folder, ret->path, folder);
    ret->folder[folder] = '\0';
    if (folder == 0)
        memcpy(ret->folder, "/", sizeof "/");
    return SCRIPT_FOUND;
}

size_t script_name_length(const char *name, const char *path_info)
{
    size_t length = strlen(name);
    size_t rest = strlen(path_info);

    if (rest > 0 && rest <= length && strcmp(name + length - rest, path_info) == 0)
        return length - rest;
    return length;
}
