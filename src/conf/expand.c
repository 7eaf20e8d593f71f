/* SPDX-License-Identifier: Apache-2.0 */

/*
 * $pool, $NAME and prefix.
 *
 * "$pool" stands for the pool's name anywhere in an option that says so.  An env item whose whole
 * value is "$NAME" takes it from ganger's own environment.  Of two or more dollars before either,
 * one is taken away and nothing replaced, so every text can be written; value.c adds that dollar
 * when it prints.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/text.h"
#include "conf/draft.h"
#include "conf/endpoint.h"
#include "conf/value.h"

#define EXPANDED_MAX (1u << 20) /* bytes of one value */

static int replace_pool(const char *text, const char *name, char **ret)
{
    struct bytes out;
    bytes_init(&out, EXPANDED_MAX);
    int r = 0;
    *ret = NULL;
    for (const char *c = text; r == 0 && *c != '\0';) {
        size_t dollars = strspn(c, "$");
        if (dollars == 0) {
            r = bytes_append(&out, c++, 1);
            continue;
        }
        bool macro = text_starts(c + dollars, "pool");
        r = bytes_append(&out, c, macro ? dollars - 1 : dollars);
        c += dollars;
        if (r == 0 && macro && dollars == 1) {
            r = bytes_printf(&out, "%s", name);
            c += strlen("pool");
        }
    }
    if (r == 0) {
        const char *string = bytes_string(&out);
        *ret = string == NULL ? NULL : strdup(string);
        if (*ret == NULL)
            r = -ENOMEM;
    }
    bytes_clear(&out);
    return r;
}

/* Put "PREFIX/" before *text. */
static int put_before(const char *prefix, char **text)
{
    char *path = text_format("%s%s%s", prefix, text_ends(prefix, "/") ? "" : "/", *text);
    if (path == NULL)
        return -ENOMEM;
    free(*text);
    *text = path;
    return 0;
}

static int expand_path(struct draft *d, struct draft_pool *p, const struct schema_option *o,
                       size_t item, char **text)
{
    struct place where = draft_place(d, p, o->name, item);
    if (**text == '/')
        return 0;
    if ((o->flags & SCHEMA_INSIDE) != 0 && p->pool.chroot != NULL) {
        complaint_error(d->box, &where,
                        "%s: %s is relative; with chroot, an absolute path as "
                        "seen from inside it is needed",
                        o->name, *text);
        return 0;
    }
    if (p->pool.prefix != NULL && **text != '\0')
        return put_before(p->pool.prefix, text);
    complaint_error(d->box, &where, "%s: %s is relative; write an absolute path, or set prefix",
                    o->name, **text == '\0' ? "an empty path" : *text);
    return 0;
}

static int expand_text(struct draft *d, struct draft_pool *p, const struct schema_option *o,
                       size_t item, char **text)
{
    int r = 0;
    if ((o->flags & SCHEMA_EXPAND) != 0 && strchr(*text, '$') != NULL) {
        char *expanded;
        r = replace_pool(*text, p->pool.name, &expanded);
        if (r == -ENOBUFS) {
            struct place where = draft_place(d, p, o->name, item);
            complaint_error(d->box, &where, "%s: too long", o->name);
            return 0;
        }
        if (r < 0)
            return r;
        free(*text);
        *text = expanded;
    }
    if ((o->flags & SCHEMA_PATH) != 0 && ((o->flags & SCHEMA_FIRST) == 0 || item == 0))
        r = expand_path(d, p, o, item, text);
    return r;
}

static bool is_name(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    }
    return true;
}

/* "NAME=$OTHER" before $pool is replaced. */
static int take_environment(struct draft *d, struct draft_pool *p, size_t item, char **text,
                            bool *ret_done)
{
    char *value = strchr(*text, '=');
    *ret_done = false;
    if (value == NULL || value[1] != '$')
        return 0;
    value++;
    size_t dollars = strspn(value, "$");
    const char *name = value + dollars;
    if (!is_name(name) || text_starts(name, "pool"))
        return 0;
    *ret_done = true;
    if (dollars > 1) {
        memmove(value, value + 1, strlen(value));
        return 0;
    }
    const char *found = getenv(name);
    if (found == NULL) {
        struct place where = draft_place(d, p, "env", item);
        complaint_warning(d->box, &where,
                          "env: %s: ganger itself has no %s in its environment; "
                          "the value is empty",
                          *text, name);
        found = "";
    }
    if (value_has_control(found)) {
        struct place where = draft_place(d, p, "env", item);
        complaint_error(d->box, &where,
                        "env: %s: the variable %s of ganger's own environment holds "
                        "a control character",
                        *text, name);
        return 0;
    }
    char *taken = text_format("%.*s%s", (int)(value - *text), *text, found);
    if (taken == NULL)
        return -ENOMEM;
    free(*text);
    *text = taken;
    return 0;
}

static int expand_list(struct draft *d, struct draft_pool *p, const struct schema_option *o,
                       struct conf_list *list)
{
    int r = 0;
    bool is_env = strcmp(o->name, "env") == 0, is_listen = strcmp(o->name, "listen") == 0;
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        bool done = false;
        if (is_env)
            r = take_environment(d, p, i, &list->items[i], &done);
        if (r == 0 && !done)
            r = expand_text(d, p, o, i, &list->items[i]);
        if (r == 0 && is_listen && p->pool.prefix != NULL &&
            endpoint_is_relative_path(list->items[i]))
            r = put_before(p->pool.prefix, &list->items[i]);
    }
    return r;
}

int conf_expand(struct draft *d, struct draft_pool *p)
{
    int r = 0;
    /* prefix first: the others stand on it */
    const struct schema_option *prefix = schema_find(SCHEMA_POOL, "prefix");
    if (p->pool.prefix != NULL) {
        r = expand_text(d, p, prefix, 0, &p->pool.prefix);
        if (r == 0 && p->pool.prefix[0] != '/') {
            struct place where = draft_place(d, p, "prefix", 0);
            complaint_error(d->box, &where, "prefix: %s is not an absolute path", p->pool.prefix);
        }
    }
    for (size_t i = 0; r == 0 && i < schema_count; i++) {
        const struct schema_option *o = &schema_options[i];
        if (o->scope != SCHEMA_POOL || o == prefix || o->status != SCHEMA_SUPPORTED ||
            (o->flags & (SCHEMA_EXPAND | SCHEMA_PATH)) == 0)
            continue;
        void *at = (char *)&p->pool + o->offset;
        if (o->type == SCHEMA_LIST)
            r = expand_list(d, p, o, at);
        else if (*(char **)at != NULL)
            r = expand_text(d, p, o, 0, at);
    }
    return r;
}
