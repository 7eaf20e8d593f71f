/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The environment is gathered from the highest precedence to the lowest, and the first of a name
 * wins: the pool's env (from its last entry), what ganger computed, then the parameters from the
 * last to the first, those in capitals before the others (so that "Path_Info" can never stand for
 * PATH_INFO).  A set of the names taken, compared without case, makes that one look-up each.
 *
 * Invariant: variables has room for every candidate and a NULL from the start; count only grows.
 */

#include "wire/environ.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/number.h"
#include "base/text.h"

enum {
    STRING_MAX = 131071, /* MAX_ARG_STRLEN of the kernel without the NUL: NAME=VALUE */
    METHOD_MAX = 64,
    SHOWN_MAX = 100, /* bytes of a foreign name or value in an error text */
};

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

struct taken {
    const char *name;
    size_t length;
};

struct builder {
    struct environ *env;
    struct taken *set; /* open addressing; size is a power of two, at most half full */
    size_t mask;
};

/* ---- the set of names ------------------------------------------------------------------- */

static size_t hash(const char *name, size_t length)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a over the capitals */

    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint64_t)toupper((unsigned char)name[i])) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static struct taken *place(const struct builder *b, const char *name, size_t length)
{
    size_t i = hash(name, length) & b->mask;

    while (b->set[i].name != NULL &&
           (b->set[i].length != length || strncasecmp(b->set[i].name, name, length) != 0))
        i = (i + 1) & b->mask;
    return &b->set[i];
}

/* ---- names and values ------------------------------------------------------------------- */

static bool name_valid(const char *name, size_t length)
{
    if (length == 0 || isdigit((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c >= 0x80 || (!isalnum(c) && c != '_'))
            return false;
    }
    return true;
}

bool environ_name_allowed(const char *name, size_t length)
{
    return name_valid(name, length) && !environ_denied_match(name, length);
}

static bool is_capital(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (islower((unsigned char)name[i]))
            return false;
    }
    return true;
}

static int bad_request(struct error *err, const char *what, const char *text, size_t length)
{
    char shown[SHOWN_MAX * 4 + 8];

    text_escape_fixed(shown, sizeof shown, text, length < SHOWN_MAX ? length : SHOWN_MAX);
    error_set(err, EINVAL, "%s: \"%s\"", what, shown);
    return ENVIRON_BAD_REQUEST;
}

static int check_values(const struct params *p, struct error *err)
{
    const char *name, *value;
    size_t name_length, value_length;

    for (size_t i = 0; i < params_count(p); i++) {
        params_get(p, i, &name, &name_length, &value, &value_length);
        if (value_length > 0 && memchr(value, '\0', value_length) != NULL)
            return bad_request(err, "a NUL in the value of the parameter", name, name_length);
    }
    return ENVIRON_OK;
}

/* ---- facts ------------------------------------------------------------------------------ */

static int take_method(const struct params *p, struct environ_request *ret, struct error *err)
{
    size_t length;
    const char *method = params_find(p, "REQUEST_METHOD", &length);

    ret->method = "";
    if (method == NULL)
        return ENVIRON_OK;
    if (length == 0 || length > METHOD_MAX)
        return bad_request(err, "REQUEST_METHOD is empty or too long", method, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)method[i];

        /* RFC 9110 token: visible ASCII without delimiters */
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
            return bad_request(err, "REQUEST_METHOD is not a method", method, length);
    }
    ret->method = method;
    return ENVIRON_OK;
}

static int take_length(const struct params *p, struct environ_request *ret, struct error *err)
{
    size_t length;
    const char *text = params_find(p, "CONTENT_LENGTH", &length);

    ret->has_content_length = false;
    ret->content_length = 0;
    if (text == NULL || length == 0) /* RFC 3875 section 4.1.2: "" is unset */
        return ENVIRON_OK;
    if (number_parse_bytes(text, length, INT64_MAX, &ret->content_length) < 0) {
        ret->content_length = 0;
        return bad_request(err, "CONTENT_LENGTH is not a number", text, length);
    }
    ret->has_content_length = true;
    return ENVIRON_OK;
}

int environ_request(struct params *p, struct environ_request *ret, struct error *err)
{
    *ret = (struct environ_request){.method = "", .script_filename = ""};
    int r = check_values(p, err);

    if (r == ENVIRON_OK)
        r = take_method(p, ret, err);
    if (r == ENVIRON_OK)
        r = take_length(p, ret, err);
    size_t length;
    const char *sent = params_find(p, "SCRIPT_FILENAME", &length);

    if (sent != NULL) {
        size_t size = environ_script_path(sent, length, &ret->script_filename);

        params_cut(p, "SCRIPT_FILENAME", (size_t)(ret->script_filename - sent) + size);
    }
    return r;
}

/* ---- building --------------------------------------------------------------------------- */

