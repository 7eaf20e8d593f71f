/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields as metrics: OpenMetrics 1.0.0, and the older text format of Prometheus 0.0.4, which differ in
 * little: how a counter's family is called, what an info is, and whether there are units and an end.
 *
 * A family's samples must stand together, so this goes over the tables family by family, and over all
 * pools for each.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "report/pen.h"
#include "report/pools.h"

/* One pool or worker, and its labels as they stand between the braces of every sample of it. */
struct labelled {
    const void *const *homes;
    const char *labels;
    size_t start, length; /* in `texts` */
};
struct metrics {
    struct pen pen;
    bool old; /* 0.0.4 */
    size_t pool_count, worker_count;
    struct field_pool *pools;
    struct field_worker *workers;
    struct labelled *pool_labels, *worker_labels;
    struct bytes texts; /* all labels, one behind the other */
};

/* ---------------------------------------------------------------- the format */

static void put_family(struct metrics *m, const char *family, const char *suffix, const char *type,
                       const char *unit, const char *help)
{
    struct pen *p = &m->pen;
    const struct {
        const char *word, *value;
    } lines[] = {{"# TYPE ", type}, {"# UNIT ", m->old ? NULL : unit}, {"# HELP ", help}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i].value == NULL)
            continue;
        pen_text(p, lines[i].word);
        pen_text(p, family);
        pen_text(p, m->old ? suffix : "");
        pen_text(p, " ");
        pen_text(p, lines[i].value);
        pen_text(p, "\n");
    }
}

/* `name{LABELS,key="value"}`, and a blank. */
static void put_name(struct pen *p, const char *family, const char *suffix,
                     const struct labelled *who, const char *key, const char *value)
{
    pen_text(p, family);
    pen_text(p, suffix);
    pen_text(p, "{");
    pen_bytes(p, who->labels, who->length);
    if (key != NULL) {
        pen_text(p, ",");
        pen_text(p, key);
        pen_text(p, "=");
        pen_quoted(p, value);
    }
    pen_text(p, "} ");
}

static void put_count(struct pen *p, const char *family, const char *suffix,
                      const struct labelled *who, const char *key, const char *value,
                      uint64_t number)
{
    put_name(p, family, suffix, who, key, value);
    pen_number(p, number);
    pen_text(p, "\n");
}

static void put_sample(struct pen *p, const struct field *f, const struct labelled *who)
{
    uint64_t number = field_number(f, who->homes);
    put_name(p, f->family, f->metric == FIELD_COUNTER ? "_total" : "", who, f->key, f->value);
    if (f->type == ROW_DECIMAL)
        pen_decimal(p, number, 1);
    else
        pen_number(p, number);
    pen_text(p, "\n");
}

static bool same_family(const struct field *a, const struct field *b)
{
    return b->family != NULL && strcmp(a->family, b->family) == 0;
}

/* Every family of a table, with a sample of each of `who`. */
static void put_table(struct metrics *m, const struct field *fields, size_t count,
                      const struct labelled *who, size_t who_count)
{
    for (size_t first = 0, end; first < count; first = end) {
        const struct field *f = &fields[first];
        end = first + 1;
        if (f->metric == FIELD_NO_METRIC)
            continue;
        while (end < count && same_family(f, &fields[end]))
            end++;
        put_family(m, f->family, f->metric == FIELD_COUNTER ? "_total" : "",
                   f->metric == FIELD_COUNTER ? "counter" : "gauge", f->unit, f->help);
        for (size_t w = 0; w < who_count; w++) {
            for (size_t i = first; i < end; i++) {
                if (field_is_shown(&fields[i], who[w].homes))
                    put_sample(&m->pen, &fields[i], &who[w]);
            }
        }
    }
}

/* ---------------------------------------------------------------- what is no plain number */

