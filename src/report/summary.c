/* SPDX-License-Identifier: Apache-2.0 */
/* Status JSON → struct summary.  Unknown members are ignored, so that an older gangerctl can read a
 * newer ganger. */

#include "report/summary.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The server has escaped its strings; what is left of C0, DEL and C1 becomes '?'. */
static char *text_of(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    char *copy = strdup(value == NULL ? "" : value);
    for (unsigned char *c = (unsigned char *)copy; c != NULL && *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = '?';
    }
    return copy;
}

static uint64_t number_of(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value < 0 ? 0 : (uint64_t)value;
}

static int read_worker(struct summary_worker *ret, const json_t *object)
{
    ret->state = text_of(object, "state");
    ret->method = text_of(object, "request method");
    ret->uri = text_of(object, "request uri");
    ret->script = text_of(object, "script");
    ret->pid = number_of(object, "pid");
    ret->since = number_of(object, "start since");
    ret->requests = number_of(object, "requests");
    ret->duration = number_of(object, "request duration");
    ret->memory = number_of(object, "last request memory");
    ret->cpu = json_number_value(json_object_get(object, "last request cpu"));
    return ret->state == NULL || ret->method == NULL || ret->uri == NULL || ret->script == NULL
               ? -ENOMEM
               : 0;
}

static int read_workers(struct summary_pool *ret, const json_t *array)
{
    size_t count = json_array_size(array);
    if (count == 0)
        return 0;
    ret->workers = calloc(count, sizeof *ret->workers);
    if (ret->workers == NULL)
        return -ENOMEM;
    ret->worker_count = count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_worker(&ret->workers[i], json_array_get(array, i));
    return rc;
}

static int read_pool(struct summary_pool *ret, const json_t *object)
{
    ret->name = text_of(object, "pool");
    ret->kind = text_of(object, "kind");
    ret->pm = text_of(object, "process manager");
    ret->state = text_of(object, "state");
    ret->reason = text_of(object, "reason");
    ret->listen = text_of(object, "listen");
    ret->since = number_of(object, "start since");
    ret->idle = number_of(object, "idle processes");
    ret->active = number_of(object, "active processes");
    ret->total = number_of(object, "total processes");
    ret->limit = number_of(object, "max children");
    ret->queue = number_of(object, "listen queue");
    ret->queue_limit = number_of(object, "listen queue len");
    ret->requests = number_of(object, "requests");
    ret->failed = number_of(object, "failed requests");
    if (ret->name == NULL || ret->kind == NULL || ret->pm == NULL || ret->state == NULL ||
        ret->reason == NULL || ret->listen == NULL)
        return -ENOMEM;
    return read_workers(ret, json_object_get(object, "processes"));
}

int summary_parse(struct summary *ret, const void *json, size_t length, struct error *err)
{
    json_error_t where;
    memset(ret, 0, sizeof *ret);
    json_t *root = json_loadb(json, length, 0, &where);
    if (root == NULL)
        return error_set(err, EPROTO, "the status is no JSON (byte %d)", where.position);
    const json_t *pools = json_object_get(root, "pools");
    bool single = json_is_string(json_object_get(root, "pool"));
    if (!single && !json_is_array(pools)) {
        json_decref(root);
        return error_set(err, EPROTO, "the status holds no pools: is this ganger's status socket?");
    }
    size_t count = single ? 1 : json_array_size(pools);
    int rc = 0;
    ret->pools = calloc(count > 0 ? count : 1, sizeof *ret->pools);
    if (ret->pools == NULL)
        rc = -ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        ret->count = i + 1;
        rc = read_pool(&ret->pools[i], single ? root : json_array_get(pools, i));
    }
    json_decref(root);
    if (rc < 0) {
        summary_clear(ret);
        return error_set(err, ENOMEM, "no memory");
    }
    return 0;
}

static void clear_pool(struct summary_pool *p)
{
    char *const texts[] = {p->name, p->kind, p->pm, p->state, p->reason, p->listen};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    for (size_t i = 0; i < p->worker_count; i++) {
        free(p->workers[i].state);
        free(p->workers[i].method);
        free(p->workers[i].uri);
        free(p->workers[i].script);
    }
    free(p->workers);
}

void summary_clear(struct summary *s)
{
    for (size_t i = 0; i < s->count; i++)
        clear_pool(&s->pools[i]);
    free(s->pools);
    memset(s, 0, sizeof *s);
}
