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
    char **variables; /* NAME=VALUE, NULL-terminated, for execve */
    size_t count;
    unsigned dropped; /* parameters refused */
};

enum environ_outcome {
    ENVIRON_OK = 0,
    ENVIRON_BAD_REQUEST = 1, /* a NUL in a value, a bad CONTENT_LENGTH or REQUEST_METHOD: 400 */
};

/* Facts about a request that serving needs, taken out of the parameters and checked. */
struct environ_request {
    const char *method;          /* REQUEST_METHOD, "" when absent (an authorizer) */
    const char *script_filename; /* as environ_script_path() leaves it; "" when absent */
    bool has_content_length;
    uint64_t content_length;
};
/* Pointers live as long as the params (in which a query behind SCRIPT_FILENAME is cut off).  All
 * fields are set whatever the result.  ENVIRON_OK, ENVIRON_BAD_REQUEST (err says why). */
int environ_request(struct params *p, struct environ_request *ret, struct error *err);
/*
 * SCRIPT_FILENAME without what Apache puts around it: *script is set to where the path starts
 * within `sent`, and its length returned.  "proxy:fcgi://…", "proxy:balancer://…" and
 * "proxy:unix:…|fcgi://…" lose everything up to the path and everything from a '?' on; any other
 * text is left as it is.
 */
size_t environ_script_path(const char *sent, size_t length, const char **script);

struct environ_override {
    const char *name;
    const char *value; /* NULL: remove the variable */
};
/*
 * Build.  `computed` (count pairs) overrides parameters; `pool_env` is NULL-terminated NAME=VALUE
 * strings that override everything; PATH is `pool PATH or "/usr/local/bin:/usr/bin:/bin"`, and
 * GATEWAY_INTERFACE is CGI/1.1 unless one of the three says otherwise.
 * ENVIRON_OK; ENVIRON_BAD_REQUEST (a NUL in a value, or a variable longer than the kernel takes:
 * 131071 bytes with name and '='); -ENOMEM.  Unless ENVIRON_OK nothing needs clearing.
 */
int environ_build(struct environ *ret, const struct params *p,
                  const struct environ_override *computed, size_t count,
                  const char *const *pool_env, struct error *err);
void environ_clear(struct environ *e);
/* True when this name may come from the wire. */
bool environ_name_allowed(const char *name, size_t length);
/* True when a well-formed name is one of those that never come from the wire. */
bool environ_denied_match(const char *name, size_t length);
/* The i-th entry of that table ("LD_*", "HOME" …; '*' at the end stands for any rest), NULL past
 * its end.  ganger.conf(5) lists them. */
const char *environ_denied_name(size_t i);

#endif
