/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of the sample before is looked for at the same place first, since lists seldom change, and
 * then among all: a sorted index of names is made when the first one is not where it was.
 */

#include "ctl/top_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

/* When a pool is not measured for so long, there is nothing of it to be measured. */
#define MEASURED_AGAIN (6 * CLOCK_SEC)

void top_model_init(struct top_model *m)
{
    memset(m, 0, sizeof *m);
    m->now.version = m->before.version = "";
}

void top_model_clear(struct top_model *m)
{
    summary_clear(&m->now);
    summary_clear(&m->before);
    free(m->rows);
    top_model_init(m);
}

/* ---- who was it before? ---- */

struct index {
    const struct summary_pool **pools;
    size_t count;
    bool failed;
};

static int by_name(const void *a, const void *b)
{
    const struct summary_pool *const *one = a;
    const struct summary_pool *const *other = b;
    return strcmp((*one)->name, (*other)->name);
}

static void make_index(struct index *index, const struct summary *s)
{
    index->pools = calloc(s->count, sizeof(struct summary_pool *));
    index->failed = index->pools == NULL;
    if (index->failed)
        return;
    index->count = s->count;
    for (size_t i = 0; i < s->count; i++)
        index->pools[i] = &s->pools[i];
    qsort(index->pools, index->count, sizeof(struct summary_pool *), by_name);
}

static const struct summary_pool *pool_before(const struct summary *before, size_t place,
                                              const struct summary_pool *p, struct index *index)
{
    if (place < before->count && strcmp(before->pools[place].name, p->name) == 0)
        return &before->pools[place];
    if (index->pools == NULL && !index->failed && before->count > 0)
        make_index(index, before);
    if (index->pools == NULL)
        return NULL;
    const struct summary_pool **found =
        bsearch(&p, index->pools, index->count, sizeof(struct summary_pool *), by_name);
    return found == NULL ? NULL : *found;
}

/* By slot, then by pid: a new process in a slot is somebody else. */
static const struct summary_worker *worker_before(const struct summary *before, size_t place,
                                                  const struct summary_worker *w)
{
    const struct summary_pool *p = before->count > 0 ? &before->pools[0] : NULL;
    if (p != NULL && place < p->worker_count && p->workers[place].pid == w->pid)
        return &p->workers[place];
    for (size_t i = 0; p != NULL && i < p->worker_count; i++) {
        if (p->workers[i].pid == w->pid)
            return &p->workers[i];
    }
    return NULL;
}

/* ---- rates ---- */

/* What was added; a counter that fell began again from zero. */
static double grown(double now, double before)
{
    return now >= before ? now - before : now;
}

static uint64_t memory_of(uint64_t proportional, uint64_t resident)
{
    return proportional > 0 ? proportional : resident;
}

static uint64_t bad_of(const struct summary_pool *p)
{
    return p->failed + p->timed_out + p->shed;
}

/*
 * Between two measurements, which come every other second while somebody looks; the first one that is
 * seen may be from when somebody looked last, hours ago.  ganger's own stamps tell how far apart they
 * are, in whole seconds; the moments at which they were seen are finer, where they agree with that.
 */
static void reckon_processes(struct top_row *row, const struct top_row *before, uint64_t now)
{
    const struct summary_pool *p = row->pool;
    row->mark = (struct top_mark){.used = p->process_cpu, .stamp = p->measured, .at = now};
    if (before == NULL || before->mark.stamp == 0)
        return;
    const struct top_mark *last = &before->mark;
    uint64_t seen = now - last->at;
    if (seen == 0 || (last->stamp == p->measured && seen < MEASURED_AGAIN)) {
        row->mark = *last;
        row->cpu = before->cpu;
        return;
    }
    double seconds = (double)seen / (double)CLOCK_SEC;
    double told = p->measured > last->stamp ? (double)(p->measured - last->stamp) : 0;
    if (told > 0 && (seconds <= told - 1 || seconds >= told + 1))
        seconds = told;
    row->cpu = grown(p->process_cpu, last->used) / seconds * 100;
}

/* `before` is the row of the same pool in the sample before, or NULL. */
static void reckon_pool(struct top_row *row, const struct top_row *before, double seconds,
                        uint64_t now)
{
    static const struct summary_pool fresh;
    const struct summary_pool *p = row->pool;
    row->memory = memory_of(p->proportional, p->resident);
    row->rate = p->rate;
    if (p->measured > 0)
        reckon_processes(row, before, now);
    if (before == NULL || seconds <= 0)
        return;
    const struct summary_pool *b = p->start == before->pool->start ? before->pool : &fresh;
    double requests = grown((double)p->requests, (double)b->requests);
    row->rate = requests / seconds;
    row->bad = grown((double)bad_of(p), (double)bad_of(b)) / seconds;
    if (p->measured == 0)
        row->cpu = grown(p->cpu, b->cpu) / seconds * 100;
    row->latency = requests > 0 ? grown(p->request_time, b->request_time) / requests : 0;
}

