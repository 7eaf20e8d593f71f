/* SPDX-License-Identifier: Apache-2.0 */
/* Fields → rows.  Invariant: a row in the table is fit to print in every format as it stands. */

#include "report/rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "report/field.h"

static struct row *add(struct rows *rows, enum row_type type, const char *name, const char *label)
{
    if (rows->count == ROWS_MAX) {
        rows->failed = true;
        return NULL;
    }
    struct row *row = &rows->items[rows->count++];
    *row = (struct row){.type = type, .name = name, .label = label};
    return row;
}

static void add_number(struct rows *rows, const char *group, const char *name, const char *label,
                       uint64_t number)
{
    struct row *row = add(rows, ROW_NUMBER, name, label);
    if (row == NULL)
        return;
    row->group = group;
    row->number = number < ROWS_NUMBER_MAX ? number : ROWS_NUMBER_MAX;
}

static void add_field(struct rows *rows, const struct field *f, const void *const *homes)
{
    if (!field_is_shown(f, homes))
        return;
    struct row *row = add(rows, f->type, f->name, f->label == NULL ? f->name : f->label);
    if (row == NULL)
        return;
    row->group = f->group;
    if (f->type != ROW_TEXT) {
        row->number = field_number(f, homes);
        row->decimal = (double)row->number / (f->type == ROW_DECIMAL ? 1e6 : 1);
        return;
    }
    size_t room = sizeof rows->texts - rows->used;
    if (room < 4 * (size_t)f->size + 1) {
        rows->failed = true;
        row->text = "";
        return;
    }
    row->text = rows->texts + rows->used;
    rows->used += field_text(f, homes, rows->texts + rows->used, room) + 1;
}

static void add_histogram(struct rows *rows, unsigned h, const struct board_snapshot *s)
{
    const struct field_histogram *histogram = &field_histograms[h];
    for (unsigned i = 0; i < BOARD_BUCKETS; i++)
        add_number(rows, histogram->group, field_bound(i), field_bound_label(h, i),
                   s->buckets[histogram->which][i]);
}

/* A copy of `text`, kept with the rows. */
static const char *keep(struct rows *rows, const char *text)
{
    size_t length = strlen(text) + 1;
    char *to = rows->texts + rows->used;
    if (sizeof rows->texts - rows->used < length) {
        rows->failed = true;
        return "";
    }
    memcpy(to, text, length);
    rows->used += length;
    return to;
}

static void add_death(struct rows *rows, const char *group, const char *label, const char *name,
                      uint32_t count)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%s %s", label, name);
    const char *kept = keep(rows, text);
    add_number(rows, group, kept + (*kept == '\0' ? 0 : strlen(label) + 1), kept, count);
}

/* Deaths of workers, those causes alone that ever were. */
static void add_deaths(struct rows *rows, const struct board_card *card)
{
    char name[32];
    for (unsigned i = 1; i < BOARD_EXIT_CODES; i++) {
        if (card->exit_codes[i] == 0)
            continue;
        (void)snprintf(name, sizeof name, "%u", i);
        add_death(rows, "exit codes", "exit code", name, card->exit_codes[i]);
    }
    for (unsigned i = 1; i < BOARD_EXIT_SIGNALS; i++) {
        if (card->exit_signals[i] == 0)
            continue;
        field_signal(name, sizeof name, i);
        add_death(rows, "exit signals", "exit signal", name, card->exit_signals[i]);
    }
}

int rows_pool(struct rows *ret, const struct field_pool *pool)
{
    rows_clear(ret);
    for (size_t i = 0; i < field_pools_count; i++)
        add_field(ret, &field_pools[i], pool->homes);
    add_deaths(ret, &pool->snapshot->card);
    for (unsigned h = 0; h < BOARD_TIMES; h++)
        add_histogram(ret, h, pool->snapshot);
    return ret->failed ? -ENOBUFS : 0;
}

int rows_worker(struct rows *ret, const struct field_worker *worker)
{
    rows_clear(ret);
    for (size_t i = 0; i < field_workers_count; i++)
        add_field(ret, &field_workers[i], worker->homes);
    return ret->failed ? -ENOBUFS : 0;
}

void rows_clear(struct rows *rows)
{
    rows->count = 0;
    rows->used = 0;
    rows->failed = false;
}