/* Of a pool each state, 1 for the one that it is in; of a worker that one alone. */
static void put_states(struct metrics *m)
{
    put_family(m, "ganger_pool_state", "", "gauge", NULL, "1 for the state that the pool is in");
    for (size_t i = 0; i < m->pool_count; i++) {
        for (const char *const *state = field_pool_states; *state != NULL; state++)
            put_count(&m->pen, "ganger_pool_state", "", &m->pool_labels[i], "state", *state,
                      strcmp(*state, m->pools[i].state) == 0);
    }
    if (m->worker_count == 0)
        return;
    put_family(m, "ganger_worker_state", "", "gauge", NULL, "The state that the worker is in");
    for (size_t i = 0; i < m->worker_count; i++)
        put_count(&m->pen, "ganger_worker_state", "", &m->worker_labels[i], "state",
                  m->workers[i].state, 1);
}

/* The text fields that describe a pool are labels of a sample that is always 1. */
static void put_infos(struct metrics *m)
{
    static const char *const words[][2] = {
        {"kind", "kind"}, {"process manager", "pm"}, {"listen", "listen"}, {"user", "user"}};
    char text[4 * BOARD_LISTEN + 1];
    struct pen *p = &m->pen;
    put_family(m, "ganger_pool", "_info", m->old ? "gauge" : "info", NULL, "What a pool is");
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct labelled *who = &m->pool_labels[i];
        pen_text(p, "ganger_pool_info{");
        pen_bytes(p, who->labels, who->length);
        for (size_t f = 0; f < field_pools_count; f++) {
            for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
                if (strcmp(field_pools[f].name, words[w][0]) != 0)
                    continue;
                (void)field_text(&field_pools[f], who->homes, text, sizeof text);
                pen_text(p, ",");
                pen_text(p, words[w][1]);
                pen_text(p, "=");
                pen_quoted(p, text);
            }
        }
        pen_text(p, "} 1\n");
    }
}

static void put_deaths(struct metrics *m)
{
    char name[32];
    put_family(m, "ganger_exit_codes", "_total", "counter", NULL,
               "Workers that ended with an exit status other than 0, by status");
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct board_card *card = &m->pools[i].snapshot->card;
        for (unsigned n = 1; n < BOARD_EXIT_CODES; n++) {
            if (card->exit_codes[n] == 0)
                continue;
            (void)snprintf(name, sizeof name, "%u", n);
            put_count(&m->pen, "ganger_exit_codes", "_total", &m->pool_labels[i], "code", name,
                      card->exit_codes[n]);
        }
    }
    put_family(m, "ganger_exit_signals", "_total", "counter", NULL,
               "Workers that a signal ended, by signal");
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct board_card *card = &m->pools[i].snapshot->card;
        for (unsigned n = 1; n < BOARD_EXIT_SIGNALS; n++) {
            if (card->exit_signals[n] == 0)
                continue;
            field_signal(name, sizeof name, n);
            put_count(&m->pen, "ganger_exit_signals", "_total", &m->pool_labels[i], "signal", name,
                      card->exit_signals[n]);
        }
    }
}

static uint64_t no_more(uint64_t number)
{
    return number < ROWS_NUMBER_MAX ? number : ROWS_NUMBER_MAX;
}

static void put_histogram(struct metrics *m, const struct field_histogram *h)
{
    struct pen *p = &m->pen;
    put_family(m, h->family, "", "histogram", "seconds", h->help);
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct board_snapshot *s = m->pools[i].snapshot;
        const struct labelled *who = &m->pool_labels[i];
        uint64_t count = 0;
        for (unsigned b = 0; b < BOARD_BUCKETS; b++) {
            count = no_more(no_more(s->buckets[h->which][b]) + count);
            put_count(p, h->family, "_bucket", who, "le", field_bound_float(b), count);
        }
        put_count(p, h->family, "_count", who, NULL, NULL, count);
        put_name(p, h->family, "_sum", who, NULL, NULL);
        pen_decimal(p, no_more(s->times[h->which]), 1);
        pen_text(p, "\n");
    }
}

static void put_self(struct metrics *m, const struct report *r)
{
    struct pen *p = &m->pen;
    put_family(m, "ganger_build", "_info", m->old ? "gauge" : "info", NULL, "Which ganger this is");
    pen_text(p, "ganger_build_info{version=\"" GANGER_VERSION "\"} 1\n");
    put_family(m, "ganger_pools", "", "gauge", NULL, "How many pools are told of here");
    pen_text(p, "ganger_pools ");
    pen_number(p, report_count(r));
    pen_text(p, "\n");
}

