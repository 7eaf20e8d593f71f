/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request bodies.  A descriptor whose size is not known is never made non-blocking (standard input
 * is shared with other processes): the caller polls, then one read() takes what is there.
 */

#include "ctl/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"

struct source {
    const char *text; /* NULL: from the descriptor */
    const char *name; /* for messages */
    int fd;
    bool owned;  /* fd is ours to close */
    bool sized;  /* length is known */
    off_t begin; /* where in the file the body begins */
    uint64_t modified;
    uint64_t length;
    uint64_t taken;
};

static int open_file(struct source *s, const char *path, struct error *err)
{
    struct stat st;
    bool standard = strcmp(path, "-") == 0;
    s->name = standard ? "standard input" : path;
    s->owned = !standard;
    s->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return error_errno(err, errno, "cannot read %s", s->name);
    if (S_ISDIR(st.st_mode))
        return error_errno(err, EISDIR, "cannot read %s", s->name);
    if (S_ISREG(st.st_mode))
        s->modified = st.st_mtime > 0 ? (uint64_t)st.st_mtime : 0;
    /* The files of /proc have no size, and something in them. */
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        s->begin = lseek(s->fd, 0, SEEK_CUR);
        if (s->begin < 0)
            return error_errno(err, errno, "cannot read %s", s->name);
        s->sized = true;
        s->length = st.st_size > s->begin ? (uint64_t)(st.st_size - s->begin) : 0;
    }
    return 0;
}

/* `path`: of a file, or NULL for `text`. */
static int make(struct source **ret, const char *path, const char *text, struct error *err)
{
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ENOMEM, "no memory");
    s->fd = -1;
    int rc = 0;
    if (path != NULL) {
        rc = open_file(s, path, err);
    } else if (text != NULL) {
        s->text = text;
        s->sized = true;
        s->length = strlen(text);
    }
    if (rc < 0) {
        source_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

int source_open(struct source **ret, const char *data, struct error *err)
{
    bool file = strcmp(data, "-") == 0 || data[0] == '@';
    return make(ret, !file ? NULL : data[0] == '@' ? data + 1 : data, data, err);
}

int source_open_file(struct source **ret, const char *path, struct error *err)
{
    return make(ret, path, NULL, err);
}

/* A file that no other process can open and that goes when we do. */
static int open_nameless(struct error *err)
{
    const char *wanted = getenv("TMPDIR");
    const char *folder = wanted != NULL && wanted[0] == '/' ? wanted : "/var/tmp";
    int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        char *path = text_format("%s/gangerctl.XXXXXX", folder);
        if (path == NULL)
            return error_set(err, ENOMEM, "no memory");
        fd = mkostemp(path, O_CLOEXEC);
        int number = errno;
        if (fd >= 0)
            (void)unlink(path);
        free(path);
        errno = number;
    }
    return fd < 0 ? error_errno(err, errno, "cannot keep the body in %s", folder) : fd;
}

static int copy_to(struct source *s, int fd, struct error *err)
{
    char piece[65536];
    for (;;) {
        ssize_t got = source_read(s, piece, sizeof piece, err);
        if (got <= 0)
            return (int)got;
        int rc = descriptor_write_all(fd, piece, (size_t)got);
        if (rc < 0)
            return error_errno(err, -rc, "cannot keep the body in a temporary file");
        s->length += (uint64_t)got;
    }
}

int source_spool(struct source *s, struct error *err)
{
    if (s->sized)
        return 0;
    int fd = open_nameless(err);
    if (fd < 0)
        return fd;
    int rc = copy_to(s, fd, err);
    if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0)
        rc = error_errno(err, errno, "cannot read the temporary file");
    if (rc < 0) {
        descriptor_close(&fd);
        return rc;
    }
    if (s->owned)
        descriptor_close(&s->fd);
    s->fd = fd;
    s->owned = s->sized = true;
    s->begin = 0;
    s->taken = 0;
    return 0;
}

uint64_t source_modified(const struct source *s)
{
    return s->modified;
}

struct source *source_free(struct source *s)
{
    if (s == NULL)
        return NULL;
    if (s->owned)
        descriptor_close(&s->fd);
    free(s);
    return NULL;
}

bool source_length(const struct source *s, uint64_t *ret)
{
    *ret = s->length;
    return s->sized;
}

int source_rewind(struct source *s, struct error *err)
{
    if (s->taken == 0)
        return 0;
    if (!s->sized)
        return error_set(err, ESPIPE, "%s cannot be sent twice: give the body as a file", s->name);
    if (s->text == NULL && lseek(s->fd, s->begin, SEEK_SET) < 0)
        return error_errno(err, errno, "cannot read %s again", s->name);
    s->taken = 0;
    return 0;
}

int source_fd(const struct source *s)
{
    return s->sized ? -1 : s->fd;
}

ssize_t source_read(struct source *s, void *buffer, size_t size, struct error *err)
{
    if (s->sized && size > s->length - s->taken)
        size = (size_t)(s->length - s->taken);
    if (size == 0)
        return 0;
    if (s->text != NULL) {
        memcpy(buffer, s->text + s->taken, size);
        s->taken += size;
        return (ssize_t)size;
    }
    ssize_t got;
    do {
        got = read(s->fd, buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_errno(err, errno, "cannot read %s", s->name);
    if (got == 0 && s->sized)
        return error_set(err, EIO, "%s became shorter while it was sent", s->name);
    s->taken += (uint64_t)got;
    return got;
}
