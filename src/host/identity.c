/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Users and groups, looked up through NSS: only in a process that may wait for it, never in a
 * forked child.
 *
 * A string of digits is always a number, never a name, so that what a config means does not depend
 * on who was added to the system.  The number (uid_t)-1 means "leave as it is" to the kernel and is
 * refused.  Supplementary groups are sorted and unique, and include the main group, as initgroups()
 * would set them.
 */

#include "host/identity.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/number.h"
#include "base/text.h"

#define NAME_MAX_BYTES 255
#define LOOKUP_MAX ((size_t)1 << 20) /* one entry of passwd or group; big groups list many names */

enum lookup { LOOKUP_NONE = 1 };

struct entry {
    char *buffer;
    struct passwd user;
    struct group group;
};

static void entry_clear(struct entry *e)
{
    free(e->buffer);
    e->buffer = NULL;
}

static int call_nss(struct entry *e, bool group, const char *name, unsigned id, size_t size)
{
    if (group) {
        struct group *found = NULL;
        int r = name != NULL ? getgrnam_r(name, &e->group, e->buffer, size, &found)
                             : getgrgid_r((gid_t)id, &e->group, e->buffer, size, &found);
        return found != NULL ? 0 : r != 0 ? -r : LOOKUP_NONE;
    }
    struct passwd *found = NULL;
    int r = name != NULL ? getpwnam_r(name, &e->user, e->buffer, size, &found)
                         : getpwuid_r((uid_t)id, &e->user, e->buffer, size, &found);
    return found != NULL ? 0 : r != 0 ? -r : LOOKUP_NONE;
}

/* By name, or by id when name is NULL.  0 (entry_clear() it), LOOKUP_NONE, negative. */
static int look_up(struct entry *e, bool group, const char *name, unsigned id)
{
    for (size_t size = 1024; size <= LOOKUP_MAX; size *= 2) {
        e->buffer = malloc(size);
        if (e->buffer == NULL)
            return -ENOMEM;
        int r = call_nss(e, group, name, id, size);
        if (r == 0)
            return 0;
        entry_clear(e);
        /* "Not found" has many spellings; getpwnam_r(3) lists these. */
        if (r == -ENOENT || r == -ESRCH || r == -EBADF || r == -EPERM)
            return LOOKUP_NONE;
        if (r != -ERANGE && r != -EINTR)
            return r;
    }
    return -ERANGE;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Resolve one name or number; *ret_entry (cleared unless 0 is returned by name) is optional. */
static int resolve(const char *text, bool group, unsigned *ret, struct entry *e, struct error *err)
{
    const char *what = group ? "group" : "user";
    char shown[2 * NAME_MAX_BYTES];
    text_escape_fixed(shown, sizeof shown, text, strnlen(text, NAME_MAX_BYTES));

    if (is_number(text)) {
        uint64_t number = 0;
        if (number_parse(text, UINT32_MAX - 1, &number) != 0) {
            error_set(err, ENOENT, "%s %s is out of range, at most 4294967294 is allowed", what,
                      shown);
            return IDENTITY_UNKNOWN;
        }
        *ret = (unsigned)number;
        return 0;
    }
    if (text[0] == '\0' || strnlen(text, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES) {
        error_set(err, ENOENT, "a %s name needs 1 to %d bytes", what, NAME_MAX_BYTES);
        return IDENTITY_UNKNOWN;
    }
    int r = look_up(e, group, text, 0);
    if (r == LOOKUP_NONE) {
        error_set(err, ENOENT, "there is no %s '%s' on this machine; create it or give a number",
                  what, shown);
        return IDENTITY_UNKNOWN;
    }
    if (r < 0)
        return error_errno(err, -r, "cannot look up %s '%s'", what, shown);
    *ret = group ? e->group.gr_gid : e->user.pw_uid;
    return 0;
}

int identity_user(const char *user, uid_t *ret, struct error *err)
{
    struct entry e = {.buffer = NULL};
    unsigned id = 0;
    int r = resolve(user, false, &id, &e, err);
    entry_clear(&e);
    if (r == 0)
        *ret = (uid_t)id;
    return r;
}

int identity_group(const char *group, gid_t *ret, struct error *err)
{
    struct entry e = {.buffer = NULL};
    unsigned id = 0;
    int r = resolve(group, true, &id, &e, err);
    entry_clear(&e);
    if (r == 0)
        *ret = (gid_t)id;
    return r;
}

static int compare_groups(const void *a, const void *b)
{
    const gid_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int list_groups(struct identity *id, const char *name, struct error *err)
{
    int room = 64;
    for (;;) {
        int count = room;
        gid_t *groups = calloc((size_t)room, sizeof *groups);
        if (groups == NULL)
            return error_errno(err, ENOMEM, "cannot list the groups of user '%s'", name);
        if (getgrouplist(name, id->gid, groups, &count) >= 0) {
            id->groups = groups;
            id->group_count = (size_t)count;
            break;
        }
        free(groups);
        if (room >= NGROUPS_MAX)
            return error_set(err, ERANGE, "user '%s' is in more than %d groups", name, NGROUPS_MAX);
        room = room > NGROUPS_MAX / 2 ? NGROUPS_MAX : room * 2;
    }
    qsort(id->groups, id->group_count, sizeof *id->groups, compare_groups);
    size_t kept = 0;
    for (size_t i = 0; i < id->group_count; i++)
        if (kept == 0 || id->groups[kept - 1] != id->groups[i])
            id->groups[kept++] = id->groups[i];
    id->group_count = kept;
    return 0;
}

int identity_resolve(struct identity *ret, const char *user, const char *group, struct error *err)
{
    struct identity id = {.groups = NULL, .name = NULL};
    struct entry e = {.buffer = NULL};
    unsigned number = 0;
    int r = resolve(user, false, &number, &e, err);
    if (r != 0)
        return r;
    id.uid = (uid_t)number;
    bool known = e.buffer != NULL;
    if (!known) {
        r = look_up(&e, false, NULL, number);
        if (r < 0)
            return error_errno(err, -r, "cannot look up user %u", number);
        known = r == 0;
    }
    id.gid = known ? e.user.pw_gid : (gid_t)number;
    if (group != NULL)
        r = identity_group(group, &id.gid, err);
    else
        r = 0;
    if (r == 0 && known)
        r = list_groups(&id, e.user.pw_name, err);
    entry_clear(&e);
    if (r == 0 && (id.name = strdup(user)) == NULL)
        r = error_errno(err, ENOMEM, "cannot remember a user");
    if (r != 0) {
        identity_clear(&id);
        return r;
    }
    *ret = id;
    return 0;
}

void identity_clear(struct identity *id)
{
    free(id->groups);
    free(id->name);
    *id = (struct identity){.groups = NULL, .name = NULL};
}

static char *name_of(bool group, unsigned id)
{
    struct entry e = {.buffer = NULL};
    char *name;
    if (look_up(&e, group, NULL, id) == 0)
        name = strdup(group ? e.group.gr_name : e.user.pw_name);
    else
        name = text_format("%u", id);
    entry_clear(&e);
    return name;
}

char *identity_user_name(uid_t uid)
{
    return name_of(false, uid);
}

char *identity_group_name(gid_t gid)
{
    return name_of(true, gid);
}

bool identity_is_root(void)
{
    return geteuid() == 0;
}
