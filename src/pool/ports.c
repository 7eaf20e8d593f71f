/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/ports.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
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

static int open_one(struct port *ret, const struct conf_pool *pool, const char *text,
                    struct error *err)
{
    struct socket_plan plan = {0};
    int r = make_plan(&plan, pool, text, err);

    if (r == 0)
        r = socket_listen(&plan, &ret->fd, err);
    if (r == SOCKET_IN_USE || r == SOCKET_NOT_A_SOCKET)
        r = -EADDRINUSE; /* the sentence is in err; a pool treats all of them alike */
    if (r == 0)
        ret->address = plan.address;
    return r;
}

int ports_open(struct ports *ret, const struct conf_pool *pool, struct error *err)
{
    *ret = (struct ports){0};
    ret->items = calloc(pool->listen.count == 0 ? 1 : pool->listen.count, sizeof(*ret->items));
    if (ret->items == NULL)
        return error_errno(err, ENOMEM, "listen");
    for (size_t i = 0; i < pool->listen.count; i++) {
        ret->items[i].fd = -1;
        int r = open_one(&ret->items[i], pool, pool->listen.items[i], err);
        if (r < 0) {
            ports_unlink(ret);
            ports_close(ret);
            return error_wrap(err, "listen = \"%s\"", pool->listen.items[i]) < 0 ? r : -EINVAL;
        }
        ret->count = i + 1;
    }
    return 0;
}

void ports_unlink(struct ports *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].address.family == ADDRESS_UNIX)
            socket_unlink(&p->items[i].address, p->items[i].fd);
    }
}

size_t ports_paths(const struct ports *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->count; i++)
        count += p->items[i].address.family == ADDRESS_UNIX;
    return count;
}

bool ports_paths_waiting(const struct ports *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].address.family == ADDRESS_UNIX && socket_waiting(p->items[i].fd))
            return true;
    }
    return false;
}

void ports_close(struct ports *p)
{
    for (size_t i = 0; i < p->count; i++)
        descriptor_close(&p->items[i].fd);
    free(p->items);
    *p = (struct ports){0};
}
