/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/ports.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/identity.h"

static int make_plan(struct socket_plan *ret, const struct conf_pool *pool, const char *text,
                     struct error *err)
{
    int r = address_parse(&ret->address, text, err);

    if (r < 0)
        return r;
    ret->backlog = pool->listen_backlog < 0         ? -1
                   : pool->listen_backlog > INT_MAX ? INT_MAX
                                                    : (int)pool->listen_backlog;
    ret->owner = (uid_t)-1;
    ret->group = (gid_t)-1;
    ret->mode = (mode_t)pool->listen_mode;
    /* ganger's own workers wait in an event loop; a native program expects a blocking accept(). */
    ret->nonblock = pool->kind != CONF_KIND_FASTCGI;
    if (pool->listen_owner != NULL && identity_user(pool->listen_owner, &ret->owner, err) != 0)
        return error_wrap(err, "listen.owner");
    if (pool->listen_group != NULL && identity_group(pool->listen_group, &ret->group, err) != 0)
        return error_wrap(err, "listen.group");
    return 0;
}

static const struct port *find(const struct ports *p, const char *text)
{
    for (size_t i = 0; p != NULL && i < p->count; i++) {
        const struct port *port = &p->items[i];

        /* A path that is gone cannot come back. */
        if (port->fd >= 0 && !(port->deaf && port->address.family == ADDRESS_UNIX) &&
            strcmp(port->address.text, text) == 0)
            return port;
    }
    return NULL;
}

/* The first one that is not lent itself, or any. */
static const struct port *find_other(const struct ports *const *others, size_t count,
                                     const char *text)
{
    const struct port *any = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct port *found = find(others[i], text);

        if (found != NULL && !found->lent)
            return found;
        any = any == NULL ? found : any;
    }
    return any;
}

/* What the socket is to be for this pool, it becomes when its path does (ports_dress()); only a
 * program that waits in accept() needs one that blocks from the start. */
static int adopt(struct port *ret, const struct port *other, const struct socket_plan *plan,
                 struct error *err)
{
    int fd = descriptor_copy(other->fd);
    if (fd < 0)
        return error_errno(err, -fd, "cannot keep the socket %s", other->address.text);
    if (!plan->nonblock)
        (void)descriptor_nonblock(fd, false);
    if (other->deaf)
        socket_undeafen(fd);
    *ret =
        (struct port){.address = plan->address, .fd = fd, .lent = true, .foreign = other->foreign};
    return 0;
}

/* What somebody listened on before us: systemd, or the ganger before.  INHERITED_NONE, or as
 * ports_open(). */
static int inherit(struct port *ret, const struct conf_pool *pool,
                   const struct pool_context *context, const struct socket_plan *plan,
                   struct error *err)
{
    int r = context->inherited == NULL
                ? INHERITED_NONE
                : inherited_take(context->inherited, plan, &ret->fd, &ret->foreign, err);

    if (r != 0)
        return r;
    ret->address = plan->address;
    if (ret->foreign && pool->listen_allowed_clients.count == 0 && socket_is_far(ret->fd)) {
        descriptor_close(&ret->fd);
        return error_set(
            err, EACCES,
            "other machines can reach that socket of systemd's, and whoever reaches it "
            "runs programs; name the web servers in listen.allowed_clients, or say "
            "ListenStream=127.0.0.1:PORT in its unit");
    }
    return 0;
}

/* `ret_bound`: it is new, and nobody had it before. */
static int open_one(struct port *ret, bool *ret_bound, const struct conf_pool *pool,
                    const struct pool_context *context, const char *text,
                    const struct ports *const *others, size_t count, struct error *err)
{
    struct socket_plan plan = {0};
    int r = make_plan(&plan, pool, text, err);
    const struct port *other = r < 0 ? NULL : find_other(others, count, plan.address.text);

    if (r < 0)
        return r;
    if (other != NULL)
        return adopt(ret, other, &plan, err);
    r = inherit(ret, pool, context, &plan, err);
    if (r != INHERITED_NONE)
        return r;
    *ret_bound = true;
    r = socket_listen(&plan, &ret->fd, err);
    if (r == SOCKET_IN_USE || r == SOCKET_NOT_A_SOCKET)
        r = -EADDRINUSE; /* the sentence is in err; a pool treats all of them alike */
    if (r == 0)
        ret->address = plan.address;
    return r;
}

static void keep(const struct ports *p, const struct port *port, bool bound)
{
    if (p->keeper != NULL && !port->foreign)
        p->keeper->keep(p->keeper->cookie, &port->address, port->fd, bound);
}

static void close_one(const struct ports *p, struct port *port)
{
    if (p->keeper != NULL && !port->foreign && port->fd >= 0)
        p->keeper->drop(p->keeper->cookie, &port->address, port->fd);
    descriptor_close(&port->fd);
}

