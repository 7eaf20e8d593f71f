/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status JSON → struct summary.  Unknown members are ignored, so that an older gangerctl can read a
 * newer ganger.
 *
 * One object after the other has the same members in the same order.  So what a name meant is
 * remembered by its place, and the next object's names are compared with one remembered name each.
 *
 * Invariant: a decoded text and its NUL are never longer than the JSON text and its quotes, so one
 * block of the input's length holds all of them.
 */

#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report/scan.h"

enum { MEMO_MAX = 160 };

enum field_type { FIELD_TEXT, FIELD_WHOLE, FIELD_NUMBER, FIELD_WORKERS };
struct field {
    const char *name; /* NULL behind the last */
    enum field_type type;
    size_t offset;
};

#define POOL(name, type, member)                                                                   \
    {                                                                                              \
        name, type, offsetof(struct summary_pool, member)                                          \
    }
#define WORKER(name, type, member)                                                                 \
    {                                                                                              \
        name, type, offsetof(struct summary_worker, member)                                        \
    }

static const struct field pool_fields[] = {
    POOL("pool", FIELD_TEXT, name),
    POOL("process manager", FIELD_TEXT, pm),
    POOL("kind", FIELD_TEXT, kind),
    POOL("state", FIELD_TEXT, state),
    POOL("reason", FIELD_TEXT, reason),
    POOL("listen", FIELD_TEXT, listen),
    POOL("user", FIELD_TEXT, user),
    POOL("start time", FIELD_WHOLE, start),
    POOL("start since", FIELD_WHOLE, since),
    POOL("idle processes", FIELD_WHOLE, idle),
    POOL("active processes", FIELD_WHOLE, active),
    POOL("total processes", FIELD_WHOLE, total),
    POOL("max children", FIELD_WHOLE, limit),
    POOL("opaque processes", FIELD_WHOLE, opaque),
    POOL("leaving processes", FIELD_WHOLE, leaving),
    POOL("listen queue", FIELD_WHOLE, queue),
    POOL("max listen queue", FIELD_WHOLE, queue_peak),
    POOL("listen queue len", FIELD_WHOLE, queue_limit),
    POOL("requests", FIELD_WHOLE, requests),
    POOL("failed requests", FIELD_WHOLE, failed),
    POOL("timed out requests", FIELD_WHOLE, timed_out),
    POOL("aborted requests", FIELD_WHOLE, aborted),
    POOL("slow requests", FIELD_WHOLE, slow),
    POOL("shed requests", FIELD_WHOLE, shed),
    POOL("max children reached", FIELD_WHOLE, limit_reached),
    POOL("shedding", FIELD_WHOLE, shedding),
    POOL("memory resident", FIELD_WHOLE, resident),
    POOL("memory proportional", FIELD_WHOLE, proportional),
    POOL("measured", FIELD_WHOLE, measured),
    POOL("requests per second", FIELD_NUMBER, rate),
    POOL("cpu seconds", FIELD_NUMBER, cpu),
    POOL("process cpu seconds", FIELD_NUMBER, process_cpu),
    POOL("request seconds", FIELD_NUMBER, request_time),
    POOL("processes", FIELD_WORKERS, workers),
    {NULL, FIELD_TEXT, 0},
};

static const struct field worker_fields[] = {
    WORKER("state", FIELD_TEXT, state),
    WORKER("request method", FIELD_TEXT, method),
    WORKER("request uri", FIELD_TEXT, uri),
    WORKER("script", FIELD_TEXT, script),
    WORKER("user", FIELD_TEXT, user),
    WORKER("pid", FIELD_WHOLE, pid),
    WORKER("slot", FIELD_WHOLE, slot),
    WORKER("generation", FIELD_WHOLE, generation),
    WORKER("start since", FIELD_WHOLE, since),
    WORKER("requests", FIELD_WHOLE, requests),
    WORKER("failed requests", FIELD_WHOLE, failed),
    WORKER("active requests", FIELD_WHOLE, active),
    WORKER("request duration", FIELD_WHOLE, duration),
    WORKER("last request memory", FIELD_WHOLE, memory),
    WORKER("memory resident", FIELD_WHOLE, resident),
    WORKER("memory proportional", FIELD_WHOLE, proportional),
    WORKER("last request status", FIELD_WHOLE, status),
    WORKER("last request cpu", FIELD_NUMBER, cpu),
    WORKER("last request age", FIELD_NUMBER, age),
    {NULL, FIELD_TEXT, 0},
};

/* What the names of an object mean, by place. */
struct memo {
    const struct field *fields;
    struct {
        struct scan_span name;
        const struct field *field; /* NULL: nobody asks for it */
    } places[MEMO_MAX];
    size_t known;
};

struct reading {
    struct scan scan;
    struct memo pools, workers;
    char *texts; /* where the next goes */
    bool no_memory;
};

