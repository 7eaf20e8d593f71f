/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: it is heard until its line is there, perhaps it waits, it is answered, and it is
 * closed. */
#include "master/control_struct.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/descriptor.h"

/* ---- answering ---- */

static void hang_up(struct control_link *l)
{
    l->io = sd_event_source_disable_unref(l->io);
    l->timer = sd_event_source_disable_unref(l->timer);
    descriptor_close(&l->fd);
    bytes_clear(&l->answer);
    l->state = CONTROL_FREE;
}

static void set_patience(struct control_link *l, uint64_t patience)
{
    if (sd_event_source_set_time(l->timer, clock_monotonic() + patience) < 0 ||
        sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT) < 0)
        hang_up(l); /* no wait without a deadline */
}

/* Write what can be written. */
static void speak(struct control_link *l)
{
    while (bytes_held(&l->answer) > 0) {
        ssize_t n = write(l->fd, bytes_front(&l->answer), bytes_held(&l->answer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (sd_event_source_set_io_events(l->io, EPOLLOUT) < 0)
                hang_up(l);
            return;
        }
        if (n < 0)
            break;
        bytes_consume(&l->answer, (size_t)n);
        set_patience(l, CONTROL_PATIENCE);
        if (l->state == CONTROL_FREE)
            return;
    }
    hang_up(l);
}

/* The last line.  Room for it is always left: see begin_answer(). */
static void put_verdict(struct control_link *l, int r, const struct error *err)
{
    l->answer.maximum = CONTROL_ANSWER_MAX;
    if (r >= 0)
        (void)bytes_append(&l->answer, "ok\n", 3);
    else
        (void)bytes_printf(&l->answer, "failed: %s\n", err->text);
}

static void finish(struct control_link *l, int r, const struct error *err)
{
    put_verdict(l, r, err);
    l->state = CONTROL_SPEAKING;
    speak(l);
}

void control_link_fail(struct control_link *l, const char *why)
{
    struct error err = ERROR_NONE;

    (void)error_set(&err, EPERM, "%s", why);
    finish(l, -EPERM, &err);
}

/* ---- orders ---- */

static void say_order(const struct control_link *l)
{
    const struct order *o = &l->order;
    char number[16] = "";

    if (o->word == ORDER_PING || o->word == ORDER_TEST)
        return;
    if (o->word == ORDER_SCALE)
        (void)snprintf(number, sizeof(number), " %u", o->number);
    log_write(LOG_LEVEL_NOTICE, NULL, "ordered by uid %u (pid %d): %s%s%s%s", (unsigned)l->uid,
              (int)l->pid, orders_name(o->word), o->pool[0] == '\0' ? "" : " ", o->pool, number);
}

/* Nothing more is expected from the other end; the kernel tells when it is gone altogether, while one
 * that has only stopped writing still gets its answer. */
void control_link_wait(struct control_link *l)
{
    l->state = CONTROL_WAITING;
    if (sd_event_source_set_io_events(l->io, 0) < 0)
        hang_up(l);
    else
        set_patience(l, CONTROL_WAIT);
}

static void obey(struct control_link *l, size_t length)
{
    const struct orders_desk *desk = &l->control->desk;
    struct error err = ERROR_NONE;
    int r = orders_parse(&l->order, l->line, length, &err);

    l->answer.maximum = CONTROL_ANSWER_MAX - ERROR_TEXT_MAX - 16;
    if (r == 0) {
        say_order(l);
        r = desk->give(desk->cookie, &l->order, &l->answer, &err);
    }
    if (r == ORDERS_PENDING)
        control_link_wait(l);
    else
        finish(l, r, &err);
}

void control_link_look(struct control_link *l)
{
    const struct orders_desk *desk = &l->control->desk;
    struct error err = ERROR_NONE;
    int r = desk->look(desk->cookie, &l->order, &l->answer, &err);

    if (r != ORDERS_PENDING)
        finish(l, r, &err);
}

/* ---- hearing ---- */

/* read(), and not recvmsg(): without room for control data the kernel drops every descriptor that was
 * sent along, and none is ever ours. */
static void hear(struct control_link *l)
{
    ssize_t n = read(l->fd, l->line + l->held, sizeof(l->line) - l->held);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0 || (n == 0 && l->held == 0)) {
        hang_up(l);
        return;
    }
    if (n == 0) {
        control_link_fail(l, "the line has no end");
        return;
    }
    const char *end = memchr(l->line + l->held, '\n', (size_t)n);
    l->held += (size_t)n;
    if (end != NULL)
        obey(l, (size_t)(end - l->line));
    else if (l->held == sizeof(l->line))
        obey(l, l->held); /* refused as too long */
}

static int on_link(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct control_link *l = userdata;

    (void)source;
    (void)fd;
    switch (l->state) {
    case CONTROL_HEARING:
        hear(l);
        break;
    case CONTROL_WAITING:
        if ((events & (EPOLLHUP | EPOLLERR)) != 0)
            hang_up(l);
        break;
    case CONTROL_SPEAKING:
        speak(l);
        break;
    case CONTROL_FREE:
        break;
    }
    return 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct control_link *l = userdata;

    (void)source;
    (void)usec;
    if (l->state == CONTROL_HEARING)
        control_link_fail(l, "no line came in time");
    else if (l->state == CONTROL_WAITING)
        control_link_fail(l, "it has not settled in time, and goes on");
    else
        hang_up(l);
    return 0;
}

/* ---- beginning and end ---- */

int control_link_open(struct control *c, struct control_link *l, int fd, uint32_t events)
{
    *l = (struct control_link){.control = c, .fd = fd, .born = clock_monotonic()};
    bytes_init(&l->answer, CONTROL_ANSWER_MAX);
    l->state = CONTROL_HEARING;
    int r = sd_event_add_io(c->loop, &l->io, fd, events, on_link, l);
    if (r >= 0)
        r = sd_event_add_time(c->loop, &l->timer, CLOCK_MONOTONIC, l->born + CONTROL_PATIENCE,
                              CLOCK_MSEC, on_patience, l);
    if (r < 0)
        hang_up(l);
    return r < 0 ? r : 0;
}

void control_link_end(struct control_link *l, const char *failure)
{
    if (l->state == CONTROL_FREE)
        return;
    if (l->state != CONTROL_WAITING || l->order.word != ORDER_QUIT) {
        control_link_fail(l, "ganger is stopping");
        if (l->state != CONTROL_FREE)
            hang_up(l);
        return;
    }
    struct error err = ERROR_NONE;
    if (failure != NULL)
        (void)error_set(&err, EPERM, "%s", failure);
    put_verdict(l, failure == NULL ? 0 : -EPERM, &err);
    (void)!write(l->fd, bytes_front(&l->answer), bytes_held(&l->answer));
    l->fd = -1; /* the kernel closes it when we are gone */
    hang_up(l);
}