int ports_open_beside(struct ports *ret, const struct conf_pool *pool,
                      const struct pool_context *context, const struct ports *const *others,
                      size_t count, struct error *err)
{
    *ret = (struct ports){.keeper = context->keeper};
    ret->items = calloc(pool->listen.count == 0 ? 1 : pool->listen.count, sizeof(*ret->items));
    if (ret->items == NULL)
        return error_errno(err, ENOMEM, "listen");
    for (size_t i = 0; i < pool->listen.count; i++) {
        ret->items[i].fd = -1;
        bool bound = false;
        int r = open_one(&ret->items[i], &bound, pool, context, pool->listen.items[i], others,
                         count, err);
        if (r < 0) {
            ports_unlink(ret);
            ports_close(ret);
            return error_wrap(err, "listen = \"%s\"", pool->listen.items[i]) < 0 ? r : -EINVAL;
        }
        keep(ret, &ret->items[i], bound);
        ret->count = i + 1;
    }
    return 0;
}

int ports_open(struct ports *ret, const struct conf_pool *pool, const struct pool_context *context,
               struct error *err)
{
    return ports_open_beside(ret, pool, context, NULL, 0, err);
}

void ports_thaw(struct ports *p, const struct pool_context *context)
{
    p->keeper = context->keeper;
    for (size_t i = 0; i < p->count; i++) {
        const struct port *port = &p->items[i];

        if (port->fd < 0)
            continue;
        if (!port->foreign)
            keep(p, port, false);
        else if (context->inherited != NULL && !port->lent)
            inherited_note(context->inherited, &port->address, port->fd);
    }
}

static bool same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool dressed_alike(const struct conf_pool *a, const struct conf_pool *b)
{
    return a->listen_backlog == b->listen_backlog && a->listen_mode == b->listen_mode &&
           (a->kind == CONF_KIND_FASTCGI) == (b->kind == CONF_KIND_FASTCGI) &&
           same_name(a->listen_owner, b->listen_owner) &&
           same_name(a->listen_group, b->listen_group);
}

int ports_dress(const struct ports *p, const struct conf_pool *before, const struct conf_pool *pool,
                struct error *err)
{
    if (dressed_alike(before, pool))
        return 0;
    for (size_t i = 0; i < p->count; i++) {
        struct socket_plan plan = {0};
        int r = make_plan(&plan, pool, p->items[i].address.text, err);

        if (r < 0)
            return r;
        if (plan.owner == (uid_t)-1 && before->listen_owner != NULL)
            plan.owner = geteuid();
        if (plan.group == (gid_t)-1 && before->listen_group != NULL)
            plan.group = getegid();
        if (p->items[i].foreign)
            r = descriptor_nonblock(p->items[i].fd, plan.nonblock);
        else
            r = socket_dress(&plan, p->items[i].fd, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool same_address(const struct port *a, const struct port *b)
{
    return a->fd >= 0 && b->fd >= 0 && strcmp(a->address.text, b->address.text) == 0;
}

bool ports_share(const struct ports *a, const struct ports *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (same_address(&a->items[i], &b->items[k]))
                return true;
        }
    }
    return false;
}

void ports_take_paths(struct ports *p, struct ports *from)
{
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; k < from->count; k++) {
            struct port *mine = &p->items[i], *other = &from->items[k];

            if (!mine->lent || other->lent || !same_address(mine, other))
                continue;
            mine->lent = false;
            other->lent = true;
            other->deaf = false;
        }
    }
}

void ports_unlink(struct ports *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct port *port = &p->items[i];

        if (port->address.family == ADDRESS_UNIX && !port->lent && !port->foreign)
            socket_unlink(&port->address, port->fd);
    }
}

void ports_deafen(struct ports *p)
{
    ports_unlink(p);
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].lent || p->items[i].foreign)
            continue;
        socket_deafen(&p->items[i].address, p->items[i].fd);
        p->items[i].deaf = true;
    }
}

size_t ports_own(const struct ports *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->count; i++)
        count += p->items[i].fd >= 0 && !p->items[i].lent;
    return count;
}

bool ports_waiting(const struct ports *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].fd >= 0 && !p->items[i].lent && socket_waiting(p->items[i].fd))
            return true;
    }
    return false;
}

bool ports_sealed(const struct ports *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct port *port = &p->items[i];

        if (port->fd >= 0 && !port->lent &&
            (!port->deaf || port->address.family == ADDRESS_ABSTRACT))
            return false;
    }
    return true;
}

void ports_close_own(struct ports *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!p->items[i].lent)
            close_one(p, &p->items[i]);
    }
}

void ports_close(struct ports *p)
{
    for (size_t i = 0; i < p->count; i++)
        close_one(p, &p->items[i]);
    free(p->items);
    *p = (struct ports){0};
}
