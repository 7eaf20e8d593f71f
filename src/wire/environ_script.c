/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Apache's mod_proxy_fcgi names the script by what it proxies to: "proxy:fcgi://HOST:PORT/PATH",
 * "proxy:balancer://NAME/PATH", "proxy:unix:/SOCKET|fcgi://HOST/PATH", and in some configurations
 * puts the query string behind it.  A '?' in a name without such a prefix belongs to the file.
 */

#include "wire/environ.h"

#include <string.h>
#include <strings.h>

/* Step over `prefix` (any case) at *at. */
static bool skip(const char **at, const char *end, const char *prefix)
{
    size_t length = strlen(prefix);

    if ((size_t)(end - *at) < length || strncasecmp(*at, prefix, length) != 0)
        return false;
    *at += length;
    return true;
}

size_t environ_script_path(const char *sent, size_t length, const char **script)
{
    const char *at = sent;
    const char *end = sent + length;

    *script = sent;
    if (!skip(&at, end, "proxy:"))
        return length;
    if (skip(&at, end, "unix:")) {
        at = memchr(at, '|', (size_t)(end - at));
        if (at == NULL)
            return length;
        at++;
    }
    if (!skip(&at, end, "fcgi://") && !skip(&at, end, "balancer://"))
        return length;
    const char *query = memchr(at, '?', (size_t)(end - at));

    if (query != NULL)
        end = query;
    at = memchr(at, '/', (size_t)(end - at)); /* behind the authority */
    *script = at == NULL ? end : at;
    return (size_t)(end - *script);
}
