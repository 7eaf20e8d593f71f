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

struct source {
    const char *text; /* NULL: from the descriptor */
    const char *name; /* for messages */
    int fd;
    bool owned;  /* fd is ours to close */
    bool sized;  /* length is known */
    off_t begin; /* where in the file the body begins */
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
    if (S_ISREG(st.st_mode)) {
        s->begin = lseek(s->fd, 0, SEEK_CUR);
        if (s->begin < 0)
            return error_errno(err, errno, "cannot read %s", s->name);
        s->sized = true;
        s->length = st.st_size > s->begin ? (uint64_t)(st.st_size - s->begin) : 0;
    }
    return 0;
}

int source_open(struct source **ret, const char *data, struct error *err)
{
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ENOMEM, "no memory");
    s->fd = -1;
    int rc = 0;
    if (strcmp(data, "-") == 0) {
        rc = open_file(s, data, err);
    } else if (data[0] == '@') {
        rc = open_file(s, data + 1, err);
    } else {
        s->text = data;
        s->sized = true;
        s->length = strlen(data);
    }
    if (rc < 0) {
        source_free(s);
        return rc;
    }
    *ret = s;
    return 0;
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
