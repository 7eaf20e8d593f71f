/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files are opened here and nowhere else in this room.  Only regular files of bounded size are
 * read, without ever waiting for one (a FIFO, a terminal).  include() is ganger's own: libconfuse's
 * knows no patterns, is relative to the working directory, and fails behind ten files.
 *
 * A file's statements are read whole before what it includes; the two are put in order here.
 */

#include "conf/files.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "conf/prepare.h"
#include "conf/syntax.h"

/* The files that are being read now, innermost first: an include that leads back is a cycle. */
struct open_file {
    const struct open_file *outer;
    unsigned depth;
    dev_t device;
    ino_t inode;
};

struct walk {
    struct files *files;
    struct complaint_box *box;
    bool in_pool; /* the statement behind which we stand is between a pool's braces */
    bool from_memory;
    bool too_many; /* said once */
};

static int load_file(struct walk *w, const char *path, const struct place *from,
                     const struct open_file *outer);

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
                            : "no regular file";
}

/* 0 with *ret malloc'd and a NUL behind it; 1 when it was complained of; -ENOMEM. */
static int read_text(int fd, const struct stat *st, const char *path, const struct place *from,
                     struct complaint_box *box, char **ret, size_t *ret_length)
{
    if (!S_ISREG(st->st_mode)) {
        complaint_error(box, from, "%s is %s; a regular file is needed%s", path,
                        kind_of(st->st_mode),
                        S_ISDIR(st->st_mode) ? ", or a pattern such as DIR/*.conf" : "");
        return 1;
    }
    if (st->st_size > (off_t)FILES_BYTES_MAX) {
        complaint_error(box, from, "%s holds %lld bytes; at most %u are read", path,
                        (long long)st->st_size, FILES_BYTES_MAX);
        return 1;
    }
    /* Files under /proc have size 0 and hold something; a file may grow while it is read. */
    size_t capacity = (size_t)st->st_size + 4096;
    char *text = malloc(capacity + 1);
    if (text == NULL)
        return -ENOMEM;
    ssize_t n = descriptor_read_all(fd, text, capacity);
    if (n < 0) {
        free(text);
        complaint_error(box, from, "cannot read %s: %s", path, strerror((int)-n));
        return 1;
    }
    if ((size_t)n == capacity) {
        free(text);
        complaint_error(box, from, "%s grew while it was read; try again", path);
        return 1;
    }
    text[n] = '\0';
    *ret = text;
    *ret_length = (size_t)n;
    return 0;
}

static int open_regular(const char *path, const struct place *from, struct complaint_box *box,
                        struct stat *st)
{
    int fd = -1;
    /* Looked at before it is opened, since opening some devices does something. */
    if (stat(path, st) < 0 ||
        (S_ISREG(st->st_mode) &&
         ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0 ||
          fstat(fd, st) < 0))) {
        if (from->line == 0) /* the line begins with its name already */
            complaint_error(box, from, "cannot be opened: %s (option -c names another file)",
                            strerror(errno));
        else
            complaint_error(box, from, "cannot open %s: %s", path, strerror(errno));
        descriptor_close(&fd);
        return -1;
    }
    if (fd < 0)
        complaint_error(box, from, "%s is %s; a regular file is needed%s", path,
                        kind_of(st->st_mode),
                        S_ISDIR(st->st_mode) ? ", or a pattern such as DIR/*.conf" : "");
    return fd;
}

/* `name` seen from the file `from`: absolute, or beside it. */
static char *beside(const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');
    if (name[0] == '/' || slash == NULL)
        return strdup(name);
    return text_format("%.*s/%s", (int)(slash - from), from, name);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int unreadable_folder(const char *path, int number)
{
    (void)path;
    return number == EACCES || number == EIO || number == ELOOP;
}

static int include_pattern(struct walk *w, const char *pattern, const struct place *from,
                           const struct open_file *outer)
{
    glob_t found = {0};
    int r = glob(pattern, GLOB_NOSORT, unreadable_folder, &found);
    if (r == GLOB_NOMATCH) {
        globfree(&found);
        return 0; /* an empty pools.d is no mistake */
    }
    if (r != 0) {
        int number = errno;
        globfree(&found);
        if (r == GLOB_NOSPACE)
            return -ENOMEM;
        complaint_error(w->box, from, "include: cannot search %s: %s", pattern, strerror(number));
        return 0;
    }
    /* Bytes, not the locale, say what the order is; so it is the same everywhere. */
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_bytes);
    r = 0;
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
        r = load_file(w, found.gl_pathv[i], from, outer);
    globfree(&found);
    return r;
}

