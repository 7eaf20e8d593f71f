/* SPDX-License-Identifier: Apache-2.0 */

/* The capabilities of a child between clone and exec, under the rules of host/spawn_child.c. */

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "host/spawn_child.h"

/* Without CAP_SETPCAP the bounding set stays; it gives nothing to a process that has no_new_privs
 * or runs no setuid program. */
BARE int spawn_caps_bound(void)
{
    for (int capability = 0; capability <= 63; capability++) {
        long held = syscall(SYS_prctl, PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held < 0)
            return 0; /* past the last one this kernel knows */
        if (held > 0 && syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return errno == EPERM ? 0 : errno;
    }
    return 0;
}

/* What the program may keep, as bits of the first word of its sets. */
BARE static uint32_t kept(const struct spawn_plan *plan)
{
    return plan->chroot_later ? UINT32_C(1) << CAP_SYS_CHROOT : 0;
}

/* Only what the bounding set still holds can become inheritable, so this goes before it. */
BARE int spawn_caps_keep(const struct spawn_plan *plan)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (kept(plan) == 0)
        return 0;
    if (syscall(SYS_capget, &header, data) < 0)
        return errno;
    data[0].inheritable |= kept(plan);
    if (syscall(SYS_capset, &header, data) < 0 ||
        syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return errno;
    return 0;
}

BARE int spawn_caps_drop(const struct spawn_plan *plan)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const struct __user_cap_data_struct wanted = {kept(plan), kept(plan), kept(plan)};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {wanted, {0, 0, 0}};

    if (syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return errno;
    if (syscall(SYS_capset, &header, data) < 0)
        return errno;
    if (syscall(SYS_capget, &header, data) < 0)
        return errno;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t held = data[i].effective | data[i].permitted | data[i].inheritable;
        if ((held & ~(i == 0 ? kept(plan) : 0)) != 0)
            return EPERM;
    }
    if (kept(plan) != 0 &&
        syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0) < 0)
        return errno;
    return 0;
}
