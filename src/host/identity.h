/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_IDENTITY_H
#define GANGER_HOST_IDENTITY_H

/*
 * Users and groups.  Looked up once, in the parent, never in a forked child and never while
 * serving.  Digits are always a number, never a name; a number needs no passwd entry and then has
 * no supplementary groups.  4294967295 (-1) is refused.  NSS may be slow or hang: not for a process
 * that must not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

struct identity {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary, as initgroups() would set them; sorted, unique, owned */
    size_t group_count;
    char *name; /* as configured, owned */
};

enum identity_outcome { IDENTITY_UNKNOWN = 1 /* no such user or group; err names it */ };

/* Resolve `user` (name or number) and `group` (name or number; NULL: the user's primary group, for
 * a number without passwd entry the same number).  0, IDENTITY_UNKNOWN, negative. */
int identity_resolve(struct identity *ret, const char *user, const char *group, struct error *err);
void identity_clear(struct identity *id);
/* One name or number. 0, IDENTITY_UNKNOWN, negative. */
int identity_user(const char *user, uid_t *ret, struct error *err);
int identity_group(const char *group, gid_t *ret, struct error *err);
/* The name for a uid/gid, or its number as text; malloc'd. */
char *identity_user_name(uid_t uid);
char *identity_group_name(gid_t gid);
bool identity_is_root(void); /* effective uid 0 */

#endif
