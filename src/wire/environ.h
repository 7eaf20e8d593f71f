/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_ENVIRON_H
#define GANGER_WIRE_ENVIRON_H

/*
 * FastCGI parameters → the environment of a CGI program (RFC 3875 section 4.1).
 *
 * Built from nothing.  Precedence: request parameters < what ganger computes (SCRIPT_FILENAME,
 * SCRIPT_NAME, PATH_INFO, GATEWAY_INTERFACE …) < the pool's env.  From the wire come only names of
 * the form [A-Za-z_][A-Za-z0-9_]*, and never HTTP_PROXY (any case), FCGI_*, GANGER_*, PATH, nor the
 * names that steer a loader, shell or interpreter (LD_*, GLIBC_TUNABLES, BASH_ENV, ENV, IFS,
 * PERL5OPT, PYTHONPATH …: the table in environ.c, printed in ganger.conf(5)).  The last of
 * duplicates wins.  Empty names, names that differ only in case from one already taken, and
 * refused names are dropped and counted.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "base/error.h"
#include "wire/params.h"

struct environ {
    char **variables;  /* NAME=VALUE, NULL-terminated, for execve */
    size_t count;
    unsigned dropped;  /* parameters refused */
};

enum environ_outcome {
    ENVIRON_OK = 0,
    ENVIRON_BAD_REQUEST = 1, /* a NUL in a value, a bad CONTENT_LENGTH or REQUEST_METHOD: 400 */
};

/* Facts about a request that serving needs, taken out of the parameters and checked. */
struct environ_request {
    const char *method;          /* REQUEST_METHOD, "" when absent (an authorizer) */
    const char *script_filename; /* as sent, proxy:fcgi:// and proxy:balancer:// prefixes removed; "" */
    bool has_content_length;
    uint64_t content_length;
};
/* Pointers live as long as the params.  ENVIRON_OK, ENVIRON_BAD_REQUEST (err says why). */
int environ_request(const struct params *p, struct environ_request *ret, struct error *err);

struct environ_override {
    const char *name;
    const char *value; /* NULL: remove the variable */
};
/*
 * Build.  `computed` (count pairs) overrides parameters; `pool_env` is NULL-terminated NAME=VALUE
 * strings that override everything; PATH is `pool PATH or "/usr/local/bin:/usr/bin:/bin"`.
 * ENVIRON_OK, ENVIRON_BAD_REQUEST (NUL in a value), -ENOMEM.
 */
int environ_build(struct environ *ret, const struct params *p,
                  const struct environ_override *computed, size_t count,
                  const char *const *pool_env, struct error *err);
void environ_clear(struct environ *e);
/* True when this name may come from the wire. */
bool environ_name_allowed(const char *name, size_t length);

#endif
