/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_CONTROL_H
#define GANGER_MASTER_CONTROL_H

/*
 * The control socket: runtime_directory/control.sock.  A client sends one line (master/orders.h) and
 * is answered with lines, the last of which is "ok" or "failed: WHY"; then the connection ends.  With
 * "wait" in the line the answer comes when what was ordered has settled.
 *
 * Who may: uid 0, the master's own user, and members of control.group; the kernel says who they are.
 * No descriptor is taken from them.  Limits: CONTROL_LINKS connections, CONTROL_PATIENCE for the
 * line and for reading the answer, CONTROL_WAIT for what settles.  Nothing here ever blocks.
 */

#include <sys/types.h>
#include <systemd/sd-event.h>
#include "base/clock.h"
#include "base/error.h"
#include "master/orders.h"

#define CONTROL_LINKS 32u
#define CONTROL_PATIENCE (5 * CLOCK_SEC)
#define CONTROL_WAIT (600 * CLOCK_SEC)
#define CONTROL_ANSWER_MAX (1u << 20) /* bytes of an answer */

struct control;

struct control_options {
    const char *directory; /* runtime_directory */
    gid_t group;           /* whose members may give orders; (gid_t)-1: nobody's */
    int listener;          /* the socket that an upgrade kept, which is taken over; or -1 */
};

/* Bind the socket and listen; *desk is copied.  0 or negative. */
int control_open(struct control **ret, sd_event *loop, const struct control_options *options,
                 const struct orders_desk *desk, struct error *err);
/* Something may have settled: answer those who wait for it. */
void control_settled(struct control *c);

/*
 * The end.  Whoever waits for `quit` is told that it is done, or `failure`, unless that is NULL; their
 * connections stay open until the process has ended, so that they know that, too.  Others who wait
 * are told that ganger stops.  The socket is unlinked.  NULL is allowed; returns NULL.
 */
struct control *control_close(struct control *c, const char *failure);

/* For an upgrade: the listening socket, and the connections that wait for `upgrade` (into fds[], at
 * most CONTROL_LINKS; how many).  All of them stay ours, and close-on-exec. */
int control_listener(const struct control *c);
/* As it was opened with. */
gid_t control_group(const struct control *c);
size_t control_waiting(const struct control *c, int fds[CONTROL_LINKS]);
/* Take over a connection that waits for `upgrade`; look() will be asked about it.  Closes it when that
 * cannot be done. */
void control_adopt(struct control *c, int fd);

#endif
