/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters in the order in which nginx sends them.  Invariant: no name is in the list twice; a
 * later setting replaces the value in place.
 */

#include "ctl/variables.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/number.h"
#include "base/text.h"
#include "wire/record.h"

static struct client_param *find(const struct variables *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->items[i].name, name) == 0)
            return &v->items[i];
    }
    return NULL;
}

const char *variables_find(const struct variables *v, const char *name)
{
    const struct client_param *item = find(v, name);
    return item == NULL ? NULL : item->value;
}

static void unset(struct variables *v, const char *name)
{
    struct client_param *item = find(v, name);
    if (item == NULL)
        return;
    free((char *)(uintptr_t)item->name);
    free((char *)(uintptr_t)item->value);
    size_t behind = v->count - (size_t)(item - v->items) - 1;
    memmove(item, item + 1, behind * sizeof *item);
    v->count--;
}

static int set(struct variables *v, const char *name, const char *value)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return -ENOMEM;
    struct client_param *item = find(v, name);
    if (item != NULL) {
        free((char *)(uintptr_t)item->value);
        item->value = copy;
        return 0;
    }
    struct client_param *grown = reallocarray(v->items, v->count + 1, sizeof *grown);
    char *name_copy = strdup(name);
    if (grown != NULL)
        v->items = grown;
    if (grown == NULL || name_copy == NULL) {
        free(copy);
        free(name_copy);
        return -ENOMEM;
    }
    v->items[v->count++] = (struct client_param){.name = name_copy, .value = copy};
    return 0;
}

