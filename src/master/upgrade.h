/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_UPGRADE_H
#define GANGER_MASTER_UPGRADE_H

/*
 * The master becomes another binary and keeps its pid, its workers, sockets, boards and pipes.
 *
 * The old image writes all it knows into sealed memory (upgrade_state.h), and has the new binary read
 * that in a child (`ganger --adopt-check FD`): all of it, every descriptor looked at, every board
 * mapped, every pool planned, and nothing touched.  Only when the child has said so within
 * UPGRADE_PATIENCE and ended with status 0 does the master write the state anew and exec.  Up to that
 * point nothing has changed, and whatever is wrong with the new binary (it is missing, truncated,
 * hangs, is of an older version) costs one line in the log.
 *
 * What was thought of:
 *
 * - The exec itself fails (the file was changed since): it comes back, the descriptors are
 *   close-on-exec again, the old image goes on.
 * - The new image fails to take over what it could read a moment before (no memory): it says why,
 *   ends what it cannot manage (SIGTERM, then SIGKILL), and starts afresh from its configuration file,
 *   as a service manager would have it.  A new image that crashes is beyond help: workers see their
 *   channel's end, or their parent's death, and finish what they have in hand.
 * - Signals are blocked when the new image begins, stay so, and those that are pending stay pending.
 *   The exec waits until the loop has handed out every signal that it has read already.
 * - Children that die meanwhile stay zombies of this pid; the new image collects them first of all.
 *   A worker in the middle of its exec has its report pipe carried over.  Its parent's death signal
 *   is not sent: the process has not died.
 * - Descriptors are close-on-exec until the moment before the exec, so no worker ever inherits one.
 *   The new image closes what was let through and is not named in the state.  FD numbers, types,
 *   addresses, seals, sizes and pids are checked; nothing on a board is believed.
 * - The log is opened anew by its path.  The pid files stay, with their locks; the control socket is
 *   the same one, so its inode stays; whoever waits for `upgrade` there is answered by the new image,
 *   whoever waits for something else sees the connection end.
 * - root's capabilities after the exec are the bounding set, which was cut to what is needed; an
 *   ordinary user's ambient ones stay.  The limits stay as they are; what workers start from
 *   (RLIMIT_NOFILE as the first image was born with) is in the state.
 * - argv and environment stay, plus one variable that the new image takes away first of all, and
 *   without LISTEN_FDS and its like, which speak of descriptors that are long something else.
 *   NOTIFY_SOCKET and the watchdog's variables name this pid, and go on holding.  A daemon does not
 *   become one a second time.
 * - It waits while ganger starts, and for UPGRADE_HOLD while pools change; all generations of a pool
 *   are carried over, the coming, the current, and those that go.  A second order during the first is refused; one that
 *   comes with the exec is pending, and carried out by the new image.  While ganger stops there is no
 *   upgrade, and an order to stop calls off the one that is under way.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/sanitized.h"
#include "base/state.h"
#include "pool/frozen.h"

/* For the child's answer; sanitizers take their time. */
#define UPGRADE_PATIENCE ((SANITIZED ? 10 : 5) * CLOCK_SEC)
/* How long it waits patiently. */
#define UPGRADE_HOLD (10 * CLOCK_SEC)
/* The environment variable that names the state's descriptor. */
#define UPGRADE_VARIABLE "GANGER_ADOPT"
/* The last line of a child that could read all of it. */
#define UPGRADE_ANSWER "ganger --adopt-check: the state can be taken over\n"

struct upgrade;

struct upgrade_desk {
    void *cookie;
    /* Why it cannot be now but can soon; NULL when it can.  `patient`: also what is only better
     * waited for. */
    const char *(*hold)(void *cookie, bool patient);
    /* A signal was read from the kernel and is not yet handed out. */
    bool (*heard)(void *cookie);
    /* Write everything, and name every descriptor of it. */
    int (*freeze)(void *cookie, struct state *to, struct frozen_fds *fds, struct error *err);
    /* It has failed: upgrade_look() tells why. */
    void (*failed)(void *cookie);
};

struct upgrade_options {
    char *const *argv; /* of this process; borrowed */
    const char *path;  /* of the binary; copied */
};

/* 0 or negative.  *desk is copied. */
int upgrade_new(struct upgrade **ret, sd_event *loop, const struct upgrade_options *options,
                const struct upgrade_desk *desk, struct error *err);
/* Call off what is under way.  NULL is allowed; returns NULL. */
struct upgrade *upgrade_free(struct upgrade *u);
/* Begin.  0; negative when one is under way already. */
int upgrade_order(struct upgrade *u, struct error *err);
/* What held it up may have passed. */
void upgrade_settled(struct upgrade *u);
/* Call it off: `why` is logged. */
void upgrade_cancel(struct upgrade *u, const char *why);
/* A child is dead.  True when it was the one that tries the new binary. */
bool upgrade_reaped(struct upgrade *u, pid_t pid, int code, int status);
/* UPGRADE_UNDER_WAY; negative with err when the last one failed; 0 when there was none. */
enum { UPGRADE_UNDER_WAY = 1 };
int upgrade_look(const struct upgrade *u, struct error *err);

#endif