static int include(struct walk *w, const struct statement *s, const struct open_file *here)
{
    const char *name = w->files->names.items[s->file];
    struct place from = {.file = s->file, .file_name = name, .line = s->line};
    if (w->from_memory) {
        complaint_error(w->box, &from, "include is possible in files only");
        return 0;
    }
    if (s->values.count == 0)
        complaint_error(w->box, &from, "include needs a file: include(\"FILE\")");
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->values.count; i++) {
        const char *value = s->values.items[i];
        if (*value == '\0') {
            complaint_error(w->box, &from, "include: the file name is empty");
            continue;
        }
        char *path = beside(name, value);
        if (path == NULL)
            return -ENOMEM;
        if (strpbrk(value, "*?[") != NULL)
            r = include_pattern(w, path, &from, here);
        else
            r = load_file(w, path, &from, here);
        free(path);
    }
    return r;
}

/* Add a file's statements to the row, each include replaced by what it leads to. */
static int unroll(struct walk *w, struct statement_list *list, const struct open_file *here)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        struct statement *s = &list->items[i];
        if (s->kind == STATEMENT_INCLUDE) {
            r = include(w, s, here);
            continue;
        }
        if (s->kind == STATEMENT_POOL)
            w->in_pool = true;
        else if (s->kind == STATEMENT_END)
            w->in_pool = false;
        r = statement_move(&w->files->statements, s);
    }
    return r;
}

static int take_text(struct walk *w, const char *name, char **text, size_t length,
                     const struct open_file *here)
{
    if (conf_list_add(&w->files->names, name) < 0)
        return -ENOMEM;
    struct place where = {
        .file = (unsigned)w->files->names.count - 1,
        .file_name = w->files->names.items[w->files->names.count - 1],
    };
    struct statement_list list = {0};
    if (!prepare_text(*text, length, &where, w->box))
        return 0;
    int r = syntax_parse(&list, text, &length, w->in_pool, &where, w->box);
    if (r == 0)
        r = unroll(w, &list, here);
    statement_clear(&list);
    return r;
}

static bool is_open(const struct open_file *file, const struct stat *st)
{
    for (; file != NULL; file = file->outer) {
        if (file->device == st->st_dev && file->inode == st->st_ino)
            return true;
    }
    return false;
}

static int load_file(struct walk *w, const char *path, const struct place *from,
                     const struct open_file *outer)
{
    struct open_file here = {.outer = outer, .depth = outer == NULL ? 0 : outer->depth + 1};
    struct stat st;
    char *text = NULL;
    size_t length = 0;
    if (w->files->names.count >= FILES_COUNT_MAX) {
        if (!w->too_many)
            complaint_error(w->box, from, "include: more than %d files", FILES_COUNT_MAX);
        w->too_many = true;
        return 0;
    }
    if (here.depth > FILES_DEPTH_MAX) {
        complaint_error(w->box, from, "include: %s: more than %d files deep", path,
                        FILES_DEPTH_MAX);
        return 0;
    }
    int fd = open_regular(path, from, w->box, &st);
    if (fd < 0)
        return 0;
    here.device = st.st_dev;
    here.inode = st.st_ino;
    if (is_open(outer, &st)) {
        complaint_error(w->box, from,
                        "include: %s is being read already: the includes go round "
                        "in a circle",
                        path);
        descriptor_close(&fd);
        return 0;
    }
    int r = read_text(fd, &st, path, from, w->box, &text, &length);
    descriptor_close(&fd);
    if (r == 0)
        r = take_text(w, path, &text, length, &here);
    free(text);
    return r < 0 ? r : 0;
}

int files_load(struct files *files, const char *path, struct complaint_box *box)
{
    struct walk w = {.files = files, .box = box};
    struct place whole = {.file_name = path};
    return load_file(&w, path, &whole, NULL);
}

int files_load_text(struct files *files, const char *name, const char *text, size_t length,
                    struct complaint_box *box)
{
    struct walk w = {.files = files, .box = box, .from_memory = true};
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, text, length);
    copy[length] = '\0';
    int r = take_text(&w, name, &copy, length, NULL);
    free(copy);
    return r;
}

void files_clear(struct files *files)
{
    conf_list_clear(&files->names);
    statement_clear(&files->statements);
}
