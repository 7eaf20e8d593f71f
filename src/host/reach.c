/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer decides how a program is started, not what it may do: who is answered wrongly finds
 * that out when it opens the file.
 */
#include "host/reach.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool in_group(const struct identity *id, gid_t gid)
{
    if (id->gid == gid)
        return true;
    for (size_t i = 0; i < id->group_count; i++) {
        if (id->groups[i] == gid)
            return true;
    }
    return false;
}

/* `bit` as for "others": 4 to read, 1 to search. */
static bool permits(const struct stat *st, const struct identity *id, mode_t bit)
{
    if (id->uid == 0)
        return true;
    if (st->st_uid == id->uid)
        return (st->st_mode & (bit << 6)) != 0;
    return (st->st_mode & (in_group(id, st->st_gid) ? bit << 3 : bit)) != 0;
}

int reach_readable(const char *path, const char *root, const struct identity *id, struct error *err)
{
    char full[PATH_MAX];
    struct stat st;
    size_t start = root == NULL ? 0 : strlen(root);

    if (snprintf(full, sizeof full, "%s%s", root == NULL ? "" : root, path) >= (int)sizeof full)
        return error_errno(err, ENAMETOOLONG, "%s", path);
    if (id == NULL)
        return access(full, R_OK) < 0 ? error_errno(err, errno, "%s", full) : 0;
    /* Each folder on the way, a root of its own too, then the file itself. */
    for (char *slash = strchr(full + (start > 0 ? start : 1), '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (stat(full, &st) < 0)
            return error_errno(err, errno, "%s", full);
        if (!permits(&st, id, 1))
            return error_errno(err, EACCES, "the folder %s", full);
        *slash = '/';
    }
    if (stat(full, &st) < 0)
        return error_errno(err, errno, "%s", full);
    return permits(&st, id, 4) ? 0 : error_errno(err, EACCES, "%s", full);
}