static int hex_digit(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decode %XX in place.  -EINVAL for %00, which no CGI variable can hold. */
static int decode_path(char *path)
{
    char *out = path;
    for (const char *in = path; *in != '\0'; in++) {
        int high = in[0] == '%' ? hex_digit(in[1]) : -1;
        int low = high >= 0 ? hex_digit(in[2]) : -1;
        if (low < 0) {
            *out++ = *in;
            continue;
        }
        if (high == 0 && low == 0)
            return -EINVAL;
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *out = '\0';
    return 0;
}

/* SCRIPT_FILENAME and DOCUMENT_ROOT for --script: absolute, its folder. */
static int set_script(struct variables *v, const char *script)
{
    char *folder = script[0] == '/' ? strdup("") : getcwd(NULL, 0);
    char *whole =
        folder == NULL ? NULL : text_format("%s%s%s", folder, script[0] == '/' ? "" : "/", script);
    free(folder);
    if (whole == NULL)
        return -ENOMEM;
    int rc = set(v, "SCRIPT_FILENAME", whole);
    char *slash = strrchr(whole, '/');
    slash[slash == whole ? 1 : 0] = '\0';
    if (rc == 0)
        rc = set(v, "DOCUMENT_ROOT", whole);
    free(whole);
    return rc;
}

struct pair {
    const char *name;
    const char *value;
};

static int set_all(struct variables *v, const struct pair *pairs, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = set(v, pairs[i].name, pairs[i].value);
    return rc;
}

/* FastCGI section 6.4. */
static int set_filter(struct variables *v, const struct variables_body *body)
{
    char length[NUMBER_TEXT_MAX], modified[NUMBER_TEXT_MAX];
    snprintf(length, sizeof length, "%llu", (unsigned long long)body->data_length);
    snprintf(modified, sizeof modified, "%llu", (unsigned long long)body->data_modified);
    const struct pair pairs[] = {{"FCGI_DATA_LENGTH", length}, {"FCGI_DATA_LAST_MOD", modified}};
    return set_all(v, pairs, sizeof pairs / sizeof pairs[0]);
}

static int set_defaults(struct variables *v, const struct ctl_request_options *o,
                        const struct variables_body *body, const char *uri, const char *path,
                        const char *query)
{
    char length[NUMBER_TEXT_MAX] = "";
    if (body->present && body->sized)
        snprintf(length, sizeof length, "%llu", (unsigned long long)body->length);
    const char *method = o->method != NULL ? o->method : body->present ? "POST" : "GET";
    const char *type = body->present ? "application/x-www-form-urlencoded" : "";
    const struct pair pairs[] = {
        {"QUERY_STRING", query},
        {"REQUEST_METHOD", method},
        {"CONTENT_TYPE", type},
        {"CONTENT_LENGTH", length},
        {"SCRIPT_NAME", path},
        {"REQUEST_URI", uri},
        {"DOCUMENT_URI", path},
        {"DOCUMENT_ROOT", "/"},
        {"SCRIPT_FILENAME", path},
        {"SERVER_PROTOCOL", "HTTP/1.1"},
        {"REQUEST_SCHEME", "http"},
        {"GATEWAY_INTERFACE", "CGI/1.1"},
        {"SERVER_SOFTWARE", "gangerctl/" GANGER_VERSION},
        {"REMOTE_ADDR", "127.0.0.1"},
        {"REMOTE_PORT", "0"},
        {"SERVER_ADDR", "127.0.0.1"},
        {"SERVER_PORT", "80"},
        {"SERVER_NAME", "localhost"},
        {"REDIRECT_STATUS", "200"},
        {"HTTP_HOST", "localhost"},
        {"HTTP_USER_AGENT", "gangerctl/" GANGER_VERSION},
        {"HTTP_ACCEPT", "*/*"},
    };
    int rc = set_all(v, pairs, sizeof pairs / sizeof pairs[0]);
    /* An authorizer is asked about a request; it gets no body (FastCGI section 6.3). */
    if (rc == 0 && o->role == FCGI_AUTHORIZER)
        unset(v, "CONTENT_LENGTH");
    if (rc == 0 && o->role == FCGI_FILTER)
        rc = set_filter(v, body);
    if (rc == 0 && o->script != NULL)
        rc = set_script(v, o->script);
    return rc;
}

static int set_path(struct variables *v, const struct ctl_request_options *o,
                    const struct variables_body *body, struct error *err)
{
    const char *uri = o->path == NULL ? "/" : o->path;
    if (uri[0] != '/')
        return error_set(err, EINVAL, "the path \"%s\" must begin with '/'", uri);
    const char *mark = strchr(uri, '?');
    char *path = strndup(uri, mark == NULL ? strlen(uri) : (size_t)(mark - uri));
    if (path == NULL)
        return error_set(err, ENOMEM, "no memory");
    int rc = decode_path(path);
    if (rc < 0)
        rc = error_set(err, EINVAL, "%%00 in a path cannot be sent: no variable can hold it");
    else if (set_defaults(v, o, body, uri, path, mark == NULL ? "" : mark + 1) < 0)
        rc = error_set(err, ENOMEM, "no memory");
    free(path);
    return rc;
}

/* "Accept-Language" → "HTTP_ACCEPT_LANGUAGE"; the two that CGI names otherwise. */
static char *header_variable(const char *name, size_t length)
{
    char *text = text_format("HTTP_%.*s", (int)length, name);
    for (char *c = text; c != NULL && *c != '\0'; c++)
        *c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
    if (text != NULL &&
        (strcmp(text, "HTTP_CONTENT_TYPE") == 0 || strcmp(text, "HTTP_CONTENT_LENGTH") == 0))
        memmove(text, text + 5, strlen(text + 5) + 1);
    return text;
}

/* "Name: value"; "Name:" sends none; a second one of a name is joined, as web servers do. */
static int add_header(struct variables *v, const char *header, bool again, struct error *err)
{
    size_t length = strcspn(header, ":");
    if (length == 0 || length > 1024 || header[length] != ':')
        return error_set(err, EINVAL, "-H \"%s\": it must read 'Name: value'", header);
    const char *value = header + length + 1 + strspn(header + length + 1, " \t");
    char *name = header_variable(header, length);
    int rc = name == NULL ? -ENOMEM : 0;
    if (rc == 0 && *value == '\0') {
        unset(v, name);
    } else if (rc == 0) {
        const char *old = again ? variables_find(v, name) : NULL;
        const char *between = strcmp(name, "HTTP_COOKIE") == 0 ? "; " : ", ";
        char *joined =
            text_format("%s%s%s", old == NULL ? "" : old, old == NULL ? "" : between, value);
        rc = joined == NULL ? -ENOMEM : set(v, name, joined);
        free(joined);
    }
    free(name);
    return rc < 0 ? error_set(err, ENOMEM, "no memory") : 0;
}

/* True when one of the headers before number `i` has the same name. */
static bool seen_before(const struct ctl_request_options *o, size_t i)
{
    size_t length = strcspn(o->headers[i], ":") + 1;
    for (size_t k = 0; k < i; k++) {
        if (strncasecmp(o->headers[k], o->headers[i], length) == 0)
            return true;
    }
    return false;
}

static int add_param(struct variables *v, const char *param, struct error *err)
{
    size_t length = strcspn(param, "=");
    char *name = strndup(param, length);
    int rc = name == NULL ? -ENOMEM : 0;
    if (rc == 0 && param[length] == '\0')
        unset(v, name);
    else if (rc == 0)
        rc = set(v, name, param + length + 1);
    free(name);
    return rc < 0 ? error_set(err, ENOMEM, "no memory") : 0;
}

int variables_build(struct variables *ret, const struct ctl_request_options *options,
                    const struct variables_body *body, struct error *err)
{
    memset(ret, 0, sizeof *ret);
    int rc = set_path(ret, options, body, err);
    for (size_t i = 0; rc == 0 && i < options->header_count; i++)
        rc = add_header(ret, options->headers[i], seen_before(options, i), err);
    for (size_t i = 0; rc == 0 && i < options->param_count; i++)
        rc = add_param(ret, options->params[i], err);
    if (rc < 0)
        variables_clear(ret);
    return rc;
}

void variables_clear(struct variables *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free((char *)(uintptr_t)v->items[i].name);
        free((char *)(uintptr_t)v->items[i].value);
    }
    free(v->items);
    v->items = NULL;
    v->count = 0;
}
