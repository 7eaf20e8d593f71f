/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bounding set goes first, while CAP_SETPCAP is still effective; it is not taken away from a
 * process that already lacks it, as in many containers.
 */

#include "host/capability.h"

#include <errno.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
    cap_value_t value;
    const char *name;
} needed[] = {
    {CAP_CHOWN, "cap_chown"},               /* owners of sockets, logs, the runtime folder */
    {CAP_DAC_OVERRIDE, "cap_dac_override"}, /* sockets in folders of other users */
    {CAP_DAC_READ_SEARCH,
     "cap_dac_read_search"},      /* programs below folders closed to root's group */
    {CAP_FOWNER, "cap_fowner"},   /* renaming sockets in sticky folders */
    {CAP_KILL, "cap_kill"},       /* ending workers of other users */
    {CAP_SETGID, "cap_setgid"},   /* becoming a pool's group … */
    {CAP_SETUID, "cap_setuid"},   /* … and user */
    {CAP_SETPCAP, "cap_setpcap"}, /* dropping a worker's bounding set */
    {CAP_NET_BIND_SERVICE, "cap_net_bind_service"}, /* ports below 1024 */
    {CAP_NET_ADMIN, "cap_net_admin"},               /* asking the kernel whose socket a path is */
    {CAP_SYS_CHROOT, "cap_sys_chroot"},             /* chroot */
    {CAP_SYS_NICE, "cap_sys_nice"},                 /* process.priority below 0 */
    {CAP_SYS_RESOURCE, "cap_sys_resource"},         /* raising limits, lowering an OOM score */
    {CAP_SYS_PTRACE, "cap_sys_ptrace"},             /* memory of other users' processes in /proc */
};
#define NEEDED (sizeof(needed) / sizeof(needed[0]))

const char *capability_needed(size_t i)
{
    return i < NEEDED ? needed[i].name : NULL;
}

static int is_needed(cap_value_t value)
{
    for (size_t i = 0; i < NEEDED; i++) {
        if (needed[i].value == value)
            return 1;
    }
    return 0;
}

static int drop_bounding(struct error *err)
{
    for (cap_value_t value = 0; value < cap_max_bits(); value++) {
        if (is_needed(value) || cap_get_bound(value) != 1)
            continue;
        if (cap_drop_bound(value) < 0)
            return error_errno(err, errno, "cannot drop capability %d from the bounding set",
                               (int)value);
    }
    return 0;
}

/* Clear in `wanted` every flag of what is not needed, and all of the inheritable set. */
static int reduce(cap_t wanted)
{
    if (cap_clear_flag(wanted, CAP_INHERITABLE) < 0)
        return -1;
    for (cap_value_t value = 0; value < cap_max_bits(); value++) {
        if (is_needed(value))
            continue;
        if (cap_set_flag(wanted, CAP_EFFECTIVE, 1, &value, CAP_CLEAR) < 0 ||
            cap_set_flag(wanted, CAP_PERMITTED, 1, &value, CAP_CLEAR) < 0)
            return -1;
    }
    return 0;
}

int capability_keep_needed(struct error *err)
{
    cap_flag_value_t may_drop = CAP_CLEAR;
    cap_t own = cap_get_proc();
    int r = 0;

    if (own == NULL)
        return error_errno(err, errno, "cannot read the capabilities of this process");
    (void)cap_reset_ambient(); /* EINVAL where the kernel knows no ambient set */
    if (cap_get_flag(own, CAP_SETPCAP, CAP_EFFECTIVE, &may_drop) == 0 && may_drop == CAP_SET)
        r = drop_bounding(err);
    if (r == 0 && (reduce(own) < 0 || cap_set_proc(own) < 0))
        r = error_errno(err, errno, "cannot drop capabilities");
    (void)cap_free(own);
    return r;
}

int capability_enter_root(struct error *err)
{
    if (chroot(".") < 0 || chdir("/") < 0)
        return error_errno(err, errno, "cannot enter the pool's chroot");
    cap_t none = cap_init();
    int r = none == NULL || cap_set_proc(none) < 0
                ? error_errno(err, errno, "cannot give up the right to change the root")
                : 0;
    if (none != NULL)
        (void)cap_free(none);
    if (r == 0 && chroot("/") == 0)
        r = error_set(err, EPERM, "the right to change the root cannot be given up");
    return r;
}