static bool span_is(const struct scan_span *a, const struct scan_span *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static const struct field *look_up(const struct field *field, const struct scan_span *name)
{
    while (field->name != NULL && (strlen(field->name) != name->length ||
                                   memcmp(field->name, name->text, name->length) != 0))
        field++;
    return field->name == NULL ? NULL : field;
}

/* The field of member number `place`, whose name is `name`. */
static const struct field *recall(struct memo *memo, size_t place, const struct scan_span *name)
{
    if (place >= MEMO_MAX)
        return look_up(memo->fields, name);
    if (place >= memo->known || !span_is(&memo->places[place].name, name)) {
        memo->places[place].name = *name;
        memo->places[place].field = look_up(memo->fields, name);
        if (place == memo->known)
            memo->known++;
    }
    return memo->places[place].field;
}

static void read_text(struct reading *r, const char **ret)
{
    struct scan_span span;
    if (!scan_string(&r->scan, &span))
        return;
    *ret = r->texts;
    r->texts += scan_text(&span, r->texts) + 1;
}

static void read_workers(struct reading *r, struct summary_pool *pool);

static void read_field(struct reading *r, const struct field *field, void *object)
{
    void *member = field == NULL ? NULL : (char *)object + field->offset;
    if (member == NULL)
        scan_skip(&r->scan);
    else if (field->type == FIELD_TEXT)
        read_text(r, member);
    else if (field->type == FIELD_WHOLE)
        (void)scan_whole(&r->scan, member);
    else if (field->type == FIELD_NUMBER)
        (void)scan_number(&r->scan, member);
    else
        read_workers(r, object);
}

/* The members of the object that comes next; nothing when it is none. */
static void read_object(struct reading *r, struct memo *memo, void *object)
{
    struct scan_span name;
    if (!scan_object(&r->scan)) {
        scan_skip(&r->scan);
        return;
    }
    for (size_t place = 0; scan_member(&r->scan, &name); place++)
        read_field(r, recall(memo, place, &name), object);
}

/* Room for one more of `size` bytes behind `count`, zeroed; NULL when there is no memory. */
static void *grow(struct reading *r, void **items, size_t count, size_t size)
{
    /* Powers of two: a full block is told by its count alone. */
    if ((count & (count - 1)) == 0) {
        void *larger = reallocarray(*items, count == 0 ? 1 : 2 * count, size);
        if (larger == NULL) {
            r->no_memory = true;
            return NULL;
        }
        *items = larger;
    }
    return memset((char *)*items + count * size, 0, size);
}

static void read_workers(struct reading *r, struct summary_pool *pool)
{
    if (!scan_array(&r->scan)) {
        scan_skip(&r->scan);
        return;
    }
    while (!r->no_memory && scan_element(&r->scan)) {
        void *items = pool->workers;
        struct summary_worker *w = grow(r, &items, pool->worker_count, sizeof *w);
        pool->workers = items;
        if (w == NULL)
            return;
        pool->worker_count++;
        w->state = w->method = w->uri = w->script = w->user = "";
        read_object(r, &r->workers, w);
    }
}

static void empty_pool(struct summary_pool *p)
{
    memset(p, 0, sizeof *p);
    p->name = p->kind = p->pm = p->state = p->reason = p->listen = p->user = "";
}

static struct summary_pool *add_pool(struct reading *r, struct summary *s)
{
    void *items = s->pools;
    struct summary_pool *p = grow(r, &items, s->count, sizeof *p);
    s->pools = items;
    if (p != NULL) {
        empty_pool(p);
        s->count++;
    }
    return p;
}

static void read_pools(struct reading *r, struct summary *s)
{
    while (!r->no_memory && scan_element(&r->scan)) {
        struct summary_pool *p = add_pool(r, s);
        if (p != NULL)
            read_object(r, &r->pools, p);
    }
}

static void read_ganger(struct reading *r, struct summary *s)
{
    static const struct scan_span version = {"version", 7};
    struct scan_span name;
    if (!scan_object(&r->scan)) {
        scan_skip(&r->scan);
        return;
    }
    while (scan_member(&r->scan, &name)) {
        if (span_is(&name, &version))
            read_text(r, &s->version);
        else
            scan_skip(&r->scan);
    }
}

/* The document: a pool, or what holds the pools.  True when it is one of the two. */
static bool read_root(struct reading *r, struct summary *s)
{
    static const struct scan_span pools = {"pools", 5};
    static const struct scan_span ganger = {"ganger", 6};
    struct summary_pool single;
    struct scan_span name;
    bool plural = false;

    empty_pool(&single);
    if (!scan_object(&r->scan)) {
        scan_skip(&r->scan);
        return false;
    }
    for (size_t place = 0; !r->no_memory && scan_member(&r->scan, &name); place++) {
        if (span_is(&name, &pools) && !plural && scan_array(&r->scan)) {
            plural = true;
            read_pools(r, s);
        } else if (span_is(&name, &ganger)) {
            read_ganger(r, s);
        } else {
            read_field(r, look_up(pool_fields, &name), &single);
        }
    }
    if (plural || single.name[0] == '\0' || r->no_memory) {
        free(single.workers);
        return plural;
    }
    struct summary_pool *p = add_pool(r, s);
    if (p != NULL)
        *p = single;
    else
        free(single.workers);
    return true;
}

int summary_parse(struct summary *ret, const void *json, size_t length, struct error *err)
{
    struct reading r = {.pools.fields = pool_fields, .workers.fields = worker_fields};
    memset(ret, 0, sizeof *ret);
    ret->version = "";
    ret->texts = r.texts = malloc(length + 1);
    if (ret->texts == NULL)
        return error_set(err, ENOMEM, "no memory");
    scan_init(&r.scan, json, length);
    bool known = read_root(&r, ret);
    int rc = 0;
    if (r.no_memory)
        rc = error_set(err, ENOMEM, "no memory");
    else if (scan_end(&r.scan) < 0)
        rc = error_set(err, EPROTO, "the status is no JSON (byte %zu)",
                       (size_t)(r.scan.at - r.scan.start));
    else if (!known)
        rc = error_set(err, EPROTO, "the status holds no pools: is this ganger's status socket?");
    if (rc < 0)
        summary_clear(ret);
    return rc;
}

void summary_clear(struct summary *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->pools[i].workers);
    free(s->pools);
    free(s->texts);
    memset(s, 0, sizeof *s);
    s->version = "";
}
