/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever is still being heard gives way to a newcomer when all places are
 * taken, so that idle connections keep nobody out; who waits or is answered keeps the place.
 */
#include "master/control_struct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "host/peer.h"

#define BACKLOG 128
#define ACCEPT_TURN 16 /* connections accepted in one turn of the loop */
#define REFUSALS_PER_SECOND 5u

/* ---- accepting ---- */

/* One line to somebody who has no place.  What does not fit into an empty socket is not sent. */
static void turn_away(int fd, const char *why)
{
    char text[128];
    int length = snprintf(text, sizeof(text), "failed: %s\n", why);

    if (length > 0)
        (void)!write(fd, text, (size_t)length);
    descriptor_close(&fd);
}

static struct control_link *find_place(struct control *c)
{
    struct control_link *oldest = NULL;

    for (size_t i = 0; i < CONTROL_LINKS; i++) {
        struct control_link *l = &c->links[i];

        if (l->state == CONTROL_FREE)
            return l;
        if (l->state == CONTROL_HEARING && (oldest == NULL || l->born < oldest->born))
            oldest = l;
    }
    if (oldest != NULL)
        control_link_fail(oldest, "too many connections, and this one was silent");
    return oldest != NULL && oldest->state == CONTROL_FREE ? oldest : NULL;
}

/* Takes `fd` over, in all cases.  NULL: there is no place for it. */
static struct control_link *take(struct control *c, int fd, uint32_t events)
{
    struct control_link *l = find_place(c);

    if (l == NULL) {
        turn_away(fd, "too many connections wait; try again");
        return NULL;
    }
    return control_link_open(c, l, fd, events) < 0 ? NULL : l;
}

static bool may_order(const struct control *c, int fd, uid_t uid)
{
    return uid == 0 || uid == geteuid() || (c->group != (gid_t)-1 && peer_in_group(fd, c->group));
}

static void admit(struct control *c, int fd)
{
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    pid_t pid = 0;

    if (peer_identity(fd, &uid, &gid, &pid) < 0 || !may_order(c, fd, uid)) {
        if (log_limit_pass(&c->refusals, clock_monotonic(), REFUSALS_PER_SECOND, NULL))
            log_write(LOG_LEVEL_WARNING, NULL,
                      "control socket: uid %u (pid %d) may not give orders; refused", (unsigned)uid,
                      (int)pid);
        turn_away(fd, "only root, ganger's own user and members of control.group may give orders");
        return;
    }
    struct control_link *l = take(c, fd, EPOLLIN);
    if (l != NULL) {
        l->uid = uid;
        l->pid = pid;
    }
}

static int on_listener(sd_event_source *source, int listener, uint32_t events, void *userdata)
{
    struct control *c = userdata;

    (void)source;
    (void)events;
    for (int i = 0; i < ACCEPT_TURN; i++) {
        int fd = -1;
        int r = peer_accept(listener, &fd);

        if (r == 0) {
            admit(c, fd);
            continue;
        }
        if (r < 0 && log_limit_pass(&c->refusals, clock_monotonic(), 1, NULL))
            log_write(LOG_LEVEL_WARNING, NULL, "control socket: cannot accept: %s", strerror(-r));
        break;
    }
    return 0;
}

/* ---- opening and closing ---- */

static int bind_socket(struct control *c, const struct control_options *o, struct error *err)
{
    struct socket_plan plan = {.backlog = BACKLOG,
                               .owner = (uid_t)-1,
                               .group = o->group,
                               .mode = o->group == (gid_t)-1 ? 0600 : 0660,
                               .nonblock = true};
    char *path = text_format("%s/control.sock", o->directory);
    int r = path == NULL ? error_errno(err, ENOMEM, "no memory")
                         : address_parse(&plan.address, path, err);

    free(path);
    if (r < 0)
        return r;
    c->address = plan.address;
    if (o->listener >= 0) {
        c->fd = o->listener;
        return 0;
    }
    r = socket_listen(&plan, &c->fd, err);
    return r > 0 ? -EADDRINUSE : r;
}

int control_open(struct control **ret, sd_event *loop, const struct control_options *options,
                 const struct orders_desk *desk, struct error *err)
{
    struct control *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return error_errno(err, ENOMEM, "control socket");
    c->loop = sd_event_ref(loop);
    c->desk = *desk;
    c->group = options->group;
    c->fd = -1;
    for (size_t i = 0; i < CONTROL_LINKS; i++)
        c->links[i].fd = -1;
    int r = bind_socket(c, options, err);
    if (r == 0) {
        r = sd_event_add_io(loop, &c->io, c->fd, EPOLLIN, on_listener, c);
        if (r >= 0) /* want of descriptors must not become a busy loop */
            r = sd_event_source_set_ratelimit(c->io, 100 * CLOCK_MSEC, 20);
        if (r < 0)
            (void)error_errno(err, -r, "the event loop");
    }
    if (r < 0) {
        (void)control_close(c, NULL);
        return error_wrap(err, "control socket") < 0 ? r : -EINVAL;
    }
    *ret = c;
    return 0;
}

struct control *control_close(struct control *c, const char *failure)
{
    if (c == NULL)
        return NULL;
    for (size_t i = 0; i < CONTROL_LINKS; i++)
        control_link_end(&c->links[i], failure);
    c->io = sd_event_source_disable_unref(c->io);
    if (c->fd >= 0)
        socket_unlink(&c->address, c->fd);
    descriptor_close(&c->fd);
    sd_event_unref(c->loop);
    free(c);
    return NULL;
}

/* ---- questions and upgrades ---- */

void control_settled(struct control *c)
{
    for (size_t i = 0; i < CONTROL_LINKS; i++) {
        if (c->links[i].state == CONTROL_WAITING)
            control_link_look(&c->links[i]);
    }
}

int control_listener(const struct control *c)
{
    return c->fd;
}

gid_t control_group(const struct control *c)
{
    return c->group;
}

size_t control_waiting(const struct control *c, int fds[CONTROL_LINKS])
{
    size_t count = 0;

    for (size_t i = 0; i < CONTROL_LINKS; i++) {
        if (c->links[i].state == CONTROL_WAITING && c->links[i].order.word == ORDER_UPGRADE)
            fds[count++] = c->links[i].fd;
    }
    return count;
}

void control_adopt(struct control *c, int fd)
{
    struct control_link *l = take(c, fd, 0);

    if (l == NULL)
        return;
    l->order = (struct order){.word = ORDER_UPGRADE, .wait = true};
    control_link_wait(l);
}