/* ---------------------------------------------------------------- all of it */

static void label_worker(struct pen *p, const char *pool, const struct field_worker *w)
{
    pen_text(p, "pool=");
    pen_quoted(p, pool);
    pen_text(p, ",slot=\"");
    pen_number(p, w->view->index);
    pen_text(p, "\",pid=\"");
    pen_number(p, w->pid);
    pen_text(p, "\"");
}

/* What every sample of a pool or a worker has between its braces, spelt once. */
static int label(struct metrics *m, const struct report *r)
{
    char pool[4 * BOARD_NAME + 1];
    size_t worker = 0;
    struct pen p;
    pen_init(&p, &m->texts);
    for (size_t i = 0; i < m->pool_count; i++) {
        struct labelled *who = &m->pool_labels[i];
        report_pool(r, i, &m->pools[i]);
        (void)field_text(&field_pools[0], m->pools[i].homes, pool, sizeof pool);
        who->homes = m->pools[i].homes;
        who->start = pen_held(&p);
        pen_text(&p, "pool=");
        pen_quoted(&p, pool);
        who->length = pen_held(&p) - who->start;
        for (size_t w = 0; worker < m->worker_count && w < report_pool_workers(r, i);
             w++, worker++) {
            report_worker(r, i, w, &m->workers[worker]);
            who = &m->worker_labels[worker];
            who->homes = m->workers[worker].homes;
            who->start = pen_held(&p);
            label_worker(&p, pool, &m->workers[worker]);
            who->length = pen_held(&p) - who->start;
        }
    }
    return pen_done(&p);
}

/* Now that nothing moves any more. */
static void locate(const struct metrics *m, struct labelled *who, size_t count)
{
    for (size_t i = 0; i < count; i++)
        who[i].labels = (const char *)bytes_front(&m->texts) + who[i].start;
}

static int prepare(struct metrics *m, const struct report *r, bool full)
{
    m->pool_count = report_count(r);
    for (size_t i = 0; full && i < m->pool_count; i++)
        m->worker_count += report_pool_workers(r, i);
    /* One more than there are: none is no failure. */
    m->pools = calloc(m->pool_count + 1, sizeof *m->pools);
    m->pool_labels = calloc(m->pool_count + 1, sizeof *m->pool_labels);
    m->workers = calloc(m->worker_count + 1, sizeof *m->workers);
    m->worker_labels = calloc(m->worker_count + 1, sizeof *m->worker_labels);
    if (m->pools == NULL || m->pool_labels == NULL || m->workers == NULL ||
        m->worker_labels == NULL)
        return -ENOMEM;
    int rc = label(m, r);
    locate(m, m->pool_labels, m->pool_count);
    locate(m, m->worker_labels, m->worker_count);
    return rc;
}

int report_openmetrics(const struct report *r, bool full, bool old, struct bytes *out)
{
    struct metrics m = {.old = old};
    bytes_init(&m.texts, SIZE_MAX / 2);
    pen_init(&m.pen, out);
    int rc = prepare(&m, r, full);
    if (rc == 0) {
        put_self(&m, r);
        put_infos(&m);
        put_states(&m);
        put_table(&m, field_pools, field_pools_count, m.pool_labels, m.pool_count);
        put_deaths(&m);
        for (size_t i = 0; i < BOARD_TIMES; i++)
            put_histogram(&m, &field_histograms[i]);
        if (m.worker_count > 0)
            put_table(&m, field_workers, field_workers_count, m.worker_labels, m.worker_count);
        pen_text(&m.pen, old ? "" : "# EOF\n");
    }
    int written = pen_done(&m.pen);
    free(m.pools);
    free(m.pool_labels);
    free(m.workers);
    free(m.worker_labels);
    bytes_clear(&m.texts);
    return rc < 0 ? rc : written;
}
