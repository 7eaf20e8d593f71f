/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_VARIABLES_H
#define GANGER_CTL_VARIABLES_H

/* The parameters of a request: what nginx's fastcgi_params would send for it, then the user's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "ctl/ctl.h"
#include "wire/client.h"

struct variables {
    struct client_param *items; /* names and values owned */
    size_t count;
};

/* What is known about the body. */
struct variables_body {
    bool present;
    bool sized;
    uint64_t length;
    uint64_t data_length, data_modified; /* of what a filter is to filter */
};

/*
 * Build for options->{path,method,headers,params,script,role}.  The path is split at '?', its
 * %XX are decoded for SCRIPT_NAME.  Without a script SCRIPT_FILENAME is the decoded path itself
 * (the document root is "/").  0; -EINVAL with err for a bad path, header or parameter; -ENOMEM.
 */
int variables_build(struct variables *ret, const struct ctl_request_options *options,
                    const struct variables_body *body, struct error *err);
void variables_clear(struct variables *v);
/* The value of `name`, or NULL. */
const char *variables_find(const struct variables *v, const char *name);

#endif
