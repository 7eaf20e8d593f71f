/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_HOST_SOCKET_H
#define GANGER_TESTS_HOST_SOCKET_H

/* Sockets in the test's folder; after host_folder.h. */

#include "host/socket.h"

static inline struct socket_plan plan_for(const char *name)
{
    struct socket_plan plan = {
        .backlog = 5, .owner = (uid_t)-1, .group = (gid_t)-1, .mode = 0660, .nonblock = true};
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(address_parse(&plan.address, path, NULL), 0);
    return plan;
}

static inline int must_listen(const struct socket_plan *plan)
{
    struct error err = ERROR_NONE;
    int fd = -1;
    if (socket_listen(plan, &fd, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(fd >= 3);
    return fd;
}

static inline void must_connect(const struct socket_plan *plan)
{
    struct error err = ERROR_NONE;
    int fd = socket_connect(&plan->address, 20000000, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    close(fd);
}

#endif
