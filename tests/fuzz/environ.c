/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parameters → environment.  The input is a PARAMS stream.
 *
 * Oracles: every variable is NAME=VALUE without a NUL, with a name that may come from the wire (or
 * is the pool's), no two names alike (in any case) unless both are the pool's, none longer than the
 * kernel takes; the pool's and the computed values stand; the script's name lies within what was
 * sent.
 */

#include "pieces.h"
#include <stdbool.h>
#include <strings.h>
#include "wire/environ.h"
#include "wire/reader.h"

static const char *const pool[] = {"HOME=/home/pool", "A=pool", "a=pool", "SCRIPT_NAME=pool", NULL};
static const struct environ_override computed[] = {
    {"SCRIPT_NAME", "computed"}, {"PATH_INFO", "/computed"}, {"QUERY_STRING", NULL}};

static bool is_pool(const char *variable)
{
    for (size_t i = 0; pool[i] != NULL; i++) {
        if (strcmp(pool[i], variable) == 0)
            return true;
    }
    return strncmp(variable, "PATH=", 5) == 0;
}

static void check(const struct environ *e)
{
    unsigned found = 0;

    ORACLE(e->variables[e->count] == NULL);
    for (size_t i = 0; i < e->count; i++) {
        const char *variable = e->variables[i];
        const char *equals = strchr(variable, '=');

        ORACLE(equals != NULL && equals > variable);
        size_t name = (size_t)(equals - variable);

        ORACLE(is_pool(variable) || environ_name_allowed(variable, name));
        ORACLE(strlen(variable) < 131072);
        ORACLE(strncmp(variable, "QUERY_STRING=", 13) != 0);
        found += is_pool(variable) || strcmp(variable, "PATH_INFO=/computed") == 0 ||
                 strncmp(variable, "GATEWAY_INTERFACE=", 18) == 0;
        for (size_t k = 0; k < i && e->count < 500; k++)
            ORACLE(strncasecmp(e->variables[k], variable, name + 1) != 0 ||
                   (is_pool(variable) && is_pool(e->variables[k]) &&
                    strncmp(e->variables[k], variable, name + 1) != 0));
    }
    ORACLE(found == 7); /* the pool's four, PATH, PATH_INFO, GATEWAY_INTERFACE */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct params *p = params_new(&reader_default_limits.params);
    struct environ_request request;
    struct environ e;
    struct error err = ERROR_NONE;
    const char *script;

    ORACLE(p != NULL);
    size_t length = environ_script_path((const char *)data, size, &script);

    ORACLE(script >= (const char *)data && script + length <= (const char *)data + size);
    if (params_feed(p, data, size) == PARAMS_OK && params_finish(p) == 0) {
        int r = environ_request(p, &request, &err);

        ORACLE(r == ENVIRON_OK || (r == ENVIRON_BAD_REQUEST && err.text[0] != '\0'));
        ORACLE(strlen(request.method) <= 64);
        ORACLE(strlen(request.script_filename) <= size);
        r = environ_build(&e, p, computed, 3, pool, &err);
        ORACLE(r == ENVIRON_OK || r == ENVIRON_BAD_REQUEST);
        if (r == ENVIRON_OK)
            check(&e);
        environ_clear(&e);
    }
    params_free(p);
    return 0;
}
