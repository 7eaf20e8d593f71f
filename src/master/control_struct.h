/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_MASTER_CONTROL_STRUCT_H
#define GANGER_MASTER_CONTROL_STRUCT_H

/* The inside of the control socket, for control.c (the socket, and who may come in) and
 * control_link.c (one connection) and nobody else. */

#include "base/bytes.h"
#include "base/log.h"
#include "host/socket.h"
#include "master/control.h"

enum control_state { CONTROL_FREE, CONTROL_HEARING, CONTROL_WAITING, CONTROL_SPEAKING };

struct control_link {
    struct control *control;
    enum control_state state;
    int fd;
    pid_t pid; /* of the other end, for the log */
    uid_t uid;
    uint64_t born; /* monotonic */
    sd_event_source *io, *timer;
    char line[ORDERS_LINE_MAX];
    size_t held;
    struct order order;
    struct bytes answer;
};

struct control {
    sd_event *loop;
    struct orders_desk desk;
    struct address address;
    gid_t group;
    int fd;
    sd_event_source *io;
    struct log_limit refusals;
    struct control_link links[CONTROL_LINKS];
};

/* Begin to hear `fd`, which is taken over in all cases, in the free place `l`.  0 or negative. */
int control_link_open(struct control *c, struct control_link *l, int fd, uint32_t events);
/* Answer "failed: WHY", then hang up; perhaps at once. */
void control_link_fail(struct control_link *l, const char *why);
/* Wait for what was ordered. */
void control_link_wait(struct control_link *l);
/* Ask what has become of the order. */
void control_link_look(struct control_link *l);
/* The master ends; see control_close(). */
void control_link_end(struct control_link *l, const char *failure);

#endif
