/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_ENDPOINT_H
#define GANGER_CONF_ENDPOINT_H

/* Addresses as text: enough to tell a bad one with its line, and two that are the same. */

#include <stdbool.h>
#include "base/error.h"

enum endpoint_family { ENDPOINT_PATH, ENDPOINT_ABSTRACT, ENDPOINT_TCP, ENDPOINT_SYSTEMD };

#define ENDPOINT_PATH_MAX 107 /* bytes of sun_path, without the NUL */
#define ENDPOINT_NAME_MAX 247 /* of systemd: with the prefix it fits an address's text */

struct endpoint {
    enum endpoint_family family;
    bool loopback;       /* of TCP: only this machine can reach it */
    char canonical[256]; /* equal for addresses that cannot both be listened on */
};

enum endpoint_outcome { ENDPOINT_INVALID = 1 };

/* "/path", "@name", "127.0.0.1:9000", "localhost:9000", "[::1]:9000", "9000", "systemd:NAME".
 * 0, or ENDPOINT_INVALID with err. */
int endpoint_parse(struct endpoint *ret, const char *text, struct error *err);
/* Is `text` a path that is relative, and no other kind of address? */
bool endpoint_is_relative_path(const char *text);
/* An address or CIDR block of listen.allowed_clients.  0, or ENDPOINT_INVALID with err. */
int endpoint_check_client(const char *text, struct error *err);

#endif