static void reckon_worker(struct top_row *row, const struct summary_worker *b, double seconds)
{
    const struct summary_worker *w = row->worker;
    row->memory = memory_of(w->proportional, w->resident);
    if (row->memory == 0)
        row->memory = w->memory;
    row->latency = (double)w->duration / (double)CLOCK_SEC;
    row->cpu = w->cpu;
    if (b == NULL || seconds <= 0)
        return;
    row->rate = grown((double)w->requests, (double)b->requests) / seconds;
    row->bad = grown((double)w->failed, (double)b->failed) / seconds;
}

/* `rows` and `self` are of the sample before. */
static void reckon(struct top_model *m, const struct top_row *rows, const struct top_row *self)
{
    double seconds =
        m->now_at > m->before_at ? (double)(m->now_at - m->before_at) / (double)CLOCK_SEC : 0;
    struct index index = {0};
    for (size_t i = 0; i < m->count; i++) {
        struct top_row *row = &m->rows[i];
        memset(row, 0, sizeof *row);
        row->place = i;
        row->pool = &m->now.pools[m->workers ? 0 : i];
        if (m->workers) {
            row->worker = &row->pool->workers[i];
            reckon_worker(row, worker_before(&m->before, i, row->worker), seconds);
        } else {
            const struct summary_pool *b = pool_before(&m->before, i, row->pool, &index);
            reckon_pool(row, b == NULL ? NULL : &rows[b - m->before.pools], seconds, m->now_at);
        }
    }
    memset(&m->self, 0, sizeof m->self);
    if (m->workers && m->now.count > 0) {
        m->self.pool = &m->now.pools[0];
        reckon_pool(&m->self, m->before.count > 0 ? self : NULL, seconds, m->now_at);
    }
    free(index.pools);
}

static bool is_failing(const struct summary_pool *p)
{
    return strcmp(p->state, "failing") == 0 || strcmp(p->state, "failed") == 0;
}

/* A hostile pool's numbers wrap round: they are its own lie. */
static void add_up(struct top_model *m)
{
    struct top_totals *t = &m->totals;
    if (m->workers)
        return; /* one pool is not all: those of the last list stand */
    memset(t, 0, sizeof *t);
    t->pools = m->now.count;
    for (size_t i = 0; i < m->count; i++) {
        const struct summary_pool *p = m->rows[i].pool;
        t->failing += is_failing(p);
        if (p->since > t->since)
            t->since = p->since;
        if (strcmp(p->kind, "status") == 0)
            continue;
        t->busy += p->active;
        t->idle += p->idle;
        t->limit += p->limit;
        t->queue += p->queue;
        t->rate += m->rows[i].rate;
    }
}

/* Whether the sample before is one to reckon against. */
static bool comparable(const struct top_model *m, const struct summary *sample, bool workers)
{
    if (!m->any || m->workers != workers)
        return false;
    return !workers || (m->now.count == 1 && sample->count == 1 &&
                        strcmp(m->now.pools[0].name, sample->pools[0].name) == 0);
}

int top_model_feed(struct top_model *m, struct summary *sample, bool workers, uint64_t at)
{
    size_t count =
        workers ? (sample->count > 0 ? sample->pools[0].worker_count : 0) : sample->count;
    struct top_row *rows = calloc(count > 0 ? count : 1, sizeof *rows);
    struct top_row *old = m->rows;
    const struct top_row old_self = m->self;
    if (rows == NULL)
        return -ENOMEM;
    summary_clear(&m->before);
    m->before_at = 0;
    if (comparable(m, sample, workers)) {
        m->before = m->now;
        m->before_at = m->now_at;
    } else {
        summary_clear(&m->now);
        m->before_at = at;
    }
    m->now = *sample;
    memset(sample, 0, sizeof *sample);
    sample->version = "";
    m->now_at = at;
    m->workers = workers;
    m->any = true;
    m->rows = rows;
    m->count = count;
    reckon(m, old, &old_self);
    free(old);
    add_up(m);
    return 0;
}

/* ---- rows ---- */

bool top_model_same(const struct top_row *a, const struct top_row *b)
{
    if ((a->worker == NULL) != (b->worker == NULL))
        return false;
    if (a->worker != NULL)
        return a->worker->pid == b->worker->pid;
    return strcmp(a->pool->name, b->pool->name) == 0;
}

bool top_model_matches(const struct top_row *row, const char *text)
{
    char pid[24] = "";
    const struct summary_worker *w = row->worker;
    const struct summary_pool *p = row->pool;
    if (w != NULL)
        snprintf(pid, sizeof pid, "%llu", (unsigned long long)w->pid);
    const char *const of_worker[] = {pid, w != NULL ? w->state : "", w != NULL ? w->method : "",
                                     w != NULL ? w->uri : "", w != NULL ? w->script : ""};
    const char *const of_pool[] = {p->name, p->state, p->kind, p->user, p->listen};
    const char *const *words = w != NULL ? of_worker : of_pool;
    for (size_t i = 0; i < sizeof of_pool / sizeof *of_pool; i++) {
        if (strcasestr(words[i], text) != NULL)
            return true;
    }
    return text[0] == '\0';
}
