/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/logs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/descriptor.h"
#include "host/append.h"

static const char *const options[HANDOVER_LOGS] = {"access.log", "slowlog"};

int logs_fd(const struct logs *l, enum handover_log which)
{
    return l->files[which].path == NULL ? -1 : l->files[which].fd;
}

void logs_close(struct logs *l)
{
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        if (l->files[i].path != NULL) {
            descriptor_close(&l->files[i].fd);
            descriptor_close(&l->files[i].keep);
        }
        free(l->files[i].path);
    }
    *l = (struct logs){0};
}

const char *logs_path(const struct conf_pool *pool, enum handover_log which)
{
    switch (which) {
    case HANDOVER_LOG_ACCESS:
        return pool->kind == CONF_KIND_CGI ? pool->access_log : NULL;
    case HANDOVER_LOG_SLOW:
        return pool->slowlog;
    case HANDOVER_LOGS:
        break;
    }
    return NULL;
}

static int open_one(enum handover_log which, const char *path, int *ret_keep, struct error *err)
{
    int fd = append_open(path, ret_keep, err);

    return fd < 0 ? error_wrap(err, "%s", options[which]) : fd;
}

static bool has(const struct logs *l, size_t i, const char *path)
{
    return l != NULL && logs_fd(l, (enum handover_log)i) >= 0 &&
           strcmp(l->files[i].path, path) == 0;
}

int logs_open(struct logs *ret, const struct conf_pool *pool, const struct logs *before,
              struct error *err)
{
    int result = 0;

    *ret = (struct logs){0};
    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        struct logs_file *f = &ret->files[i];
        const char *path = logs_path(pool, (enum handover_log)i);

        if (path == NULL)
            continue;
        f->fd = f->keep = -1;
        f->path = strdup(path);
        if (f->path == NULL)
            return error_errno(err, ENOMEM, "%s", options[i]);
        if (has(before, i, path))
            continue;
        f->fd = open_one((enum handover_log)i, path, &f->keep, err);
        if (f->fd < 0)
            result = f->fd;
    }
    return result;
}

unsigned logs_replace(struct logs *l, struct logs *next)
{
    unsigned changed = 0;

    for (size_t i = 0; i < HANDOVER_LOGS; i++) {
        struct logs_file *f = &next->files[i];

        if (f->path != NULL && f->fd < 0) {
            struct logs_file *before = &l->files[i];

            if (before->path != NULL) {
                f->fd = before->fd;
                f->keep = before->keep;
                before->fd = before->keep = -1;
            }
        } else if (f->path != NULL || l->files[i].path != NULL) { /* opened; or not any more */
            changed |= 1u << i;
        }
    }
    logs_close(l);
    *l = *next;
    *next = (struct logs){0};
    return changed;
}

int logs_reopen(struct logs *l, enum handover_log which, struct error *err)
{
    struct logs_file *f = &l->files[which];
    int keep = -1;
    int fd = f->path == NULL ? -1 : open_one(which, f->path, &keep, err);

    if (f->path == NULL)
        return 0;
    if (fd < 0)
        return fd;
    descriptor_close(&f->fd);
    descriptor_close(&f->keep);
    f->fd = fd;
    f->keep = keep;
    return 0;
}