static int add(struct builder *b, const char *name, size_t name_length, const char *value,
               size_t value_length)
{
    char *text = malloc(name_length + 1 + value_length + 1);

    if (text == NULL)
        return -ENOMEM;
    memcpy(text, name, name_length);
    text[name_length] = '=';
    memcpy(text + name_length + 1, value, value_length);
    text[name_length + 1 + value_length] = '\0';
    b->env->variables[b->env->count++] = text;
    return 0;
}

static void take(const struct builder *b, const char *name, size_t length)
{
    *place(b, name, length) = (struct taken){.name = name, .length = length};
}

/* The pool may hold names that differ only in case (no_proxy and NO_PROXY): exact look-up. */
static int add_pool(struct builder *b, const char *const *pool_env, size_t count)
{
    bool has_path = false;

    for (size_t i = count; i-- > 0;) {
        const char *equals = strchr(pool_env[i], '=');
        size_t length = equals == NULL ? 0 : (size_t)(equals - pool_env[i]);
        bool later = false;

        if (length == 0)
            continue; /* the configuration's check does not let this through */
        for (size_t k = i + 1; k < count && !later; k++)
            later = strncmp(pool_env[i], pool_env[k], length + 1) == 0;
        if (later)
            continue;
        take(b, pool_env[i], length);
        has_path = has_path || (length == 4 && memcmp(pool_env[i], "PATH", 4) == 0);
        int r = add(b, pool_env[i], length, equals + 1, strlen(equals + 1));

        if (r < 0)
            return r;
    }
    if (has_path)
        return 0;
    take(b, "PATH", 4);
    return add(b, "PATH", 4, default_path, sizeof default_path - 1);
}

static int add_computed(struct builder *b, const struct environ_override *computed, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        const char *name = computed[i].name;
        size_t length = strlen(name);
        int r = 0;

        if (place(b, name, length)->name != NULL)
            continue;
        take(b, name, length);
        if (computed[i].value != NULL)
            r = add(b, name, length, computed[i].value, strlen(computed[i].value));
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_param(struct builder *b, const char *name, size_t name_length, const char *value,
                     size_t value_length, struct error *err)
{
    const struct taken *t = place(b, name, name_length);

    if (t->name != NULL) {
        if (memcmp(t->name, name, name_length) != 0)
            b->env->dropped++;
        return 0;
    }
    take(b, name, name_length);
    if (name_length == 15 && memcmp(name, "SCRIPT_FILENAME", 15) == 0)
        value_length = environ_script_path(value, value_length, &value);
    if (name_length + 1 + value_length > STRING_MAX)
        return bad_request(err, "too long for an environment variable", name, name_length);
    return add(b, name, name_length, value, value_length);
}

static int add_params(struct builder *b, const struct params *p, bool capital, struct error *err)
{
    const char *name, *value;
    size_t name_length, value_length;

    for (size_t i = params_count(p); i-- > 0;) {
        params_get(p, i, &name, &name_length, &value, &value_length);
        bool allowed = environ_name_allowed(name, name_length);

        if (!allowed && capital)
            b->env->dropped++; /* counted in one of the two passes */
        if (!allowed || is_capital(name, name_length) != capital)
            continue;
        int r = add_param(b, name, name_length, value, value_length, err);

        if (r != 0)
            return r;
    }
    return 0;
}

static int gather(struct builder *b, const struct params *p,
                  const struct environ_override *computed, size_t count,
                  const char *const *pool_env, size_t pool_count, struct error *err)
{
    static const struct environ_override gateway = {"GATEWAY_INTERFACE", "CGI/1.1"};
    int r = add_pool(b, pool_env, pool_count);

    if (r == 0)
        r = add_computed(b, computed, count);
    if (r == 0)
        r = add_params(b, p, true, err);
    if (r == 0)
        r = add_computed(b, &gateway, 1);
    if (r == 0)
        r = add_params(b, p, false, err);
    return r;
}

int environ_build(struct environ *ret, const struct params *p,
                  const struct environ_override *computed, size_t count,
                  const char *const *pool_env, struct error *err)
{
    struct builder b = {.env = ret};
    size_t pool_count = 0;
    size_t size = 16;

    *ret = (struct environ){0};
    int r = check_values(p, err);

    if (r != ENVIRON_OK)
        return r;
    while (pool_env != NULL && pool_env[pool_count] != NULL)
        pool_count++;
    size_t candidates = params_count(p) + count + pool_count + 2; /* PATH, GATEWAY_INTERFACE */

    while (size < candidates * 2)
        size *= 2;
    b.mask = size - 1;
    b.set = calloc(size, sizeof *b.set);
    ret->variables = calloc(candidates + 1, sizeof *ret->variables);
    r = b.set == NULL || ret->variables == NULL
            ? -ENOMEM
            : gather(&b, p, computed, count, pool_env, pool_count, err);
    free(b.set);
    if (r != 0) {
        unsigned dropped = ret->dropped;

        environ_clear(ret);
        ret->dropped = dropped;
        if (r < 0)
            error_set(err, ENOMEM, "out of memory");
    }
    return r;
}

void environ_clear(struct environ *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->variables[i]);
    free(e->variables);
    *e = (struct environ){0};
}
