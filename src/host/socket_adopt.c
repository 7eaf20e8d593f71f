/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets that are open already: another gang's, another process's, or handed over. */
#include "host/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "host/socket_inode.h"

static int option(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
}

int socket_check_listening(int fd, struct error *err)
{
    int domain = option(fd, SO_DOMAIN);

    if (domain < 0)
        return error_set(err, EINVAL, "is no socket");
    if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)
        return error_set(err, EINVAL, "is a socket neither of unix nor of the internet");
    if (option(fd, SO_TYPE) != SOCK_STREAM)
        return error_set(err, EINVAL, "is no stream socket; say ListenStream= in its socket unit");
    if (option(fd, SO_ACCEPTCONN) != 1)
        return error_set(err, EINVAL,
                         "does not listen; say ListenStream= and Accept=no in its socket unit");
    return 0;
}

bool socket_is_far(int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t length = sizeof own;

    if (getsockname(fd, (struct sockaddr *)&own, &length) < 0)
        return true;
    if (own.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&own)->sin_addr.s_addr) >> 24 != 127;
    return own.ss_family == AF_INET6 &&
           !IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&own)->sin6_addr);
}

/* Whether the path leads to that socket; where the kernel does not say, whether it was bound to it. */
static bool leads_to(const char *path, int fd, const struct sockaddr_un *own)
{
    struct stat st;

    if (own->sun_path[0] == '\0' || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int r = socket_inode_is(fd, &st);
    return r < 0 ? strncmp(own->sun_path, path, sizeof own->sun_path) == 0 : r == 1;
}

/* Whether `fd` listens there.  The name that a unix socket was bound under says nothing after a
 * rename: its path is asked. */
static bool listens_at(const struct address *a, int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t length = sizeof own;

    if (getsockname(fd, (struct sockaddr *)&own, &length) < 0)
        return false;
    switch (a->family) {
    case ADDRESS_SYSTEMD:
        return true;
    case ADDRESS_UNIX:
        return own.ss_family == AF_UNIX && leads_to(a->text, fd, (const struct sockaddr_un *)&own);
    case ADDRESS_ABSTRACT:
        return own.ss_family == AF_UNIX && length == a->length &&
               memcmp(&own, &a->storage, length) == 0;
    case ADDRESS_INET: {
        const struct sockaddr_in *x = (const struct sockaddr_in *)&own;
        const struct sockaddr_in *y = (const struct sockaddr_in *)&a->storage;
        return x->sin_family == AF_INET && x->sin_port == y->sin_port &&
               x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    case ADDRESS_INET6: {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&own;
        const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&a->storage;
        return x->sin6_family == AF_INET6 && x->sin6_port == y->sin6_port &&
               x->sin6_scope_id == y->sin6_scope_id &&
               memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
    }
    }
    return false;
}

/* What is made in a folder with the set-group-id bit has the folder's group. */
static void group_of_folder(const char *path, gid_t *group)
{
    char folder[ADDRESS_TEXT_MAX];
    size_t length = (size_t)(strrchr(path, '/') - path);
    struct stat st;

    memcpy(folder, path, length);
    folder[length] = '\0';
    if (stat(length == 0 ? "/" : folder, &st) == 0 && (st.st_mode & S_ISGID) != 0)
        *group = st.st_gid;
}

int socket_adopt(const struct socket_plan *plan, int fd, bool ours, struct error *err)
{
    const char *text = plan->address.text;
    int r = socket_check_listening(fd, err);

    if (r < 0)
        return error_wrap(err, "the open socket for %s", text);
    if (!listens_at(&plan->address, fd)) {
        error_set(err, EADDRNOTAVAIL, "the open socket does not listen on %s", text);
        return SOCKET_OTHER;
    }
    if (!ours) {
        r = descriptor_nonblock(fd, plan->nonblock);
        /* Its unit says Backlog=; when we are told nothing, that stays. */
        if (r == 0 && plan->backlog >= 0 && listen(fd, plan->backlog) < 0)
            r = -errno;
        return r < 0 ? error_errno(err, -r, "the open socket for %s", text) : 0;
    }
    /* What was given away once, and is to be no more, comes back to us. */
    struct socket_plan whole = *plan;
    if (whole.owner == (uid_t)-1)
        whole.owner = geteuid();
    if (whole.group == (gid_t)-1) {
        whole.group = getegid();
        if (plan->address.family == ADDRESS_UNIX)
            group_of_folder(text, &whole.group);
    }
    socket_undeafen(fd); /* whoever kept newcomers out is dead */
    return socket_dress(&whole, fd, err);
}
